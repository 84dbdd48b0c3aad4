import * as v from 'valibot'
import { MAX_NAME_BYTES } from '../limits.ts'
import { replicaId } from './values.ts'

/**
 * Which version to copy everywhere: none of several, the latest, that of most replicas, the one from which
 * all other copies rotted, or one replica's.
 */
export const policy = v.union([
  v.picklist(['fill-missing', 'newest', 'majority', 'repair']),
  v.object({ keep: replicaId }),
])
export type Policy = v.InferOutput<typeof policy>

/** The policy for names that start with `prefix`; the longest matching prefix counts. */
export const rule = v.object({ prefix: v.pipe(v.string(), v.maxLength(MAX_NAME_BYTES)), policy })
export type Rule = v.InferOutput<typeof rule>
