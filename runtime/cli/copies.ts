import { parseHttpDate, toTimestamp } from '../../functions/wire/dates.ts'
import { parseReplicaAgreement, parseReplicaStatus, parseReprDigest } from '../../functions/wire/fields.ts'
import { toFilePath } from '../../functions/wire/routes.ts'
import type { Agreement, ReplicaReport } from '../../functions/wire/schemas.ts'
import { Refusal } from '../node/refusal.ts'
import type { Ask } from './ask.ts'
import type { Copy } from './explain.ts'

/** What each replica holds of a name: who there is by the compared read, then what each says by itself. */
export async function readCopies(
  ask: Ask,
  name: string,
): Promise<{ readonly agreement: Agreement; readonly copies: readonly Copy[] }> {
  const { headers, status } = await ask(toFilePath(name), { method: 'HEAD' })
  const agreement = parseReplicaAgreement(headers.get('Replica-Agreement') ?? '')?.agreement
  const reports = parseReplicaStatus(headers.get('Replica-Status') ?? '')
  if (agreement === undefined || reports === null) {
    throw new Refusal(`answered ${status} without a coordinator's fields: is that a coordinator's address?`)
  }
  return { agreement, copies: await Promise.all(reports.map((report) => readCopy(ask, name, report))) }
}

async function readCopy(ask: Ask, name: string, report: ReplicaReport): Promise<Copy> {
  if (report.state !== 'match' && report.state !== 'differ') return report
  const { headers, status } = await ask(`${toFilePath(name)}?replica=${report.id}`, { method: 'HEAD' })
  const version = parseReprDigest(headers.get('Repr-Digest') ?? '')
  // It is no longer as it was told a moment ago.
  if (status !== 200 || version === null)
    return { id: report.id, state: 'error', error: 'http_response_incomplete' }
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  return {
    ...report,
    version,
    size: Number(headers.get('Content-Length')),
    ...(modified !== null && { modified: toTimestamp(modified) ?? undefined }),
  }
}
