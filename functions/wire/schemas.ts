import * as v from 'valibot'
import { UNKEPT } from './attributes.ts'
import {
  MAX_DETAIL_LENGTH,
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_NAMES_PER_DESCRIBE,
  MAX_SURVEY_RANGES,
} from './limits.ts'
import { TROUBLE_CODES } from './trouble.ts'

/** Bytes, or a count. */
export const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** SHA-256 in lower-case hexadecimal. */
export const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
/** RFC 3339 in UTC with milliseconds, null where the store keeps no time. */
const modified = v.nullable(
  v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    v.check((text) => !Number.isNaN(Date.parse(text))),
  ),
)

/** A replica's id: a token of RFC 9651 and a harmless part of a file name. */
export const replicaId = v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/))

/** What a replica says instead of facts. */
const trouble = v.object({
  code: v.picklist(TROUBLE_CODES),
  /** An error type of RFC 9209 §2.3. */
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z_]{0,63}$/)),
  detail: v.pipe(v.string(), v.maxLength(MAX_DETAIL_LENGTH)),
})

/** Body of `POST /describe`. */
export const describeRequest = v.object({
  names: v.pipe(v.array(v.string()), v.maxLength(MAX_NAMES_PER_DESCRIBE)),
})

const held = v.object({
  name: v.string(),
  size,
  digest,
  modified,
  evidence: v.picklist(['computed', 'stored']),
})
const failed = v.object({ name: v.string(), error: trouble })

/** A line of the answer to `POST /describe`: a name's facts, its absence, its trouble, or a sign of life. */
export const describeLine = v.union([
  held,
  v.object({ name: v.string(), absent: v.literal(true) }),
  failed,
  v.object({ working: v.number() }),
])
export type DescribeLine = v.InferOutput<typeof describeLine>

/** Globs that say which names are wanted. */
export const globs = v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_GLOB_LENGTH))), v.maxLength(MAX_GLOBS))

/** Body of `POST /survey`; see `Survey`. */
export const surveyRequest = v.object({
  ranges: v.pipe(
    v.array(v.object({ after: v.string(), until: v.nullable(v.string()) })),
    v.minLength(1),
    v.maxLength(MAX_SURVEY_RANGES),
  ),
  prefix: v.string(),
  grain: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30)),
  deep: v.boolean(),
  pass: v.optional(v.pipe(v.string(), v.maxLength(64))),
  match: globs,
  exclude: globs,
})

const amount = v.object({ names: size, bytes: size })

/** How far a survey is. */
export const surveyProgress = v.object({
  seen: v.object({ ...amount.entries, known: size }),
  of: v.nullable(amount),
})

/** A line of the answer to `POST /survey`: a span, a file, how far it is, or its end: why it broke off, or all was seen. */
export const surveyLine = v.union([
  v.object({ last: v.nullable(v.string()), ...amount.entries, fingerprint: v.nullable(digest) }),
  v.object({ ...held.entries, rottedFrom: v.optional(digest) }),
  failed,
  surveyProgress,
  v.object({ error: trouble }),
  v.object({ end: v.literal(true) }),
])
export type SurveyWireLine = v.InferOutput<typeof surveyLine>

/** A page of `GET /files` on a replica. */
export const listing = v.object({
  entries: v.array(v.object({ name: v.string(), size, modified })),
  next: v.nullable(v.string()),
})
export type Listing = v.InferOutput<typeof listing>

/** A page of `GET /kept`: `kept` is when the content was replaced, written as `modified` is. */
export const keptListing = v.object({
  entries: v.array(v.object({ name: v.string(), digest, size, kept: modified })),
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
  entries: v.array(
    v.object({ name: v.string(), copies: v.array(v.object({ id: replicaId, size, modified })) }),
  ),
  next: v.nullable(v.string()),
  replicas: v.array(
    v.object({
      id: replicaId,
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
    }),
  ),
})
export type MergedListing = v.InferOutput<typeof mergedListing>

/** Answer to `GET /healthz`: the server runs. */
export const health = v.object({ status: v.literal('ok') })
export type Health = v.InferOutput<typeof health>

/** Answer to `GET /readyz`: as many as must answered; on a replica, its storage did. */
export const readiness = v.object({ status: v.literal('ready') })
export const coordinatorReadiness = v.object({ ...readiness.entries, required: size, of: size })

/** Answer to `GET /replicas`. */
export const replicaStates = v.object({
  replicas: v.array(
    v.object({
      id: replicaId,
      /** Whether it answers now; `error` and `detail` say why not. */
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
      /** `closed`: it is asked. `open`: it failed several times in a row, and is not. `half-open`: one question shows whether it is back. */
      breaker: v.picklist(['closed', 'open', 'half-open']),
      /** Copies whose bytes contradicted their digest. */
      corrupt: size,
    }),
  ),
})
export type ReplicaStates = v.InferOutput<typeof replicaStates>

/** What the comparison of all answers came to. */
export const AGREEMENTS = ['unanimous', 'incomplete', 'degraded', 'conflict', 'absent', 'unknown'] as const
export type Agreement = (typeof AGREEMENTS)[number]

/** One distinct content and who holds it. `href` is relative to the coordinator's origin. */
export const version = v.object({ digest, size, modified, replicas: v.array(replicaId), href: v.string() })

/** What one replica said: `version` where it holds a content, `error` and `detail` where it did not answer. */
export const replicaReport = v.object({
  id: replicaId,
  state: v.picklist(['match', 'differ', 'missing', 'error', 'corrupt']),
  version: v.optional(digest),
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
  versions: v.array(version),
  replicas: v.array(replicaReport),
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
  replicas: v.array(
    v.object({
      id: replicaId,
      /** `error` when it could not go through all its files: it was left out from there on. */
      state: v.picklist(['ok', 'error']),
      error: v.optional(v.string()),
      detail: v.optional(v.string()),
      ...surveyProgress.entries,
    }),
  ),
})
export type AuditSummary = v.InferOutput<typeof auditSummary>

/** A line of `GET /audit`: how far each replica is, a name, or at the end the summary. */
export const auditLine = v.union([
  manifest,
  v.object({
    progress: v.object({ replicas: v.array(v.object({ id: replicaId, ...surveyProgress.entries })) }),
  }),
  v.object({ summary: auditSummary }),
])
export type AuditLine = v.InferOutput<typeof auditLine>
