import * as v from 'valibot'
import { UNKEPT } from './attributes.ts'
import { boundedArray } from './json/parse.ts'
import {
  MAX_AGE_SECONDS,
  MAX_DETAIL_LENGTH,
  MAX_DIRECTORY_ROWS,
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_LISTING_PAGE,
  MAX_MARKS,
  MAX_NAME_BYTES,
  MAX_NAMES_PER_DESCRIBE,
  MAX_NEW_EXAMPLES,
  MAX_NOTE_LENGTH,
  MAX_PASSED_EXAMPLE_LENGTH,
  MAX_PASSED_EXAMPLES,
  MAX_PLACES,
  MAX_REPLICAS,
  MAX_SEED_LENGTH,
  MAX_SIGNATURE_LENGTH,
  MAX_SIGNATURES,
  MAX_SURVEY_RANGES,
  MAX_UNVERIFIED_EXAMPLES,
} from './limits.ts'
import { PASSED_KINDS } from './passed.ts'
import { STORAGE_ERROR_CODES } from './storage-error.ts'
import { SUM_ALGORITHMS } from './sums.ts'

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
const time = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, TIME),
  v.check((text) => !Number.isNaN(Date.parse(text)), TIME),
)
/** Null when the store keeps no time. */
const modified = v.nullable(time)

/** A replica's id: a token of RFC 9651, and safe in a file name. */
export const replicaId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, "a letter and up to 63 letters, digits, '.', '_' or '-'"),
)

/** Why a replica reports no facts. */
const storageError = v.object({
  code: v.picklist(STORAGE_ERROR_CODES),
  /** An error type of RFC 9209 §2.3. */
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z_]{0,63}$/)),
  detail: v.pipe(v.string(), v.maxLength(MAX_DETAIL_LENGTH)),
})

/**
 * Why a replica did not answer, as a coordinator reports it: `reason` and message of the `StorageError`; both
 * absent when it answered.
 */
const failure = { error: v.optional(v.string()), detail: v.optional(v.string()) }

/** Entries of one kind that a listing or a survey skipped; an unknown kind becomes `other`. */
const passed = v.object({
  kind: v.fallback(v.picklist(PASSED_KINDS), 'other'),
  count: v.pipe(size, v.minValue(1)),
  examples: boundedArray(v.pipe(v.string(), v.maxLength(MAX_PASSED_EXAMPLE_LENGTH)), MAX_PASSED_EXAMPLES),
})
/** By kind; empty when nothing was skipped. */
const passedList = boundedArray(passed, PASSED_KINDS.length)

/** How a digest is known; see `Evidence` in storage/facts.ts. */
export const EVIDENCES = ['read', 'remembered', 'stored', 'recorded'] as const

/** Whole seconds. */
const age = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_AGE_SECONDS))

/** Body of `POST /describe`: `maxAge` as in `DescribeOptions`, null as absent. */
export const describeRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  maxAge: v.optional(v.nullable(age)),
  sums: v.optional(boundedArray(v.picklist(SUM_ALGORITHMS), SUM_ALGORITHMS.length)),
  /** Whether the facts are to be signed, by a replica that has a key. */
  sign: v.optional(v.boolean()),
})

/** Body of `POST /reads`: files to get, and the digests of those that the client has, by name. */
export const readsRequest = v.object({
  names: boundedArray(v.string(), MAX_NAMES_PER_DESCRIBE),
  have: v.optional(v.record(v.string(), digest)),
})

/** Other sums of a content, by algorithm. */
const sums = v.object(
  v.entriesFromList(SUM_ALGORITHMS, v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{8,128}$/)))),
)

/** Bytes; null where only lists know a content, and none of them has its size. */
const knownSize = v.nullable(size)

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

/** Globs that select names. */
export const globs = v.pipe(
  boundedArray(v.pipe(v.string(), v.maxLength(MAX_GLOB_LENGTH)), MAX_GLOBS),
  v.check((all) => all.reduce((length, glob) => length + glob.length, 0) <= MAX_GLOBS_LENGTH),
)

/** Bytes a second. */
const rate = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

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

/** A text with which names begin; no lone surrogate, which no name has. */
const namePrefix = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME_BYTES),
  v.check((text) => text.isWellFormed()),
)

/** Body of `POST /tree` on a replica. */
export const treeRequest = v.object({ prefix: namePrefix })

/** A line of the answer to `POST /tree`: the work done so far, the signed tree, or why it was not signed. */
export const treeLine = v.union([
  v.object({ files: size, root: digest, signatures: boundedArray(signature, MAX_SIGNATURES) }),
  v.object({ error: storageError }),
  v.object({ work: size }),
])
export type TreeLine = v.InferOutput<typeof treeLine>

const amount = v.object({ names: size, bytes: size })

/** The progress of a survey. */
const surveyProgress = v.object({
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

/** A tree that some replicas have signed together: a note. */
const signedTree = v.object({
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  note: v.pipe(v.string(), v.maxLength(MAX_NOTE_LENGTH)),
})

/** A line of `GET /tree` on a coordinator: a sign of life, or at the end the replicas and their notes. */
export const treesLine = v.union([
  v.object({
    replicas: boundedArray(
      v.object({
        id: replicaId,
        files: v.optional(size),
        root: v.optional(digest),
        ...failure,
      }),
      MAX_REPLICAS,
    ),
    notes: boundedArray(signedTree, MAX_REPLICAS),
  }),
  v.object({ work: size }),
])
export type TreesLine = v.InferOutput<typeof treesLine>

/** Answer to `GET /trees`: those that a coordinator has kept, the latest first. */
export const keptTrees = v.object({
  trees: boundedArray(v.object({ at: time, ...signedTree.entries }), MAX_LISTING_PAGE),
})
export type KeptTrees = v.InferOutput<typeof keptTrees>

/** A page of `GET /files` on a coordinator. */
export const mergedListing = v.object({
  /** `copies` are those of the replicas that list the name. */
  entries: boundedArray(
    v.object({
      name: v.string(),
      copies: boundedArray(v.object({ id: replicaId, size: knownSize, modified }), MAX_REPLICAS),
    }),
    MAX_LISTING_PAGE,
  ),
  next: v.nullable(v.string()),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      state: v.picklist(['ok', 'error']),
      ...failure,
      /** Its unlisted entries from here to the end of its own page, which may be after `next`. */
      passed: v.optional(passedList),
    }),
    MAX_REPLICAS,
  ),
})
export type MergedListing = v.InferOutput<typeof mergedListing>

/** Answer to `GET /files/{folder}/` in JSON; names are relative to the folder. */
export const directoryListing = v.object({
  /** Empty for the root, else ending with a slash. */
  folder: v.string(),
  entries: boundedArray(
    v.variant('type', [
      v.object({ type: v.literal('directory'), name: v.string() }),
      v.object({ type: v.literal('file'), ...mergedListing.entries.entries.item.entries }),
    ]),
    MAX_DIRECTORY_ROWS,
  ),
  /** What `after` takes to go on; null at the end. */
  next: v.nullable(v.string()),
  replicas: mergedListing.entries.replicas,
})
export type DirectoryListing = v.InferOutput<typeof directoryListing>

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

/** The result of comparing all answers. */
export const AGREEMENTS = ['unanimous', 'incomplete', 'degraded', 'conflict', 'absent', 'unknown'] as const
export type Agreement = (typeof AGREEMENTS)[number]

/** One distinct content and its holders. `href` is relative to the coordinator's origin. */
export const version = v.object({
  digest: contentDigest,
  size: knownSize,
  modified,
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  href: v.string(),
})

/** A replica that contradicted itself in an audit with proofs: both of its statements. */
const disproof = v.object({
  /** The digest that it described. */
  described: contentDigest,
  /** What it answered to the nonce, which is in the summary; null when it said that it has no such file. */
  proof: v.nullable(digest),
  /** The SHA-256 of the bytes that it sent when the coordinator read them; null when it sent none whole. */
  read: v.nullable(digest),
  /** The proof of those bytes. */
  expected: v.nullable(digest),
})
export type Disproof = v.InferOutput<typeof disproof>

/**
 * What one replica reported: `version` if it holds a content, with `evidence` and `age` as in `Facts`, `age`
 * absent when unknown; `error` and `detail` if it did not answer.
 */
export const replicaReport = v.object({
  id: replicaId,
  state: v.picklist(['match', 'differ', 'missing', 'error', 'corrupt']),
  version: v.optional(contentDigest),
  evidence: v.optional(v.picklist(EVIDENCES)),
  age: v.optional(age),
  /** Its earlier digest, if its bytes changed while its size and its times did not. */
  rottedFrom: v.optional(digest),
  /** When its bytes were last read and had that digest; absent when unknown. */
  goodAt: v.optional(time),
  /**
   * In an audit, of a replica that lacks the name: the outermost folder of the name, such as `photos/2019/`,
   * in which it holds none of the names that were compared; absent when it holds one in each.
   */
  missingFolder: v.optional(v.string()),
  disproof: v.optional(disproof),
  ...failure,
})
export type ReplicaReport = v.InferOutput<typeof replicaReport>

/** The comparison of one name: first in a `multipart/mixed` answer, and in every problem with a file. */
export const manifest = v.object({
  name: v.string(),
  agreement: v.picklist(AGREEMENTS),
  versions: boundedArray(version, MAX_REPLICAS),
  replicas: boundedArray(replicaReport, MAX_REPLICAS),
})
export type Manifest = v.InferOutput<typeof manifest>

/** A problem document (RFC 9457 §3.1); a problem with a file has the manifest's members too. */
export const problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.string()),
  ...v.partial(manifest).entries,
})
export type Problem = v.InferOutput<typeof problem>

/** How the names that differ have changed since an earlier run. */
const changes = v.object({
  /** When the last run before that compared all these names ended, and the agreement of all names then. */
  since: time,
  was: v.picklist(AGREEMENTS),
  /** The number of names that differ now and did not then. */
  new: size,
  /** The first of these names. */
  examples: boundedArray(v.string(), MAX_NEW_EXAMPLES),
  /** The number of names that differed then, and are the same everywhere now, or gone. */
  settled: size,
})
export type Changes = v.InferOutput<typeof changes>

/** What an audit has had the replicas prove. */
const proved = v.object({
  /** 32 bytes in hexadecimal, the key of all proofs. */
  nonce: digest,
  /** What chose the names, and the share of them that was wanted: above 0, at most 1. */
  seed: v.pipe(v.string(), v.maxLength(MAX_SEED_LENGTH)),
  share: v.pipe(v.number(), v.gtValue(0), v.maxValue(1)),
  /** The number of names whose copies were asked for a proof, and of copies that were proved. */
  names: size,
  copies: size,
  /** The bytes that the coordinator read itself, of each replica that sent any. */
  fetched: boundedArray(v.object({ id: replicaId, bytes: size }), MAX_REPLICAS),
})

/** The calls of a store that charges for them, and whose prices they have; null when that is not known. */
export const calls = v.object({
  prices: v.nullable(v.picklist(['r2', 's3'])),
  list: size,
  head: size,
  get: size,
  put: size,
  /** Of contents that were read. */
  bytes: size,
})

/** A name at which an audit can be split, with the names and bytes that were compared since the last. */
const mark = v.object({ name: v.string(), ...amount.entries })
export type Mark = v.InferOutput<typeof mark>

/** The result of an audit. */
export const auditSummary = v.object({
  /** The agreement of all names together, by the rules for one: any conflict makes it a conflict. */
  agreement: v.picklist(AGREEMENTS),
  /** The number of names that at least one replica holds, or may hold. */
  names: size,
  /** The number of names by agreement. */
  agreements: v.record(v.picklist(AGREEMENTS), size),
  /** The number of copies whose bytes changed while their size and times did not. */
  rotten: size,
  /** Entries that are, or may be, files and could not be compared; absent from an older coordinator. */
  uncompared: v.optional(size),
  /** The globs of names that the coordinator leaves out of every audit; absent for none. */
  exclude: v.optional(globs),
  /** What was proved; absent for an audit without proofs. */
  proved: v.optional(proved),
  /** Which names were compared; absent for all, and from an older coordinator. */
  scope: v.optional(
    v.object({
      prefix: v.string(),
      after: v.string(),
      until: v.optional(v.string()),
      match: globs,
      exclude: globs,
    }),
  ),
  /** Absent for the first audit, and from a coordinator that keeps no ledger. */
  changes: v.optional(changes),
  /** The last name that was compared, if the audit ended before the last of all. */
  next: v.optional(v.string()),
  /**
   * Of an audit in steps: the ranges in which some replica was left out, and the first of them; absent when
   * there are none, as for an audit in one.
   */
  unverified: v.optional(
    v.object({
      ranges: size,
      examples: boundedArray(
        v.object({ after: v.string(), until: v.nullable(v.string()) }),
        MAX_UNVERIFIED_EXAMPLES,
      ),
    }),
  ),
  /** Some of its names, in byte order, which divide a large audit into parts; absent for few names. */
  marks: v.optional(boundedArray(mark, MAX_MARKS)),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      /** `error` when its survey failed; it was left out from there on. */
      state: v.picklist(['ok', 'error']),
      ...failure,
      ...surveyProgress.entries,
      /** Its skipped entries; absent from an older replica. */
      passed: v.optional(passedList),
      /** What its store was sent while the audit ran; absent where nobody counts. */
      calls: v.optional(calls),
    }),
    MAX_REPLICAS,
  ),
})
export type AuditSummary = v.InferOutput<typeof auditSummary>

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

/** A line of `GET /audit`: a name, the progress of each replica, or at the end the summary. */
export const auditLine = v.union([
  manifest,
  v.object({
    progress: v.object({
      /**
       * All names up to this one have been reported: a client that loses the connection goes on from the last
       * name in a whole line, of a manifest or of this. Absent at the beginning.
       */
      after: v.optional(v.string()),
      replicas: boundedArray(v.object({ id: replicaId, ...surveyProgress.entries }), MAX_REPLICAS),
    }),
  }),
  v.object({ summary: auditSummary }),
])
export type AuditLine = v.InferOutput<typeof auditLine>

/** One audit. */
export const run = v.object({
  /** Which names it compared: those after `after`, up to the `next` of the summary. */
  prefix: v.string(),
  match: globs,
  exclude: globs,
  after: v.string(),
  began: time,
  /** Null while it runs, and for one that broke off. */
  ended: v.nullable(time),
  summary: v.nullable(auditSummary),
})
export type Run = v.InferOutput<typeof run>

/** Answer to `GET /status`: what is known by the audits so far. */
export const status = v.object({
  /** The last audit of every name that ended; null before the first. */
  last: v.nullable(run),
  /** The last audit but for verifications, if it has not ended: it is under way, or broke off. */
  unended: v.nullable(run),
  /** The last verification: audits one after the other that read every byte; null before the first. */
  verification: v.nullable(
    v.object({
      /** All bytes up to `after` have been read since then. */
      began: time,
      after: v.string(),
      /** When all bytes had been read; null before that. */
      ended: v.nullable(time),
    }),
  ),
  /** The seconds in which the coordinator reads every byte once by itself; absent when it does not. */
  verifiesEvery: v.optional(age),
  /** The number of names that differ, by agreement. */
  differing: v.record(v.picklist(AGREEMENTS), size),
  /** The number of these names by the state of the copy of each replica. */
  replicas: boundedArray(v.object({ id: replicaId, states: v.record(v.string(), size) }), MAX_REPLICAS),
})
export type Status = v.InferOutput<typeof status>

/** Answer to `GET /differences`: a page of the names that differ, by the audits so far. */
export const differences = v.object({
  /** `since` is when the first audit that found it to differ began. */
  entries: boundedArray(v.object({ ...manifest.entries, since: time }), MAX_LISTING_PAGE),
  /** What to pass as `after` for the next page; null when this is the last. */
  next: v.nullable(v.string()),
})
export type Differences = v.InferOutput<typeof differences>

/** Answer to `GET /history/{name}`. */
export const history = v.object({
  name: v.string(),
  /** When the first audit that compared this name began; null when none has. */
  watched: v.nullable(time),
  /** What audits have found, each until the next, the oldest first; empty when it never differed. */
  changes: v.array(
    v.object({
      /** When the audit began. */
      at: time,
      /** Null when the copies were the same again, or gone. */
      found: v.nullable(manifest),
    }),
  ),
})
export type History = v.InferOutput<typeof history>

/** Body of `POST /verify`: how much to read now of what was not read for longest. */
export const verifyRequest = v.object({
  /**
   * Leaves out copies that were read at most so many seconds ago; those read in this verification when
   * absent.
   */
  maxAge: v.optional(age),
  /** Ends once this share of all bytes was read: above 0 and at most 1. */
  portion: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  /** Ends after so many seconds, with the file that is being read then. */
  seconds: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_AGE_SECONDS))),
  /** The bytes that each replica may read in a second; as fast as it can when absent. */
  rate: v.optional(rate),
})
export type VerifyRequest = v.InferOutput<typeof verifyRequest>
