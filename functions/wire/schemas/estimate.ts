import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_REPLICAS } from '../limits.ts'
import { calls } from './audit.ts'
import { failure, replicaId, size, time } from './values.ts'

/** What an audit will take, in calls of the stores that charge for them, and in dollars. */
export const estimate = v.object({
  prefix: v.string(),
  deep: v.boolean(),
  /** The day on which the prices were read: `2026-11-30`. */
  pricesRead: v.string(),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      /** `error` when it could not be asked. */
      state: v.picklist(['ok', 'error']),
      ...failure,
      /** All null where nobody counts calls, and in an error. */
      names: v.nullable(size),
      bytes: v.nullable(size),
      calls: v.nullable(calls),
      /** Of `calls`; null where the prices are not known, too. */
      dollars: v.nullable(v.number()),
      /** What this estimate itself has taken. */
      spent: v.nullable(calls),
    }),
    MAX_REPLICAS,
  ),
  /** The names that differ by the audits so far, whose calls are in `calls`; null where that is not known. */
  differing: v.nullable(size),
  /** CPU of the coordinator, by what was measured of one on Workers, and what it costs there. */
  cpuSeconds: v.number(),
  cpuDollars: v.number(),
  /** What was counted while the last audit of all names ran; null where that is not known. */
  last: v.nullable(
    v.object({ ended: time, replicas: boundedArray(v.object({ id: replicaId, calls }), MAX_REPLICAS) }),
  ),
})

export type Estimate = v.InferOutput<typeof estimate>

/** A line of `GET /estimate`: the names that were listed so far, or at the end the estimate. */
export const estimateLine = v.union([
  v.object({ progress: v.object({ names: size }) }),
  v.object({ estimate }),
])

export type EstimateLine = v.InferOutput<typeof estimateLine>
