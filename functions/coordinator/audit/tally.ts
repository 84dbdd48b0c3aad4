import { compareNames } from '../../storage/names.ts'
import { NOTHING_SEEN, type Progress } from '../../storage/survey/survey.ts'
import { MARK_NAMES } from '../../wire/limits.ts'
import { addPassed, countFiles, type Passed, toPassedMember } from '../../wire/passed.ts'
import { subtractCalls } from '../../wire/prices.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import { AGREEMENTS, type Agreement } from '../../wire/schemas/values.ts'
import type { StorageError } from '../../wire/storage-error.ts'
import type { Member } from '../ask/member.ts'
import { createMarks } from './marks.ts'

export type Tally = ReturnType<typeof createTally>

/** Counts what an audit has found so far. */
export function createTally(members: readonly Pick<Member, 'id' | 'storage'>[]) {
  const before = members.map(({ storage: { billing } }) => billing?.calls())
  const nothing: Progress = { seen: NOTHING_SEEN, of: null }
  const progress = new Map(members.map(({ id }) => [id, nothing]))
  const lost = new Map<string, StorageError>()
  /** The skipped entries of each replica, and the replicas that have reported all of them. */
  const passed = new Map<string, readonly Passed[]>()
  const counted = new Set<string>()
  const agreements: Partial<Record<Agreement, number>> = {}
  let rotten = 0
  let next: string | undefined
  let reached = ''
  const marks = createMarks(MARK_NAMES)

  function count(agreement: Agreement, names: number, rotted = 0): void {
    if (names > 0) agreements[agreement] = (agreements[agreement] ?? 0) + names
    rotten += rotted
  }

  /** An audit that ends before its last name has reported what was skipped before. */
  const isCounted = (id: string) => next !== undefined || counted.has(id)

  function toReplica(
    { id, storage: { billing } }: Pick<Member, 'id' | 'storage'>,
    nth: number,
  ): AuditSummary['replicas'][number] {
    const error = lost.get(id)
    const state = error
      ? ({ state: 'error', error: error.reason, detail: error.message } as const)
      : ({ state: 'ok' } as const)
    const skipped = isCounted(id) && { passed: toPassedMember(passed.get(id) ?? []) }
    const calls = billing && {
      calls: { prices: billing.prices, ...subtractCalls(billing.calls(), before[nth]) },
    }
    return { id, ...state, ...(progress.get(id) ?? nothing), ...skipped, ...calls }
  }

  return {
    progress,
    /** The replicas that are left out, and why. */
    lost: lost as ReadonlyMap<string, StorageError>,
    count,
    lose: (id: string, error: StorageError) => void lost.set(id, error),
    /** Counts names that all replicas that are not left out hold alike. */
    countSame: (names: number) => count(lost.size > 0 ? 'degraded' : 'unanimous', names),
    /** Notes that the audit ends behind this name. */
    stop(name: string): void {
      next ??= name
    },
    /** Notes what was compared up to this name. */
    mark: marks.add,
    /** Notes that all names up to this one have been reported, and never less than was noted before. */
    reach(name: string): void {
      if (compareNames(name, reached) > 0) reached = name
    },
    addPassed(id: string, more: readonly Passed[], isAll: boolean): void {
      passed.set(id, addPassed(passed.get(id) ?? [], more))
      if (isAll) counted.add(id)
    },
    toProgress: () => ({
      progress: {
        ...(reached !== '' && { after: reached }),
        replicas: [...progress].map(([id, one]) => ({ id, ...one })),
      },
    }),
    toSummary(): AuditSummary {
      const replicas = members.map(toReplica)
      const uncompared = countFiles(replicas.flatMap(({ passed = [] }) => passed))
      const isWhole = lost.size === 0 && uncompared === 0 && members.every(({ id }) => isCounted(id))
      const isUnknown = lost.size === members.length
      const agreement = toWhole(agreements, isUnknown ? 'unknown' : isWhole ? 'unanimous' : 'degraded')
      const names = Object.values(agreements).reduce((a, b) => a + b, 0)
      return {
        agreement,
        names,
        agreements: toOrdered(agreements),
        rotten,
        uncompared,
        ...(next !== undefined && { next }),
        ...(marks.get().length > 0 && { marks: [...marks.get()] }),
        replicas,
      }
    },
  }
}

/** The counts in one order, however they came about. */
export function toOrdered(agreements: AuditSummary['agreements']): AuditSummary['agreements'] {
  const counted = AGREEMENTS.filter((agreement) => agreements[agreement] !== undefined)
  return Object.fromEntries(counted.map((agreement) => [agreement, agreements[agreement]]))
}

/** The agreement of all names together, by the rules for one name; no better than `best`. */
function toWhole(
  { conflict, degraded, unknown, incomplete, unanimous }: Partial<Record<Agreement, number>>,
  best: 'unknown' | 'degraded' | 'unanimous',
): Agreement {
  if (conflict) return 'conflict'
  if (best === 'unknown') return best
  if (best === 'degraded' || degraded || unknown) return 'degraded'
  if (incomplete) return 'incomplete'
  return unanimous ? 'unanimous' : 'absent'
}
