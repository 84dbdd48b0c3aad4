import { compareNames } from '../../storage/names.ts'
import { STEP_READ_RATE } from '../../wire/limits.ts'
import { subtractCalls } from '../../wire/prices.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Manifest, ReplicaReport } from '../../wire/schemas/manifest.ts'
import { isSilence } from '../../wire/storage-error.ts'
import type { Member } from '../ask/member.ts'
import { audit } from '../audit/audit.ts'
import type { AuditContext, Compared } from '../audit/audit-request.ts'
import { isDifferent } from '../ledger/record-audit.ts'
import type { Position, StepLedger } from './step-ledger.ts'

/** How much one step compares: it ends behind the name, or the span, with which any of these is reached. */
export interface StepBudget {
  readonly names: number
  /** Names that differ, or lie in spans that do: what is found of them is held until the step ends. */
  readonly differing: number
  /** Calls of stores that count them. */
  readonly calls: number
  /** Bytes that are read of files. */
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
  /** The replicas whose survey came to its end, but that did not answer for a name that differs. */
  const unanswered = new Map<string, ReplicaReport>()
  let summary: AuditSummary | undefined
  const meter = createMeter(context.members)
  const isReached = ({ names, differing }: Compared) => {
    const { calls, bytes } = meter.read()
    const isCostly = calls >= budget.calls || bytes >= budget.bytes
    return isCostly || names >= budget.names || differing >= budget.differing
  }
  const range = { prefix: '', match: [], exclude: [], after, until: until ?? undefined }
  // With a rate files are read one after the other, so that the budget of bytes is looked at after each.
  const rate = maxAge === null ? undefined : STEP_READ_RATE
  await audit(
    { ...range, all: false, maxAge, rate, limit: { isReached } },
    {
      ...context,
      trace: undefined,
      signal: new AbortController().signal,
      onRead: meter.onRead,
      async writeLine(line) {
        if ('summary' in line) summary = line.summary
        else if ('name' in line) {
          if (isDifferent(line)) manifests.push(line)
          for (const report of line.replicas) if (isUnanswered(report)) unanswered.set(report.id, report)
        } else onAlive?.()
      },
    },
  )
  if (summary === undefined) throw new Error('an audit has no summary')
  const replicas = summary.replicas.map((one) => {
    const { error, detail } = unanswered.get(one.id) ?? {}
    return error === undefined || one.state === 'error'
      ? one
      : { ...one, state: 'error' as const, error, detail }
  })
  const failed = replicas.filter(({ state }) => state === 'error')
  if (failed.length > 0 && !isLast)
    throw new Error(failed.map(({ id, detail }) => `${id}: ${detail}`).join(', '))
  const isAnyLeft = summary.replicas.some(({ state }) => state === 'ok')
  const end = isAnyLeft ? (summary.next ?? null) : until
  const reached = end === null || (until !== null && compareNames(end, until) >= 0) ? until : end
  const step = {
    audit: number,
    part,
    nth,
    after,
    reached,
    began,
    ended: Date.now(),
    summary: { ...summary, replicas },
  }
  return await ledger.noteStep(step, manifests)
}

/** Whether no answer arrived from the replica; not if it answered that it cannot read the file. */
function isUnanswered({ state, error }: ReplicaReport): boolean {
  return state === 'error' && error !== undefined && isSilence(error)
}

/** Counts what is taken from now on: by the stores that count it, and else what their surveys report. */
function createMeter(members: readonly Pick<Member, 'id' | 'storage'>[]) {
  const counting = members.flatMap(({ storage: { billing } }) => billing ?? [])
  const uncounted = new Set(members.flatMap(({ id, storage }) => (storage.billing ? [] : id)))
  const before = counting.map((billing) => billing.calls())
  let reported = 0
  return {
    onRead(id: string, bytes: number): void {
      if (uncounted.has(id)) reported += bytes
    },
    read() {
      const taken = counting.map((billing, i) => subtractCalls(billing.calls(), before[i]))
      return {
        calls: taken.reduce((sum, { list, head, get }) => sum + list + head + get, 0),
        bytes: taken.reduce((sum, { bytes }) => sum + bytes, reported),
      }
    },
  }
}
