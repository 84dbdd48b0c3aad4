import type { Confidence } from '../../../functions/coordinator/audit/audit-request.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { type AuditSummary, auditLine } from '../../../functions/wire/schemas/audit.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { toFilters } from '../check/summary.ts'
import { createAuditMeter } from '../terminal/progress.ts'
import { Broken } from './coordinator-client.ts'
import { readNdjson } from './ndjson.ts'
import { toMaxAgeQuery } from './source.ts'

/** What an audit compares, and whether it reports every name. */
interface AuditQuery {
  readonly all: boolean
  readonly match: readonly string[]
  readonly exclude: readonly string[]
  /** Seconds. */
  readonly maxAge?: number | undefined
  readonly deep?: boolean
  readonly prove?: number | undefined
  readonly confidence?: Confidence | undefined
  readonly seed?: string | undefined
  readonly after?: string | undefined
  readonly until?: string | undefined
}

/** The query of `GET /audit`; `excluded` are the globs that settings exclude. */
export function toAuditQuery(
  options: AuditQuery,
  prefix: string,
  excluded: readonly string[],
): URLSearchParams {
  const query = new URLSearchParams({ ...(prefix !== '' && { prefix }), ...toMaxAgeQuery(options) })
  const { after, until } = options
  if (after !== undefined) query.set('after', after)
  if (until !== undefined) query.set('until', until)
  if (options.all) query.set('all', 'true')
  const share = toShareText(options)
  if (share !== undefined) query.set('prove', share)
  if (options.seed !== undefined) query.set('seed', options.seed)
  for (const [flag, glob] of toFilters(options)) query.append(flag, glob)
  for (const glob of excluded) query.append('exclude', glob)
  return query
}

/** The parameter `prove`; throws a UserError when flags contradict each other. */
function toShareText({ prove, confidence, seed }: AuditQuery): string | undefined {
  if (prove !== undefined && confidence !== undefined)
    throw new UserError('--prove and --confidence both say how many names to prove; leave one of them out')
  if (prove === undefined && confidence === undefined && seed !== undefined)
    throw new UserError('--seed chooses the names to prove; add --prove=SHARE or --confidence SURE,BAD')
  if (confidence === undefined) return prove === undefined ? undefined : toDecimal(prove)
  return `${toDecimal(confidence.sure)},${toDecimal(confidence.bad)}`
}

/** A fraction above 0, at most 1, without trailing zeros: `0.001`. */
function toDecimal(fraction: number): string {
  return fraction === 1 ? '1' : fraction.toFixed(11).replace(/0+$/, '')
}

/**
 * Passes the names of an audit to `onNames`, in batches as they arrive, and draws its progress; calls
 * `onReported` when all names up to one have been reported. Resolves with the summary; throws `Broken` when
 * the audit does not come to its end.
 */
export async function readAudit(
  response: Reply,
  io: Io,
  onNames: (manifests: readonly Manifest[]) => Promise<void>,
  onReported: (name: string) => void = () => {},
): Promise<AuditSummary> {
  const meter = createAuditMeter(io.stderr)
  let summary: AuditSummary | undefined
  try {
    for await (const lines of readNdjson(response, auditLine)) {
      const manifests: Manifest[] = []
      for (const line of lines) {
        const reported = 'name' in line ? line.name : 'progress' in line ? line.progress.after : undefined
        if (reported !== undefined) onReported(reported)
        if ('progress' in line) meter.update(line.progress.replicas)
        else meter.clear()
        if ('name' in line) manifests.push(line)
        if ('summary' in line) summary = line.summary
      }
      if (manifests.length > 0) await onNames(manifests)
    }
  } finally {
    meter.clear()
  }
  if (summary === undefined) throw new Broken('the audit broke off before its end; run it again')
  return summary
}
