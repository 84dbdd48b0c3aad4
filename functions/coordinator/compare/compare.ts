import { type Facts, isFacts } from '../../storage/facts.ts'
import type { Digest } from '../../wire/digest.ts'
import type { Agreement } from '../../wire/schemas/values.ts'
import type { StorageError } from '../../wire/storage-error.ts'

/** What one replica said about a name: its facts, null when it has no such file, or why it sent none. */
export interface Answer {
  readonly id: string
  readonly said: Facts | null | StorageError
}

/** One distinct content. */
export interface Version extends Pick<Facts, 'digest' | 'size'> {
  /** The latest modification time of its holders: milliseconds since 1970, null when none reports one. */
  readonly modified: number | null
  /** The ids of its holders, in the order of the answers; at least one. */
  readonly holders: readonly string[]
  /** The holders that have its bytes, in that order; empty when only lists know it. */
  readonly sources: readonly string[]
  /** The modification time of each holder, in the same order; absent where no replica was asked. */
  readonly times?: readonly (number | null)[]
}

/** A version that some holder can send. */
export interface SentVersion extends Version {
  readonly size: number
}

export function isSendable(version: Version): version is SentVersion {
  return version.size !== null && version.sources.length > 0
}

export interface Comparison {
  readonly agreement: Agreement
  /** In the order of their first holders. */
  readonly versions: readonly Version[]
  readonly answers: readonly Answer[]
  /** How many of the answers are not errors. */
  readonly answered: number
}

/**
 * Compares the answers of all replicas, one for each. Pure. The heart of vouch:
 * - two or more contents are a `conflict`, whether or not every replica answered;
 * - one is `degraded` if a replica did not answer, else `incomplete` if one lacks it, else `unanimous`;
 * - none is `absent` only when every replica said so, else `unknown`.
 */
export function compare(answers: readonly Answer[]): Comparison {
  const versions = toVersions(answers)
  const answered = answers.filter(({ said }) => said === null || isFacts(said)).length
  return { agreement: toAgreement(answers, versions.length, answered), versions, answers, answered }
}

function toAgreement(answers: readonly Answer[], contents: number, answered: number): Agreement {
  if (contents > 1) return 'conflict'
  const silent = answered < answers.length
  if (contents === 0) return silent || answers.length === 0 ? 'unknown' : 'absent'
  if (silent) return 'degraded'
  return answers.some(({ said }) => said === null) ? 'incomplete' : 'unanimous'
}

/**
 * Contents are the same when digest and size are: if two sizes share a digest, one replica is wrong. A list
 * that does not have the size says the same as those that hold the digest.
 */
function toVersions(answers: readonly Answer[]): Version[] {
  const versions = new Map<string, Version>()
  for (const { id, said } of answers) {
    if (!isFacts(said)) continue
    const size = said.size ?? findSize(answers, said.digest)
    const key = `${said.digest} ${size}`
    const known = versions.get(key)
    versions.set(key, {
      digest: said.digest,
      size,
      modified: toLatest(known?.modified ?? null, said.modified),
      holders: [...(known?.holders ?? []), id],
      sources: [...(known?.sources ?? []), ...(said.evidence === 'recorded' ? [] : [id])],
      times: [...(known?.times ?? []), said.modified],
    })
  }
  return [...versions.values()]
}

/** The size of a content by the first answer that has it; null when none does. */
function findSize(answers: readonly Answer[], digest: Digest): number | null {
  for (const { said } of answers)
    if (isFacts(said) && said.digest === digest && said.size !== null) return said.size
  return null
}

function toLatest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}
