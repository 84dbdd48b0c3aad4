import type { LRUCache } from 'lru-cache'
import type { Limit } from '../http/overload.ts'
import type { CheckSignature } from '../proof/check-signature.ts'
import type { SignFacts, SignText } from '../proof/sign-facts.ts'
import type { Select } from '../storage/survey/globs.ts'
import type { CreateHasher, Digest } from '../wire/digest.ts'
import type { Limit as Queue } from '../wire/limit.ts'
import type { Deadlines } from './ask/deadlines.ts'
import type { AskOptions, Member } from './ask/member.ts'
import type { CorruptCopies } from './compare/corrupt-copies.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Observer } from './observer.ts'
import type { KeptReceipts } from './read/kept-receipts.ts'
import type { RecentReads } from './read/recent-reads.ts'

/** Small contents in memory by digest. Each was verified before it was cached. */
export type ContentCache = Pick<LRUCache<Digest, Uint8Array<ArrayBuffer>>, 'get' | 'set'>

/** What receipts are made with. */
export interface Signing {
  /** Signs with the coordinator's own keys, for replicas that do not sign; absent without a key. */
  readonly sign: SignText | undefined
  /** The same of facts; likewise. */
  readonly signFacts: SignFacts | undefined
  readonly checkSignature: CheckSignature
  readonly receipts: KeptReceipts
}

/** What all handlers of a coordinator share. */
export interface CoordinatorContext {
  /** Of all members, in order. */
  readonly ids: readonly string[]
  readonly members: readonly Member[]
  readonly deadlines: Deadlines
  readonly createHasher: CreateHasher
  readonly contentCache: ContentCache
  readonly corruptCopies: CorruptCopies
  readonly recentReads: RecentReads
  readonly observer: Observer | undefined
  readonly signing: Signing
  /** Records what audits find; absent where nothing does. */
  readonly ledger: Ledger | undefined
  readonly onLedgerFailed: ((error: unknown) => void) | undefined
  /** Whether the coordinator accepts plans, restores and choices of a version. */
  readonly isWritable: boolean
  /** Globs of names that audits, plans and listings leave out. */
  readonly exclude: readonly string[]
  /** Whether no glob of `exclude` matches a name. */
  readonly isIncluded: Select
  readonly limits: {
    readonly audits: Limit
    readonly plans: Limit
    readonly listings: Limit
    /** Pages that compare versions. */
    readonly comparisons: Limit
    /** Requests for many files. */
    readonly pipelines: Limit
  }
  /** Comparisons of the files of folders for WebDAV, which wait for each other. */
  readonly folderTurns: Queue
}

/** One read of one name, by `members`. */
export interface ReadRequest
  extends AskOptions,
    Pick<CoordinatorContext, 'members' | 'deadlines' | 'createHasher' | 'contentCache' | 'corruptCopies'> {
  readonly name: string
  /** Answer with the receipt of the file instead of the file. */
  readonly signing?: Signing | undefined
  /** How many members must answer; 1 when absent. */
  readonly required?: number | undefined
  /** Whether every member must hold the file. */
  readonly isStrict?: boolean | undefined
  /** Deliver this version, whatever other versions there are. */
  readonly version?: Digest | undefined
  /** Refuse a part that may be of another content than the parts before it. */
  readonly isWholeOnly?: boolean | undefined
  /** What to answer with instead of the content; the content when absent. */
  readonly form?: 'pin' | 'metalink' | undefined
}
