import {
  type InnerList,
  type Item,
  isValidTokenStr,
  parseDictionary,
  parseItem,
  parseList,
  Token,
} from 'structured-headers'
import * as v from 'valibot'
import { attempt } from '../attempt.ts'
import { type Digest, isDigest, toDigest } from '../digest.ts'
import { boundedArray, parse } from '../json/parse.ts'
import { MAX_REPLICA_STATUS_BYTES, MAX_REPLICAS } from '../limits.ts'
import { type ReplicaReport, replicaReport } from '../schemas/manifest.ts'
import { AGREEMENTS, type Agreement, EVIDENCES, size } from '../schemas/values.ts'

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** `Repr-Digest` (RFC 9530 §3) of a content. */
export function toReprDigest(digest: Digest): string {
  return `sha-256=:${toBase64(digest)}:`
}

/** `Repr-Digest`, and `Digest` (RFC 3230 §4.3.2, obsolete), which aria2 and others verify instead. */
export function toDigestFields(digest: Digest): Readonly<Record<'Repr-Digest' | 'Digest', string>> {
  const base64 = toBase64(digest)
  return { 'Repr-Digest': `sha-256=:${base64}:`, Digest: `SHA-256=${base64}` }
}

/** Converts three hexadecimal digits to two of base64, in a third of the time of bytes and `btoa`. */
function toBase64(digest: Digest): string {
  let text = ''
  for (let i = 0; i < 63; i += 3) {
    const bits = Number.parseInt(digest.slice(i, i + 3), 16)
    text += BASE64.charAt(bits >> 6) + BASE64.charAt(bits & 63)
  }
  return `${text}${BASE64.charAt(Number.parseInt(digest.slice(63), 16) << 2)}=`
}

/** The SHA-256 of a `Repr-Digest` field (RFC 9530 §3), among other digests; null if absent or malformed. */
export function parseReprDigest(field: string): Digest | null {
  const value = attempt(() => parseDictionary(field))?.get('sha-256')?.[0]
  return value instanceof ArrayBuffer && value.byteLength === 32 ? toDigest(value) : null
}

/** The strong `ETag` (RFC 9110 §8.8.3) of a content: the same on every server. */
export function toEtag(digest: Digest): string {
  return `"${digest}"`
}

/** The digest in an entity-tag as `toEtag` writes it; null for any other, weak ones included. */
export function parseEtag(field: string): Digest | null {
  const digest = field.slice(1, -1)
  return isDigest(digest) && field === toEtag(digest) ? digest : null
}

/**
 * `Replica-Status`: a List (RFC 9651 §3.1) of the reports in order. A matching copy has no `version`, which
 * is the answer's own; `detail` is never sent. An error that is not a Token becomes `proxy_internal_error`. A
 * list longer than `MAX_REPLICA_STATUS_BYTES` omits `version` and `error` everywhere, then also `evidence`
 * and `age`. Every replica always has its item and its state; a manifest has the rest.
 */
export function toReplicaStatus(reports: readonly ReplicaReport[]): string {
  const field = reports.map(toStatus).join(', ')
  if (field.length <= MAX_REPLICA_STATUS_BYTES) return field
  const shorter = reports.map((report) => toBareStatus(report) + toEvidence(report)).join(', ')
  if (shorter.length <= MAX_REPLICA_STATUS_BYTES) return shorter
  return reports.map(toBareStatus).join(', ')
}

function toStatus(report: ReplicaReport): string {
  const { state, version, error } = report
  let item = toBareStatus(report)
  if (version !== undefined && state !== 'match') item += `;version="${version}"`
  if (error !== undefined) item += `;error=${isValidTokenStr(error) ? error : 'proxy_internal_error'}`
  return item + toEvidence(report)
}

function toBareStatus({ id, state }: ReplicaReport): string {
  return `${id};state=${state}`
}

function toEvidence({ evidence, age }: ReplicaReport): string {
  if (evidence === undefined) return ''
  return age === undefined ? `;evidence=${evidence}` : `;evidence=${evidence};age=${age}`
}

/** The reports of `Replica-Status`, in order, or none; null if malformed. Unknown parameters are ignored. */
export function parseReplicaStatus(field: string): ReplicaReport[] | null {
  const members = attempt(() => parseList(field))
  const parsed = parse(boundedArray(replicaReport, MAX_REPLICAS), members?.map(toReport))
  return parsed.success ? parsed.output : null
}

/** A value of the wrong type becomes one that the schema refuses. */
function toReport([id, parameters]: InnerList | Item): unknown {
  return {
    id: toText(id),
    state: toText(parameters.get('state')),
    version: parameters.get('version'),
    error: toText(parameters.get('error')),
    evidence: toText(parameters.get('evidence')),
    age: parameters.get('age'),
  }
}

/** How a digest is known, as `Facts` has it. */
interface DigestEvidence {
  readonly evidence: (typeof EVIDENCES)[number]
  /** Whole seconds; null when unknown. */
  readonly age: number | null
}

/** `Digest-Evidence`: an Item (RFC 9651 §3.3), the evidence as a Token, and its age if known. */
export function toDigestEvidence({ evidence, age }: DigestEvidence): string {
  return age === null ? evidence : `${evidence};age=${age}`
}

const digestEvidence = v.object({ evidence: v.picklist(EVIDENCES), age: replicaReport.entries.age })

/** Parses `Digest-Evidence`; a field not of this shape becomes a reading at an unknown time, the weakest. */
export function parseDigestEvidence(field: string): DigestEvidence {
  const item = attempt(() => parseItem(field))
  const parsed = parse(digestEvidence, { evidence: toText(item?.[0]), age: item?.[1].get('age') })
  if (!parsed.success) return { evidence: 'remembered', age: null }
  return toConsistent(parsed.output.evidence, parsed.output.age ?? null)
}

/** A peer's evidence; when evidence and age contradict each other, the weaker of the two. */
export function toConsistent(evidence: DigestEvidence['evidence'], age: number | null): DigestEvidence {
  if (evidence === 'read' && age !== 0) return { evidence: 'remembered', age }
  return { evidence, age: evidence === 'stored' ? null : age }
}

const replicaAgreement = v.object({ agreement: v.picklist(AGREEMENTS), answered: size, of: size })

/** `Replica-Agreement`: an Item (RFC 9651 §3.3), the agreement as a Token and two Integers. */
export function toReplicaAgreement(agreement: Agreement, answered: number, of: number): string {
  return `${agreement};answered=${answered};of=${of}`
}

/** Parses a `Replica-Agreement` field; null if it is malformed or not of this shape. */
export function parseReplicaAgreement(field: string): v.InferOutput<typeof replicaAgreement> | null {
  const [agreement, parameters] = attempt(() => parseItem(field)) ?? []
  const [answered, of] = [parameters?.get('answered'), parameters?.get('of')]
  const parsed = parse(replicaAgreement, { agreement: toText(agreement), answered, of })
  return parsed.success ? parsed.output : null
}

/** The text of a Token; undefined stays undefined, and any other value is null. */
function toText(value: unknown): string | null | undefined {
  if (value === undefined) return undefined
  return value instanceof Token ? value.toString() : null
}
