import type { Survey } from '../../storage/survey/survey.ts'
import type { Digest } from '../../wire/digest.ts'
import { toVersionHref } from '../../wire/fields/routes.ts'
import type {
  AuditSummary,
  Changes,
  Differences,
  History,
  Manifest,
  ReplicaReport,
  Status,
} from '../../wire/schemas.ts'
import type { CorruptCopy } from '../compare/corrupt-copies.ts'

/** Which names an audit compares. */
export interface Scope extends Pick<Survey, 'prefix' | 'match' | 'exclude'> {
  /** Only names after this one in byte order. */
  readonly after?: string | undefined
  /** Whether it is a part of a verification, which may end early: the next part goes on from there. */
  readonly isVerification?: boolean | undefined
}

/** How far a verification has come; see `Status`. Times are milliseconds since 1970. */
export interface Verification {
  readonly began: number
  readonly after: string
  readonly ended: number | null
}

/**
 * What the audits of one coordinator have found: the audits themselves, and for each name that ever differed
 * what each replica held, since when. Names that are the same everywhere take no room. Every method rejects
 * with an Error when the store of the ledger fails; no answer about a file needs a ledger.
 */
export interface Ledger {
  /** Begins an audit, and resolves with its number. `began` is in milliseconds since 1970. */
  begin(scope: Scope, began: number): Promise<number>
  /** Notes names that an audit found not to be the same everywhere, each once. */
  note(audit: number, manifests: readonly Manifest[]): Promise<void>
  /**
   * Ends an audit that has compared all names of its scope, or those up to the `next` of its summary. Those that
   * differed before and were not noted have settled, unless a replica was left out. Resolves with what has
   * changed since the last audit that compared the same names or all; undefined without one. `ended` is in
   * milliseconds since 1970.
   */
  end(audit: number, ended: number, summary: AuditSummary): Promise<Changes | undefined>
  /** The copies that were found corrupt, and not mended since. */
  corrupt(): Promise<readonly CorruptCopy[]>
  noteCorrupt(copy: CorruptCopy): Promise<void>
  noteMended(copy: CorruptCopy): Promise<void>
  /** The last verification; null before the first. */
  verification(): Promise<Verification | null>
  /** When all bytes had been read by a verification, the last time: milliseconds since 1970; null before the first. */
  lastVerified(): Promise<number | null>
  /** Notes how far a verification has come: a new one, or the last. */
  noteVerification(verification: Verification): Promise<void>
  status(): Promise<Status>
  /** A page of the names that differ, in byte order after `after`. */
  list(options: { readonly after: string; readonly limit: number }): Promise<Differences>
  history(name: string): Promise<History>
}

/** What an audit found of a name: the agreement, each version as digest and size, and each replica. */
type Finding = readonly [
  agreement: Manifest['agreement'],
  versions: readonly (readonly [digest: Digest, size: number])[],
  replicas: readonly (readonly [
    id: string,
    state: ReplicaReport['state'],
    /** The place of its version among the versions. */
    version?: number | null,
    error?: string | null,
    rottedFrom?: Digest,
    goodAt?: string | null,
  ])[],
]

/**
 * A manifest as a ledger keeps it, without its name and without what only holds for the moment: when a copy
 * was modified or read. Two findings are the same when their texts are equal.
 */
export function toFindingText({ agreement, versions, replicas }: Manifest): string {
  const digests = versions.map(({ digest }) => digest)
  const reports = replicas.map(({ id, state, version, error, rottedFrom, goodAt }) => {
    const place = version === undefined ? null : digests.indexOf(version)
    if (rottedFrom !== undefined)
      return [id, state, place, error ?? null, rottedFrom, goodAt ?? null] as const
    if (error !== undefined) return [id, state, place, error] as const
    return place === null ? ([id, state] as const) : ([id, state, place] as const)
  })
  const finding: Finding = [agreement, versions.map(({ digest, size }) => [digest, size]), reports]
  return JSON.stringify(finding)
}

/** The manifest of `toFindingText`, whose times of modification are unknown. */
export function fromFindingText(name: string, text: string): Manifest {
  const [agreement, versions, reports]: Finding = JSON.parse(text)
  const replicas = reports.map(([id, state, place, error, rottedFrom, goodAt]) => ({
    ...{ id, state },
    ...(place != null && { version: versions[place]?.[0] }),
    ...(error != null && { error }),
    ...(rottedFrom !== undefined && { rottedFrom }),
    ...(goodAt != null && { goodAt }),
  }))
  return {
    name,
    agreement,
    versions: versions.map(([digest, size], i) => ({
      ...{ digest, size, modified: null },
      replicas: reports.flatMap(([id, , place]) => (place === i ? id : [])),
      href: toVersionHref(name, digest),
    })),
    replicas,
  }
}

/** Whether some replica did not answer, so that this changes nothing of what was known of the name. */
export function isPartial({ replicas }: Manifest): boolean {
  return replicas.some(({ state }) => state === 'error')
}
