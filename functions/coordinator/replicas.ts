import type { Trace } from '../wire/trace.ts'
import { compare } from './compare.ts'
import { gather, type Member } from './gather.ts'
import { toReports } from './report.ts'
import type { Suspects } from './suspects.ts'

/** A name that no tree has: asking for it shows whether a replica answers, by the path that every read takes. */
const PROBE = '.well-known/vouch-probe'

/** How one replica is. */
export interface ReplicaState {
  readonly id: string
  /** `error` when it does not answer, and then why. */
  readonly state: 'ok' | 'error'
  readonly error?: string | undefined
  readonly detail?: string | undefined
  readonly breaker: ReturnType<Member['breaker']['state']>
  /** How many of its copies are known to be corrupt. */
  readonly corrupt: number
}

/** How each replica is, asked now; in their order. */
export async function readReplicaStates(
  members: readonly Member[],
  suspects: Suspects,
  trace: Trace | undefined,
): Promise<ReplicaState[]> {
  const reports = toReports(compare(await gather(members, PROBE, trace)).answers)
  return members.map(({ id, breaker }, i) => {
    const { error, detail } = reports[i] ?? {}
    const state = error ? ({ state: 'error', error, detail } as const) : ({ state: 'ok' } as const)
    return { id, ...state, breaker: breaker.state(), corrupt: suspects.count(id) }
  })
}
