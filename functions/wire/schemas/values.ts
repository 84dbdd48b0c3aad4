import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import {
  MAX_AGE_SECONDS,
  MAX_DETAIL_LENGTH,
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_NAME_BYTES,
  MAX_PASSED_EXAMPLE_LENGTH,
  MAX_PASSED_EXAMPLES,
} from '../limits.ts'
import { PASSED_KINDS } from '../passed.ts'
import { STORAGE_ERROR_CODES } from '../storage-error.ts'

/** Bytes, or a count. */
export const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** SHA-256 in lower-case hexadecimal. */
export const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hexadecimal'))

/** As `digest`, or of a content that only lists know `ALGORITHM:HEX`; see `Digest`. */
export const contentDigest = v.pipe(
  v.string(),
  v.regex(
    /^(?:[0-9a-f]{64}|[a-z][a-z0-9-]{0,15}:[0-9a-f]{8,128})$/,
    'a SHA-256 in lower-case hexadecimal, or the algorithm of another sum, a colon and that sum',
  ),
)

const TIME = 'a time like 2026-01-31T12:00:00.000Z'

/** RFC 3339 in UTC with milliseconds. */
export const time = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, TIME),
  v.check((text) => !Number.isNaN(Date.parse(text)), TIME),
)

/** Null when the store keeps no time. */
export const modified = v.nullable(time)

/** A replica's id: a token of RFC 9651, and safe in a file name. */
export const replicaId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, "a letter and up to 63 letters, digits, '.', '_' or '-'"),
)

/** Why a replica reports no facts. */
export const storageError = v.object({
  code: v.picklist(STORAGE_ERROR_CODES),
  /** An error type of RFC 9209 §2.3. */
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z_]{0,63}$/)),
  detail: v.pipe(v.string(), v.maxLength(MAX_DETAIL_LENGTH)),
})

/**
 * Why a replica did not answer, as a coordinator reports it: `reason` and message of the `StorageError`; both
 * absent when it answered.
 */
export const failure = { error: v.optional(v.string()), detail: v.optional(v.string()) }

/** Entries of one kind that a listing or a survey skipped; an unknown kind becomes `other`. */
const passed = v.object({
  kind: v.fallback(v.picklist(PASSED_KINDS), 'other'),
  count: v.pipe(size, v.minValue(1)),
  examples: boundedArray(v.pipe(v.string(), v.maxLength(MAX_PASSED_EXAMPLE_LENGTH)), MAX_PASSED_EXAMPLES),
})

/** By kind; empty when nothing was skipped. */
export const passedList = boundedArray(passed, PASSED_KINDS.length)

/** How a digest is known; see `Evidence` in storage/facts.ts. */
export const EVIDENCES = ['read', 'remembered', 'stored', 'recorded'] as const

/** Whole seconds. */
export const age = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_AGE_SECONDS))

/** Bytes; null where only lists know a content, and none of them has its size. */
export const knownSize = v.nullable(size)

/** Globs that select names. */
export const globs = v.pipe(
  boundedArray(v.pipe(v.string(), v.maxLength(MAX_GLOB_LENGTH)), MAX_GLOBS),
  v.check((all) => all.reduce((length, glob) => length + glob.length, 0) <= MAX_GLOBS_LENGTH),
)

/** Bytes a second. */
export const rate = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

/** A text with which names begin; no lone surrogate, which no name has. */
export const namePrefix = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME_BYTES),
  v.check((text) => text.isWellFormed()),
)

export const amount = v.object({ names: size, bytes: size })

/** The result of comparing all answers. */
export const AGREEMENTS = ['unanimous', 'incomplete', 'degraded', 'conflict', 'absent', 'unknown'] as const

export type Agreement = (typeof AGREEMENTS)[number]
