import { addAmounts, type EvidenceCounts, type Progress } from '../../storage/survey/survey.ts'
import { addCounts, addPassed, toPassedMember } from '../../wire/passed.ts'
import type { Calls } from '../../wire/prices.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import { type Agreement, EVIDENCES } from '../../wire/schemas/values.ts'

type ReplicaSummary = AuditSummary['replicas'][number]

/**
 * The summary of two audits of the same replicas that compared different names, as one audit of all these
 * names would have reported it, without `changes`, `next` and `scope`. A replica that one of them has left
 * out counts as left out.
 */
export function mergeSummaries(a: AuditSummary, b: AuditSummary): AuditSummary {
  const agreements = { ...a.agreements }
  for (const [agreement, names] of Object.entries(b.agreements) as [Agreement, number][]) // by its type
    agreements[agreement] = addCounts(agreements[agreement] ?? 0, names)
  return {
    agreement: mergeAgreements(a.agreement, b.agreement),
    names: addCounts(a.names, b.names),
    agreements,
    rotten: addCounts(a.rotten, b.rotten),
    uncompared: addCounts(a.uncompared ?? 0, b.uncompared ?? 0),
    ...(a.exclude && { exclude: a.exclude }),
    replicas: a.replicas.map((one) => {
      const other = b.replicas.find(({ id }) => id === one.id)
      return other === undefined ? one : mergeReplicas(one, other)
    }),
  }
}

/** The agreement of all names of two sets together; `unknown` only if nothing is known of either. */
function mergeAgreements(a: Agreement, b: Agreement): Agreement {
  if (a === b) return a
  const both = [a, b].map((agreement) => (agreement === 'unknown' ? 'degraded' : agreement))
  return BY_WEIGHT.find((agreement) => both.includes(agreement)) ?? 'absent'
}

const BY_WEIGHT = ['conflict', 'degraded', 'incomplete', 'unanimous', 'absent'] as const

/** A replica of two audits that compared different names; left out if it was left out of one of them. */
function mergeReplicas(a: ReplicaSummary, b: ReplicaSummary): ReplicaSummary {
  const { state, error, detail } = a.state === 'error' ? a : b
  const passed = addPassed(a.passed ?? [], b.passed ?? [])
  return {
    ...{ id: a.id, state },
    ...(error !== undefined && { error }),
    ...(detail !== undefined && { detail }),
    ...{ seen: addSeen(a.seen, b.seen), of: a.of && b.of && addAmounts(a.of, b.of) },
    ...(a.passed && b.passed && { passed: toPassedMember(passed) }),
    ...(a.calls && b.calls && { calls: { prices: a.calls.prices, ...addCalls(a.calls, b.calls) } }),
  }
}

function addCalls(a: Calls, b: Calls): Calls {
  return {
    ...{ list: addCounts(a.list, b.list), head: addCounts(a.head, b.head), get: addCounts(a.get, b.get) },
    ...{ put: addCounts(a.put, b.put), bytes: addCounts(a.bytes, b.bytes) },
  }
}

function addSeen(a: Progress['seen'], b: Progress['seen']): Progress['seen'] {
  const counts = Object.fromEntries(
    EVIDENCES.map((evidence) => [evidence, addCounts(a[evidence], b[evidence])]),
  )
  const ages = [a.oldest, b.oldest].filter((age) => age !== null)
  return {
    ...addAmounts(a, b),
    ...(counts as Omit<EvidenceCounts, 'oldest'>), // has each evidence
    oldest: ages.length === 0 ? null : Math.max(...ages),
  }
}
