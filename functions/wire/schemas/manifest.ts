import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_REPLICAS } from '../limits.ts'
import {
  AGREEMENTS,
  age,
  contentDigest,
  digest,
  EVIDENCES,
  failure,
  knownSize,
  modified,
  replicaId,
  time,
} from './values.ts'

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
