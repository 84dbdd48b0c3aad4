import * as v from 'valibot'
import { UNKEPT } from './attributes.ts'
import {
  MAX_AGE_SECONDS,
  MAX_DETAIL_LENGTH,
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_LISTING_PAGE,
  MAX_NAMES_PER_DESCRIBE,
  MAX_PASSED_EXAMPLE_LENGTH,
  MAX_PASSED_EXAMPLES,
  MAX_PLACES,
  MAX_REPLICAS,
  MAX_SURVEY_RANGES,
} from './limits.ts'
import { boundedArray } from './parse.ts'
import { PASSED_KINDS } from './passed.ts'
import { TROUBLE_CODES } from './trouble.ts'

/** Bytes, or a count. */
export const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** SHA-256 in lower-case hexadecimal. */
export const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hexadecimal'))
const TIME = 'a time like 2026-01-31T12:00:00.000Z'
/** RFC 3339 in UTC with milliseconds, null where the store keeps no time. */
const modified = v.nullable(
  v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, TIME),
    v.check((text) => !Number.isNaN(Date.parse(text)), TIME),
  ),
)

/** A replica's id: a token of RFC 9651 and a harmless part of a file name. */
export const replicaId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, "a letter and up to 63 letters, digits, '.', '_' or '-'"),
)

/** What a replica says instead of facts. */
const trouble = v.object({
  code: v.picklist(TROUBLE_CODES),
  /** An error type of RFC 9209 §2.3. */
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z_]{0,63}$/)),
  detail: v.pipe(v.string(), v.maxLength(MAX_DETAIL_LENGTH)),
})

/** Entries of one kind that a listing or a survey passed over; a kind that only a later version knows is `other`. */
const passed = v.object({
  kind: v.fallback(v.picklist(PASSED_KINDS), 'other'),
  count: v.pipe(size, v.minValue(1)),
  examples: boundedArray(v.pipe(v.string(), v.maxLength(MAX_PASSED_EXAMPLE_LENGTH)), MAX_PASSED_EXAMPLES),
})
/** By kind; empty for nothing. */
const passedList = boundedArray(passed, PASSED_KINDS.length)

/** How a digest is known; see `Evidence` in storage/storage.ts. */
export const EVIDENCES = ['read', 'remembered', 'stored', 'recorded'] as const

/** Whole seconds. */
const age = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_AGE_SECONDS))

/** Body of `POST /describe`: `maxAge` as in `DescribeOptions`, null as absent. */
export const describeRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  maxAge: v.optional(v.nullable(age)),
})

const held = v.object({
  name: v.string(),
  size,
  digest,
  modified,
  evidence: v.picklist(EVIDENCES),
  age: v.nullable(age),
})
const failed = v.object({ name: v.string(), error: trouble })

/** A file that is being read: `bytes` of `size` so far. */
const reading = v.object({ name: v.string(), bytes: size, size })

/**
 * A sign of life: how many names are not answered yet, what was done for them so far (see `Work`), and what is being
 * read. A replica of an earlier version reports only the first.
 */
const working = v.object({ working: v.number(), work: v.optional(size), reading: v.optional(reading) })

/** A line of the answer to `POST /describe`: a name's facts, its absence, its trouble, or a sign of life. */
export const describeLine = v.union([
  held,
  v.object({ name: v.string(), absent: v.literal(true) }),
  failed,
  working,
])
export type DescribeLine = v.InferOutput<typeof describeLine>

/** Globs that say which names are wanted. */
export const globs = v.pipe(
  boundedArray(v.pipe(v.string(), v.maxLength(MAX_GLOB_LENGTH)), MAX_GLOBS),
  v.check((all) => all.reduce((length, glob) => length + glob.length, 0) <= MAX_GLOBS_LENGTH),
)

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
  match: globs,
  exclude: globs,
})

const amount = v.object({ names: size, bytes: size })

/** How far a survey is. */
export const surveyProgress = v.object({
  seen: v.object({
    ...amount.entries,
    ...v.object(v.entriesFromList(EVIDENCES, size)).entries,
    oldest: v.nullable(age),
  }),
  of: v.nullable(amount),
})

/**
 * A line of the answer to `POST /survey`: a span, a file, how far it is, what was passed over, or its end: why it broke
 * off, or all was seen.
 */
export const surveyLine = v.union([
  v.object({ last: v.nullable(v.string()), ...amount.entries, fingerprint: v.nullable(digest) }),
  v.object({ ...held.entries, rottedFrom: v.optional(digest) }),
  failed,
  v.object({ ...surveyProgress.entries, work: v.optional(size) }),
  v.object({ passed: passedList }),
  v.object({ error: trouble }),
  v.object({ end: v.literal(true) }),
])
export type SurveyWireLine = v.InferOutput<typeof surveyLine>

/** A page of `GET /files` on a replica; `passed` is what lies in its range and is not listed. */
export const listing = v.object({
  entries: boundedArray(v.object({ name: v.string(), size, modified }), MAX_LISTING_PAGE),
  next: v.nullable(v.string()),
  passed: v.optional(passedList),
})
export type Listing = v.InferOutput<typeof listing>

/** A page of `GET /kept`: `kept` is when the content was replaced, written as `modified` is. */
export const keptListing = v.object({
  entries: boundedArray(v.object({ name: v.string(), digest, size, kept: modified }), MAX_LISTING_PAGE),
  next: v.nullable(v.string()),
})
export type KeptListing = v.InferOutput<typeof keptListing>

/** Body of `POST /restore` on a replica: which content, under which name, and what that must hold now. */
export const restoreRequest = v.object({ name: v.string(), digest, replaces: v.nullable(digest) })

/** What a written file could not keep or take; absent for nothing. */
export const unkept = v.optional(v.pipe(v.array(v.picklist(UNKEPT)), v.maxLength(UNKEPT.length)))

/** Answer to `POST /restore`: the facts of the file that is there now. */
export const restored = v.object({ ...held.entries, unkept })

/** A page of `GET /files` on a coordinator. */
export const mergedListing = v.object({
  /** `copies` are those of the replicas that list the name. */
  entries: boundedArray(
    v.object({
      name: v.string(),
      copies: boundedArray(v.object({ id: replicaId, size, modified }), MAX_REPLICAS),
    }),
    MAX_LISTING_PAGE,
  ),
  next: v.nullable(v.string()),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
      /** What it has and does not list from here to the end of its own page, which may lie beyond `next`. */
      passed: v.optional(passedList),
    }),
    MAX_REPLICAS,
  ),
})
export type MergedListing = v.InferOutput<typeof mergedListing>

const place = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))

/**
 * Where a replica's files lie, in words that tell no more than whether two replicas are one place, or lie inside each
 * other; see `Places`.
 */
const places = v.object({
  self: boundedArray(place, MAX_PLACES),
  above: boundedArray(place, MAX_PLACES),
})

/** Answer to `GET /healthz`: the server runs. */
export const health = v.object({ status: v.literal('ok') })
export type Health = v.InferOutput<typeof health>

/** Answer to `GET /readyz`: as many as must answered; on a replica, its storage did. */
export const readiness = v.object({ status: v.literal('ready'), places: v.optional(places) })
export const coordinatorReadiness = v.object({
  status: v.literal('ready'),
  required: size,
  of: size,
  /** Replicas that failed so far: `error` is an error type of RFC 9209 §2.3. */
  failed: v.array(v.object({ id: replicaId, error: v.string(), detail: v.string() })),
})
export type CoordinatorReadiness = v.InferOutput<typeof coordinatorReadiness>

/** Answer to `GET /replicas`. */
export const replicaStates = v.object({
  replicas: boundedArray(
    v.object({
      id: replicaId,
      /** Whether it answers now; `error` and `detail` say why not. */
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
      /** `closed`: it is asked. `open`: it failed several times in a row, and is not. `half-open`: one question shows whether it is back. */
      breaker: v.picklist(['closed', 'open', 'half-open']),
      /** The same of listings, which are asked for apart from reads. */
      listings: v.picklist(['closed', 'open', 'half-open']),
      /** Copies whose bytes contradicted their digest. */
      corrupt: size,
    }),
    MAX_REPLICAS,
  ),
})
export type ReplicaStates = v.InferOutput<typeof replicaStates>

/** What the comparison of all answers came to. */
export const AGREEMENTS = ['unanimous', 'incomplete', 'degraded', 'conflict', 'absent', 'unknown'] as const
export type Agreement = (typeof AGREEMENTS)[number]

/** One distinct content and who holds it. `href` is relative to the coordinator's origin. */
export const version = v.object({
  digest,
  size,
  modified,
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  href: v.string(),
})

/**
 * What one replica said: `version` where it holds a content, with `evidence` and `age` as in `Facts`, `age` absent where
 * the replica does not know it; `error` and `detail` where it did not answer.
 */
export const replicaReport = v.object({
  id: replicaId,
  state: v.picklist(['match', 'differ', 'missing', 'error', 'corrupt']),
  version: v.optional(digest),
  evidence: v.optional(v.picklist(EVIDENCES)),
  age: v.optional(age),
  /** What its bytes were before they changed with no change of its size and its times. */
  rottedFrom: v.optional(digest),
  error: v.optional(v.string()),
  detail: v.optional(v.string()),
})
export type ReplicaReport = v.InferOutput<typeof replicaReport>

/** The whole comparison of one name: first part of a `multipart/mixed` answer, and members of every file problem. */
export const manifest = v.object({
  name: v.string(),
  agreement: v.picklist(AGREEMENTS),
  versions: boundedArray(version, MAX_REPLICAS),
  replicas: boundedArray(replicaReport, MAX_REPLICAS),
})
export type Manifest = v.InferOutput<typeof manifest>

/** A problem document (RFC 9457 §3.1); a problem about a file carries the manifest's members too. */
export const problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.string()),
  ...v.partial(manifest).entries,
})
export type Problem = v.InferOutput<typeof problem>

/** How an audit ended. */
export const auditSummary = v.object({
  /** What the whole comes to, as for one name: a conflict anywhere is one, and so on. */
  agreement: v.picklist(AGREEMENTS),
  /** Names that at least one replica holds, or could not say whether it does. */
  names: size,
  /** How many of them came to what. */
  agreements: v.record(v.picklist(AGREEMENTS), size),
  /** Copies whose bytes changed with no change of size and times. */
  rotten: size,
  /** Entries of all replicas that are, or may be, files, and could not be compared; absent from an older coordinator. */
  uncompared: v.optional(size),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      /** `error` when it could not go through all its files: it was left out from there on. */
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
      ...surveyProgress.entries,
      /** What it passed over; absent where it does not say that, as an older replica. */
      passed: v.optional(passedList),
    }),
    MAX_REPLICAS,
  ),
})
export type AuditSummary = v.InferOutput<typeof auditSummary>

/** A line of `GET /audit`: how far each replica is, a name, or at the end the summary. */
export const auditLine = v.union([
  manifest,
  v.object({
    progress: v.object({
      replicas: boundedArray(v.object({ id: replicaId, ...surveyProgress.entries }), MAX_REPLICAS),
    }),
  }),
  v.object({ summary: auditSummary }),
])
export type AuditLine = v.InferOutput<typeof auditLine>
