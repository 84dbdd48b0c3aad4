import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_PLACES, MAX_REPLICAS } from '../limits.ts'
import { failure, replicaId, size } from './values.ts'

const place = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))

/** `Places` as opaque ids, which show only whether two replicas are one place or one inside the other. */
const places = v.object({
  self: boundedArray(place, MAX_PLACES),
  above: boundedArray(place, MAX_PLACES),
})

/** Answer to `GET /healthz`: the server runs. */
export const health = v.object({ status: v.literal('ok') })

export type Health = v.InferOutput<typeof health>

/** Answer to `GET /readyz`: enough replicas answered; on a replica, its storage did. */
export const readiness = v.object({ status: v.literal('ready'), places: v.optional(places) })

export const coordinatorReadiness = v.object({
  status: v.literal('ready'),
  required: size,
  of: size,
  /** The replicas that have failed so far: `error` is an error type of RFC 9209 §2.3. */
  failed: v.array(v.object({ id: replicaId, error: v.string(), detail: v.string() })),
})

export type CoordinatorReadiness = v.InferOutput<typeof coordinatorReadiness>

/** Answer to `GET /replicas`. */
export const replicaStates = v.object({
  replicas: boundedArray(
    v.object({
      id: replicaId,
      /** Whether it answers now; `error` and `detail` are why not. */
      state: v.picklist(['ok', 'error']),
      ...failure,
      /** `closed`: asked. `open`: not asked, after failures in a row. `half-open`: one question probes it. */
      breaker: v.picklist(['closed', 'open', 'half-open']),
      /** The same for listings, which have a breaker of their own. */
      listings: v.picklist(['closed', 'open', 'half-open']),
      /** The number of copies whose bytes contradicted their digest. */
      corrupt: size,
    }),
    MAX_REPLICAS,
  ),
})

export type ReplicaStates = v.InferOutput<typeof replicaStates>
