import { AUDIT_BATCH_NAMES } from '../../wire/limits.ts'
import type { AuditLine, AuditSummary, Changes } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { audit } from '../audit/audit.ts'
import type { AuditContext, AuditRequest } from '../audit/audit-request.ts'
import type { CoordinatorContext } from '../context.ts'
import type { Ledger, Scope } from './ledger.ts'

/**
 * Runs an audit, and records it in the ledger, if there is one: its summary then has `changes`. A ledger that
 * fails is reported, and left alone until the next audit. Rejects as `audit` does.
 */
export async function auditRecorded(
  request: AuditRequest,
  context: AuditContext & Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed'>,
): Promise<void> {
  const { ledger, onLedgerFailed, writeLine } = context
  if (ledger === undefined) return await audit(request, context)
  const recorder = createRecorder(ledger, onLedgerFailed)
  await recorder.begin(request)
  await audit(request, {
    ...context,
    async writeLine(line: AuditLine) {
      if ('name' in line && isDifferent(line)) await recorder.note(line)
      if (!('summary' in line)) return await writeLine(line)
      const changes = await recorder.end(line.summary)
      await writeLine(changes === undefined ? line : { summary: { ...line.summary, changes } })
    },
  })
}

/** Records one audit; after a failure, which it reports, it does nothing. */
function createRecorder(ledger: Ledger, onFailed: CoordinatorContext['onLedgerFailed']) {
  let pending: Manifest[] = []
  let number: number | undefined
  let hasFailed = false

  async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (hasFailed) return undefined
    try {
      return await work()
    } catch (error) {
      hasFailed = true
      onFailed?.(error)
      return undefined
    }
  }

  async function flush(): Promise<void> {
    const noted = pending
    pending = []
    if (number !== undefined && noted.length > 0) await ledger.note(number, noted)
  }

  return {
    async begin({ prefix, match, exclude, after, isVerification }: Scope): Promise<void> {
      // A request also has functions, and a ledger in a Durable Object takes none.
      const scope = { prefix, match, exclude, after, isVerification }
      number = await attempt(() => ledger.begin(scope, Date.now()))
    },
    async note(manifest: Manifest): Promise<void> {
      pending.push(manifest)
      if (pending.length >= AUDIT_BATCH_NAMES) await attempt(flush)
    },
    async end(summary: AuditSummary): Promise<Changes | undefined> {
      return await attempt(async () => {
        await flush()
        return number === undefined ? undefined : await ledger.end(number, Date.now(), summary)
      })
    },
  }
}

export function isDifferent({ agreement, replicas }: Manifest): boolean {
  return agreement !== 'unanimous' || replicas.some(({ rottedFrom }) => rottedFrom !== undefined)
}
