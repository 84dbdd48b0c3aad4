import type { Facts } from '../storage/storage.ts'
import { isFacts } from '../storage/survey.ts'
import type { Digest } from '../wire/digest.ts'
import type { Agreement } from '../wire/schemas.ts'
import type { StorageError } from '../wire/trouble.ts'

/** What one replica said of a name: its facts, null for "I have no such file", or why it did not say. */
export interface Answer {
  readonly id: string
  readonly said: Facts | null | StorageError
}

/** One distinct content. */
export interface Version {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** When the last of its holders got it: milliseconds since 1970, null when none says. */
  readonly modified: number | null
  /** The ids of who holds it, in the order of the answers; at least one. */
  readonly holders: readonly string[]
  /** When each of them got it, by their order; absent where nobody asked them. */
  readonly times?: readonly (number | null)[]
}

export interface Comparison {
  readonly agreement: Agreement
  /** In the order of their first holders. */
  readonly versions: readonly Version[]
  readonly answers: readonly Answer[]
  /** How many of the answers are no errors. */
  readonly answered: number
}

/**
 * What the answers of all replicas, one for each, come to. Pure. The heart of vouch:
 * - two or more contents are a `conflict`, whoever is silent;
 * - one content is `degraded` when somebody did not answer, else `incomplete` when somebody lacks it, else `unanimous`;
 * - no content is `absent` only when everybody said so, else `unknown`.
 */
export function compare(answers: readonly Answer[]): Comparison {
  const versions = toVersions(answers)
  const answered = answers.filter(isAnswered).length
  return { agreement: toAgreement(answers, versions.length, answered), versions, answers, answered }
}

function toAgreement(answers: readonly Answer[], contents: number, answered: number): Agreement {
  if (contents > 1) return 'conflict'
  const silent = answered < answers.length
  if (contents === 0) return silent || answers.length === 0 ? 'unknown' : 'absent'
  if (silent) return 'degraded'
  return answers.some(({ said }) => said === null) ? 'incomplete' : 'unanimous'
}

/** Contents are the same when digest and size are: of one digest at two sizes, somebody lies. */
function toVersions(answers: readonly Answer[]): Version[] {
  const versions = new Map<string, Version>()
  for (const { id, said } of answers) {
    if (!isFacts(said)) continue
    const key = `${said.digest} ${said.size}`
    const known = versions.get(key)
    versions.set(key, {
      digest: said.digest,
      size: said.size,
      modified: toLatest(known?.modified ?? null, said.modified),
      holders: [...(known?.holders ?? []), id],
      times: [...(known?.times ?? []), said.modified],
    })
  }
  return [...versions.values()]
}

function toLatest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}

function isAnswered({ said }: Answer): boolean {
  return said === null || isFacts(said)
}
