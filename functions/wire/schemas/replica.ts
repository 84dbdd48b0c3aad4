import * as v from 'valibot'
import { UNKEPT } from '../attributes.ts'
import { boundedArray } from '../json/parse.ts'
import {
  MAX_LISTING_PAGE,
  MAX_NAME_BYTES,
  MAX_NAMES_PER_DESCRIBE,
  MAX_SIGNATURE_LENGTH,
  MAX_SIGNATURES,
  MAX_SURVEY_RANGES,
} from '../limits.ts'
import { SUM_ALGORITHMS } from '../sums.ts'
import {
  age,
  amount,
  contentDigest,
  digest,
  EVIDENCES,
  globs,
  knownSize,
  modified,
  namePrefix,
  passedList,
  rate,
  size,
  storageError,
  time,
} from './values.ts'

/** Body of `POST /describe`: `maxAge` as in `DescribeOptions`, null as absent. */
export const describeRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  maxAge: v.optional(v.nullable(age)),
  sums: v.optional(boundedArray(v.picklist(SUM_ALGORITHMS), SUM_ALGORITHMS.length)),
  /** Whether the facts are to be signed, by a replica that has a key. */
  sign: v.optional(v.boolean()),
})

/** Other sums of a content, by algorithm. */
const sums = v.object(
  v.entriesFromList(SUM_ALGORITHMS, v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{8,128}$/)))),
)

const held = v.object({
  name: v.string(),
  size: knownSize,
  digest: contentDigest,
  modified,
  evidence: v.picklist(EVIDENCES),
  age: v.nullable(age),
  sums: v.optional(sums),
})

const failed = v.object({ name: v.string(), error: storageError })

/** A line of a receipt, and the public key that verifies it; see `functions/proof/`. */
const signature = v.object({
  key: v.pipe(v.string(), v.maxLength(MAX_SIGNATURE_LENGTH)),
  line: v.pipe(
    v.string(),
    v.maxLength(MAX_SIGNATURE_LENGTH),
    v.regex(/^\u2014 [^\s+]+ [A-Za-z0-9+/]+={0,2}$/, 'a line that signs a note'),
  ),
})

export type Signature = v.InferOutput<typeof signature>

/** A file being read: `bytes` of `size` so far. */
const reading = v.object({ name: v.string(), bytes: size, size })

/**
 * A sign of life: how many names are not answered yet, the work done for them so far (see `Work`), and the
 * file being read. A replica of an earlier version reports only the first.
 */
const working = v.object({ working: v.number(), work: v.optional(size), reading: v.optional(reading) })

/** A line of the answer to `POST /describe`: a name's facts, absence or error, or a sign of life. */
export const describeLine = v.union([
  v.object({ ...held.entries, signatures: v.optional(boundedArray(signature, MAX_SIGNATURES)) }),
  v.object({ name: v.string(), absent: v.literal(true) }),
  failed,
  working,
])

export type DescribeLine = v.InferOutput<typeof describeLine>

/** Body of `POST /prove`; see `ProveOptions`. */
export const proveRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  nonce: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits')),
})

/** A line of the answer to `POST /prove`: a name's proof, absence or error, or a sign of life. */
export const proveLine = v.union([
  v.object({ name: v.string(), size, proof: digest }),
  v.object({ name: v.string(), absent: v.literal(true) }),
  failed,
  working,
])

export type ProveLine = v.InferOutput<typeof proveLine>

/** Body of `POST /survey`; see `Survey`. */
export const surveyRequest = v.object({
  ranges: v.pipe(
    boundedArray(v.object({ after: v.string(), until: v.nullable(v.string()) }), MAX_SURVEY_RANGES),
    v.minLength(1),
  ),
  prefix: v.string(),
  grain: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30)),
  maxAge: v.nullable(age),
  pass: v.optional(v.pipe(v.string(), v.maxLength(64))),
  passed: v.optional(v.boolean()),
  rate: v.optional(rate),
  match: globs,
  exclude: globs,
})

/** Body of `POST /tree` on a replica. */
export const treeRequest = v.object({ prefix: namePrefix })

/** A line of the answer to `POST /tree`: the work done so far, the signed tree, or why it was not signed. */
export const treeLine = v.union([
  v.object({ files: size, root: digest, signatures: boundedArray(signature, MAX_SIGNATURES) }),
  v.object({ error: storageError }),
  v.object({ work: size }),
])

export type TreeLine = v.InferOutput<typeof treeLine>

/** The progress of a survey. */
export const surveyProgress = v.object({
  seen: v.object({
    ...amount.entries,
    ...v.object(v.entriesFromList(EVIDENCES, size)).entries,
    oldest: v.nullable(age),
  }),
  of: v.nullable(amount),
})

/** A line of the answer to `POST /survey`: a span, a file, progress, skipped entries, an error or the end. */
export const surveyLine = v.union([
  v.object({ last: v.nullable(v.string()), names: size, bytes: knownSize, fingerprint: v.nullable(digest) }),
  v.object({ ...held.entries, rottedFrom: v.optional(digest), goodAt: v.optional(time) }),
  failed,
  v.object({ ...surveyProgress.entries, work: v.optional(size) }),
  v.object({ passed: passedList }),
  v.object({ error: storageError }),
  v.object({ end: v.literal(true) }),
])

export type SurveyWireLine = v.InferOutput<typeof surveyLine>

/** A page of `GET /files` on a replica; `passed` counts the entries of its range that are not listed. */
export const listing = v.object({
  entries: boundedArray(v.object({ name: v.string(), size: knownSize, modified }), MAX_LISTING_PAGE),
  next: v.nullable(v.string()),
  passed: v.optional(passedList),
})

export type Listing = v.InferOutput<typeof listing>

/** A page of `GET /kept`: `kept` is when the content was replaced, in the format of `modified`. */
export const keptListing = v.object({
  entries: boundedArray(v.object({ name: v.string(), digest, size, kept: modified }), MAX_LISTING_PAGE),
  next: v.nullable(v.string()),
})

export type KeptListing = v.InferOutput<typeof keptListing>

/** Body of `POST /restore` on a replica: the content to restore, its name, and what it replaces. */
export const restoreRequest = v.object({ name: v.string(), digest, replaces: v.nullable(digest) })

/** The body of `POST /move` on a replica: a file, its new name, and what it must hold; see `MoveOptions`. */
export const moveRequest = v.object({
  from: v.string(),
  to: v.string(),
  digest,
  /** Permissions for the directories that are made, one number for each segment of `to`. */
  modes: v.optional(
    boundedArray(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777)), MAX_NAME_BYTES / 2),
  ),
})

/** The attributes that a written file could not keep or take; absent for none. */
export const unkept = v.optional(v.pipe(v.array(v.picklist(UNKEPT)), v.maxLength(UNKEPT.length)))

/** Answer to `POST /restore`: the facts of the restored file. */
export const restored = v.object({ ...held.entries, size, unkept })
