import { PROBE } from '../storage/probe.ts'
import type { ReplicaStates } from '../wire/schemas.ts'
import { compare } from './compare.ts'
import { type AskOptions, gather, type Member } from './gather.ts'
import { toReports } from './report.ts'
import type { Suspects } from './suspects.ts'

/** How one replica is. */
export type ReplicaState = ReplicaStates['replicas'][number]

/** How each replica is, asked now; in their order. */
export async function readReplicaStates(
  members: readonly Member[],
  suspects: Suspects,
  asker: AskOptions,
): Promise<ReplicaState[]> {
  const reports = toReports(compare(await gather(members, PROBE, asker)).answers)
  return members.map(({ id, breaker, listings }) => {
    const { error, detail } = reports.find((report) => report.id === id) ?? {}
    const told = error ? ({ state: 'error', error, detail } as const) : ({ state: 'ok' } as const)
    return { id, ...told, breaker: breaker.state(), listings: listings.state(), corrupt: suspects.count(id) }
  })
}
