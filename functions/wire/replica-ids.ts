import { toReplicaStatus } from './fields/fields.ts'
import { isValid } from './json/parse.ts'
import { MAX_REPLICA_STATUS_BYTES } from './limits.ts'
import { replicaId } from './schemas/values.ts'
import { formatNumber } from './text.ts'

/** A message when the ids are not valid, not unique, or too many to fit in `Replica-Status`; else null. */
export function findWrongIds(ids: readonly string[]): string | null {
  if (ids.length === 0) return 'a coordinator needs at least one replica'
  const wrong = ids.find((id) => !isValid(replicaId, id))
  if (wrong !== undefined) return `'${wrong}' is not a valid replica id`
  const twice = ids.find((id, i) => ids.indexOf(id) < i)
  if (twice !== undefined) return `each replica needs an id of its own, got '${twice}' twice`
  const { length } = toReplicaStatus(ids.map((id) => ({ id, state: 'missing' })))
  return length <= MAX_REPLICA_STATUS_BYTES
    ? null
    : `the ${ids.length} replicas take ${formatNumber(length)} bytes in the field Replica-Status, which has room for ${formatNumber(MAX_REPLICA_STATUS_BYTES)}: use fewer replicas, or shorter ids`
}
