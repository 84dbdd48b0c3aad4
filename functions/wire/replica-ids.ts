import { toReplicaStatus } from './fields.ts'
import { toGrouped } from './grouped.ts'
import { MAX_REPLICA_STATUS_BYTES } from './limits.ts'
import { isValid } from './parse.ts'
import { replicaId } from './schemas.ts'

/**
 * What is wrong with the ids of a coordinator's replicas, in a sentence; null for nothing. `Replica-Status` has an item
 * for each replica, so that all of them have to fit into it.
 */
export function findWrongIds(ids: readonly string[]): string | null {
  if (ids.length === 0) return 'a coordinator needs at least one replica'
  const wrong = ids.find((id) => !isValid(replicaId, id))
  if (wrong !== undefined) return `'${wrong}' is not a valid replica id`
  const twice = ids.find((id, i) => ids.indexOf(id) < i)
  if (twice !== undefined) return `each replica needs an id of its own, got '${twice}' twice`
  const { length } = toReplicaStatus(ids.map((id) => ({ id, state: 'missing' })))
  return length <= MAX_REPLICA_STATUS_BYTES
    ? null
    : `the ${ids.length} replicas take ${toGrouped(length)} bytes in the field Replica-Status, which has room for ${toGrouped(MAX_REPLICA_STATUS_BYTES)}: name fewer, or give them shorter ids`
}
