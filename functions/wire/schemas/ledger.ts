import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_AGE_SECONDS, MAX_LISTING_PAGE, MAX_REPLICAS } from '../limits.ts'
import { auditSummary } from './audit.ts'
import { manifest } from './manifest.ts'
import { AGREEMENTS, age, globs, rate, replicaId, size, time } from './values.ts'

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
