import type { SizedFacts } from '../../../functions/storage/facts.ts'
import type { OpenOptions } from '../../../functions/storage/storage.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import type { Synced } from '../digests/belief.ts'
import type { IndexFile, IndexNotice } from '../digests/index-file.ts'
import type { Identity } from '../files/identity.ts'
import type { Looked } from '../mounts/file-system.ts'
import type { Located } from '../mounts/located.ts'
import type { RootLook } from '../mounts/root-guard.ts'
import type { Trouble } from '../threads/messages.ts'

/** What the programs that work on one root are given. */
export interface RootWorkerData {
  /** Absolute; its symbolic links are followed for each batch, listing and survey. */
  readonly root: string
  /** The file of the digest index; null for none. */
  readonly indexFile: string | null
  /** See `openIndexFile`. */
  readonly opensLate?: boolean | undefined
  /** That index, open, where programs of one thread share it; opened and closed by each when absent. */
  readonly shared?: IndexFile | undefined
}

/** A question to the disk thread about many names, none of them asked after the message was sent. */
export interface Batch {
  /** When the message was sent, in milliseconds since 1970. */
  readonly now: number
  /** How long small files may be hashed before the rest is `slow` or `later`, in milliseconds. */
  readonly patience: number
  /** The last sync that had ended by then. */
  readonly synced: Synced | null
  readonly names: readonly string[]
  /** By place in `names`, what is asked beyond facts. */
  readonly extras: ReadonlyMap<number, Extra>
}

/** What is asked of a name beyond facts. */
export interface Extra {
  /** As in `OpenOptions`. */
  readonly open?: Pick<OpenOptions, 'range' | 'ifDigest'> | undefined
  /** Asks only where it lies; for the name '', where the root lies. */
  readonly locate?: boolean | undefined
  /** Asks only for a look at the root, whatever is remembered of it; the name is ''. */
  readonly look?: boolean | undefined
  /** Whether it is one of vouch's own paths, below a `.vouch/`. */
  readonly own?: boolean | undefined
  /** As in `DescribeOptions`. */
  readonly maxAge?: number | undefined
  /** What a hash thread found. */
  readonly hashed?: Hashed | undefined
}

/** A content that was hashed for this question, or for one before it. */
export interface Hashed extends Content {
  /** Whether its reading began before this question was asked. */
  readonly isEarlier: boolean
}

/** A file of this identity has this digest, unless it changed in a way that its times do not show. */
export interface Content {
  readonly identity: Identity
  readonly digest: Digest
  /** When its reading began: whole milliseconds since 1970. */
  readonly readAt: number
  /** `FileSystem.id` where every change shows, so that the digest may be remembered; null elsewhere. */
  readonly systemId: bigint | null
}

/** What these threads report: the state of the index, or the root's file system. */
export type RootEvent = IndexNotice | { readonly looked: Looked }

/** What the disk thread reports: also that it runs. */
export type DiskEvent = 'started' | RootEvent

/** The answers to a batch, in the order of its names. */
export interface Answers {
  readonly answers: readonly Answer[]
  readonly computed: number
  /** How many digests the index had. */
  readonly known: number
  /** Whether a digest was not remembered because no sync has ended since its file changed. */
  readonly wantsSync: boolean
}

/** Null: no such file; `slow`: a hash thread must read it first; `later`: ask again after other questions. */
export type Answer = null | 'slow' | 'later' | Held | Located | RootLook | { readonly trouble: Trouble }

/** A file, with what was asked beyond facts. */
export interface Held {
  readonly size: number
  readonly digest: Digest
  /** Milliseconds since 1970; see `toTime`. */
  readonly modified: number | null
  /** Seconds since its bytes were read, as in `SizedFacts`; absent when they were read for this question. */
  readonly age?: number
  /** What a hash thread found, where one read it. */
  readonly content?: Content
  /** All that was to be opened. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  /** More than one read was to be opened: its descriptor, which the receiver closes. */
  readonly opened?: { readonly fd: number; readonly content: Content }
}

export function fromHeld({ size, digest, modified, age }: Held): SizedFacts {
  return { size, digest, modified, evidence: age === undefined ? 'read' : 'remembered', age: age ?? 0 }
}

/** A question to a hash thread. The answer is null when the file is gone or changing, or it was stopped. */
export interface HashOrder extends Pick<Batch, 'now' | 'synced'> {
  readonly name: string
}

/** What a hash thread reports while it reads, in bytes. */
export interface HashProgress {
  readonly bytes: number
  readonly size: number
}

export interface HashWorkerData extends Pick<RootWorkerData, 'root'> {
  /** See `HashControl`. */
  readonly control: SharedArrayBuffer
}
