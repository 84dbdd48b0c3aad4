import { compareNames } from '../../storage/names.ts'
import type { AuditSummary, Manifest } from '../../wire/schemas.ts'
import { type AuditContext, audit, type Compared } from '../audit/audit.ts'
import { isDifferent } from '../ledger/record-audit.ts'
import type { Position, StepLedger } from './step-ledger.ts'

/** How much one step compares: it ends behind the name, or the span of names, with which any of these is reached. */
export interface StepBudget {
  readonly names: number
  /** Names that differ, or lie in spans that do: what is found of them is held until the step ends. */
  readonly differing: number
  /** Bytes read of files, by any replica. */
  readonly bytes: number
}

export interface StepContext extends Omit<AuditContext, 'writeLine' | 'signal' | 'trace'> {
  readonly ledger: StepLedger
  readonly budget: StepBudget
  /** As in `AuditRequest`. */
  readonly maxAge: number | null
  /** Called when a step is under way, about once a second. */
  readonly onAlive?: (() => void) | undefined
}

/**
 * Compares the next range of a part, and records it. Resolves with the position after it; null when the part
 * has ended. Does nothing if somebody else has done the step meanwhile. Rejects when a replica fails, so that
 * the caller tries again later; with `isLast` the range is recorded as unverified instead, up to where the
 * other replicas show that it ends, or, when none answers, up to the end of the part.
 */
export async function compareStep(
  { audit: number, part, nth }: Position,
  isLast: boolean,
  { ledger, budget, maxAge, onAlive, ...context }: StepContext,
): Promise<Position | null> {
  const at = await ledger.findPosition(number, part)
  if (at === null || at.nth !== nth) return at
  const began = Date.now()
  const { after, until } = at
  const manifests: Manifest[] = []
  let summary: AuditSummary | undefined
  let bytes = 0
  const isReached = ({ names, differing }: Compared) =>
    names >= budget.names || differing >= budget.differing || bytes >= budget.bytes
  const range = { prefix: '', match: [], exclude: [], after, until: until ?? undefined }
  await audit(
    { ...range, all: false, maxAge, limit: { isReached } },
    {
      ...context,
      trace: undefined,
      signal: new AbortController().signal,
      onRead(_, read) {
        bytes += read
      },
      async writeLine(line) {
        if ('summary' in line) summary = line.summary
        else if ('name' in line) {
          if (isDifferent(line)) manifests.push(line)
        } else onAlive?.()
      },
    },
  )
  if (summary === undefined) throw new Error('an audit has no summary')
  const failed = summary.replicas.filter(({ state }) => state === 'error')
  if (failed.length > 0 && !isLast)
    throw new Error(failed.map(({ id, detail }) => `${id}: ${detail}`).join(', '))
  const end = failed.length < summary.replicas.length ? (summary.next ?? null) : until
  const reached = end === null || (until !== null && compareNames(end, until) >= 0) ? until : end
  const step = { audit: number, part, nth, after, reached, began, ended: Date.now(), summary }
  return await ledger.noteStep(step, manifests)
}
