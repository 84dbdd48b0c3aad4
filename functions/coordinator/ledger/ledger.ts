import type { Survey } from '../../storage/survey/survey.ts'
import type { Digest } from '../../wire/digest.ts'
import { toVersionHref } from '../../wire/fields/routes.ts'
import type { AuditSummary, Changes } from '../../wire/schemas/audit.ts'
import type { Differences, History, Run, Status } from '../../wire/schemas/ledger.ts'
import type { Manifest, ReplicaReport } from '../../wire/schemas/manifest.ts'
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

/** A tree that replicas have signed. */
export interface KeptTree {
  /** When it was kept: milliseconds since 1970. */
  readonly at: number
  /** Of whose files it is. */
  readonly replicas: readonly string[]
  /** See `functions/proof/`. */
  readonly note: string
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
   * Ends an audit that has compared all names of its scope, or those up to the `next` of its summary. Those
   * that differed before and were not noted have settled, unless a replica was left out. Resolves with what
   * has changed since the last audit that compared the same names or all; undefined without one. `ended` is
   * in milliseconds since 1970.
   */
  end(audit: number, ended: number, summary: AuditSummary): Promise<Changes | undefined>
  /** The copies that were found corrupt, and not mended since. */
  corrupt(): Promise<readonly CorruptCopy[]>
  noteCorrupt(copy: CorruptCopy): Promise<void>
  noteMended(copy: CorruptCopy): Promise<void>
  /** The last verification; null before the first. */
  verification(): Promise<Verification | null>
  /**
   * When all bytes had been read by a verification, the last time: milliseconds since 1970; null before the
   * first.
   */
  lastVerified(): Promise<number | null>
  /** Notes how far a verification has come: a new one, or the last. */
  noteVerification(verification: Verification): Promise<void>
  status(): Promise<Status>
  /** What the audits found of a name that differs; null when it did not when it was last compared. */
  find(name: string): Promise<Manifest | null>
  /** The last audits that have compared every name, at most `limit`, the latest first. */
  audits(limit: number): Promise<readonly Run[]>
  /**
   * The number of names that differ in each of these folders, each empty, for all, or ending with a slash.
   */
  count(folders: readonly string[]): Promise<readonly number[]>
  /**
   * A page of the names that differ, in byte order after `after`, and in a folder as in `count`; all when
   * absent.
   */
  list(options: {
    readonly folder?: string | undefined
    readonly after: string
    readonly limit: number
  }): Promise<Differences>
  history(name: string): Promise<History>
  /** Keeps a signed tree; the number of those that are kept is limited, and the oldest go. */
  noteTree(tree: KeptTree): Promise<void>
  /** The last trees, at most `limit`, the latest first. */
  trees(limit: number): Promise<readonly KeptTree[]>
}

/** What an audit found of a name: the agreement, each version as digest and size, and each replica. */
type Finding = readonly [
  agreement: Manifest['agreement'],
  versions: readonly (readonly [digest: Digest, size: number | null])[],
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
 * was modified or read. Two findings are the same when their texts are equal. The rot that the text `before`
 * shows of the same bytes is kept.
 */
export function toFindingText(found: Manifest, before: string | undefined): string {
  const known = before === undefined ? found : withKnownRot(found, fromFindingText(found.name, before))
  const { agreement, versions, replicas } = known
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

/**
 * What an audit found, with the rot that an earlier finding shows of copies which hold the same bytes now as
 * then: once rot has been found, the replica answers with the digest of the present bytes, as for any other
 * copy.
 */
export function withKnownRot(now: Manifest, known: Manifest): Manifest {
  const replicas = now.replicas.map((report) => {
    const { rottedFrom, goodAt, version } = known.replicas.find(({ id }) => id === report.id) ?? {}
    const isKnown = report.rottedFrom === undefined && rottedFrom !== undefined && report.version === version
    return isKnown ? { ...report, rottedFrom, ...(goodAt !== undefined && { goodAt }) } : report
  })
  return { ...now, replicas }
}

/** Whether some replica did not answer, so that this changes nothing of what was known of the name. */
export function isPartial({ replicas }: Manifest): boolean {
  return replicas.some(({ state }) => state === 'error')
}
