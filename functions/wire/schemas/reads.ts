import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_NAMES_PER_DESCRIBE } from '../limits.ts'
import { digest } from './values.ts'

/** Body of `POST /reads`: files to get, and the digests of those that the client has, by name. */
export const readsRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  have: v.optional(v.record(v.string(), digest)),
})
