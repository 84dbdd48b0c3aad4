import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import {
  MAX_MARKS,
  MAX_NEW_EXAMPLES,
  MAX_REPLICAS,
  MAX_SEED_LENGTH,
  MAX_UNVERIFIED_EXAMPLES,
} from '../limits.ts'
import { manifest } from './manifest.ts'
import { surveyProgress } from './replica.ts'
import { AGREEMENTS, amount, digest, failure, globs, passedList, replicaId, size, time } from './values.ts'

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
