import type { Facts, OpenOptions } from '../../functions/storage/storage.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { StorageError, type TroubleCode } from '../../functions/wire/trouble.ts'
import type { Synced } from './belief.ts'
import { getErrno } from './errno.ts'
import type { Looked } from './file-system.ts'
import type { Identity } from './identity.ts'
import type { IndexNotice } from './index-file.ts'
import type { Located } from './located.ts'
import type { RootLook } from './root-guard.ts'

/** What the disk thread is started with. */
export interface DiskWorkerData {
  /** Absolute; its symbolic links are followed for each batch. */
  readonly root: string
  /** The file of the digest index; null for none. */
  readonly indexFile: string | null
}

/** What the disk thread is told: answer these, or end. */
export type DiskMessage = Batch | 'close'

/** Questions about many names, asked no later than the message was sent. */
export interface Batch {
  readonly id: number
  /** Milliseconds since 1970, no later than that. */
  readonly now: number
  /** How long small files may be hashed before the rest is `slow` or `later`. */
  readonly patience: number
  /** The last sync that had ended by then. */
  readonly synced: Synced | null
  readonly names: readonly string[]
  /** For places in `names`, what is asked beyond facts. */
  readonly extras: ReadonlyMap<number, Extra>
}

/** What is asked of a name beyond facts. */
export interface Extra {
  readonly open?: OpenWanted | undefined
  /** Whether only where it lies is asked; of the root when the name is ''. */
  readonly locate?: boolean | undefined
  /** Whether the root is only to be looked at, whatever is remembered of it; the name is ''. */
  readonly look?: boolean | undefined
  /** Whether it is a path of vouch's own, below a `.vouch/`. */
  readonly own?: boolean | undefined
  /** As in `DescribeOptions`. */
  readonly maxAge?: number | undefined
  /** What a hash thread found. */
  readonly hashed?: Hashed | undefined
}

/** A content that was hashed for a question, or for one before it. */
export interface Hashed extends Content {
  /** Whether its reading began before this question was asked. */
  readonly isEarlier: boolean
}

/** As in `OpenOptions`. */
export type OpenWanted = Pick<OpenOptions, 'range' | 'ifDigest'>

/** A content of a file: whatever has this identity has this digest, but for a change that its times do not show. */
export interface Content {
  readonly identity: Identity
  readonly digest: Digest
  /** When its reading began: whole milliseconds since 1970. */
  readonly readAt: number
  /** `FileSystem.id` where even such a change is ruled out, so that it may be remembered; null where it is not. */
  readonly systemId: bigint | null
}

/** What the disk thread sends: that it runs, answers, how the index is, or what the root's file system is. */
export type DiskReply = 'started' | Answers | IndexNotice | { readonly looked: Looked }

/** The answers to a batch, in the order of its names. */
export interface Answers {
  readonly id: number
  readonly answers: readonly Answer[]
  /** Digests computed for it, and digests that the index knew. */
  readonly computed: number
  readonly known: number
  /** Whether a digest was not remembered because no sync has ended since its file was changed. */
  readonly wantsSync: boolean
}

/**
 * Null for no such file, `slow` for one that a hash thread must see first, `later` for one to be asked for again, when
 * others had their turn.
 */
export type Answer = null | 'slow' | 'later' | Held | Located | RootLook | { readonly trouble: Trouble }

/** A file that is there, with what was asked beyond facts. */
export interface Held {
  readonly size: number
  readonly digest: Digest
  /** Milliseconds since 1970; see `toModified`. */
  readonly modified: number | null
  /** Seconds since its bytes were read, as in `Facts`, where that was not for this question. */
  readonly age?: number
  /** Where a hash thread found it: what that found. */
  readonly content?: Content
  /** All that was to be opened. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  /** More than one read was to be opened: its descriptor. Who receives it closes it. */
  readonly opened?: { readonly fd: number; readonly content: Content }
}

/** A file that is there, as facts. */
export function fromHeld({ size, digest, modified, age }: Held): Facts {
  return { size, digest, modified, evidence: age === undefined ? 'read' : 'remembered', age: age ?? 0 }
}

/** A message to a hash thread: hash this file, or end. */
export type HashMessage = HashOrder | 'close'

/** A file to be hashed. */
export interface HashOrder extends Pick<Batch, 'now' | 'synced'> {
  readonly name: string
}

/**
 * What a hash thread says: how much it has read; or, at its end, what it found, null when the file did not keep still,
 * is not there, or nobody waits any more.
 */
export type HashReply =
  | { readonly bytes: number; readonly size: number }
  | { readonly content: Content | null }
  | { readonly trouble: Trouble }

/** What a hash thread is started with. */
export interface HashWorkerData {
  /** As in `DiskWorkerData`. */
  readonly root: string
  /** Its first element is set to stop the file being hashed. */
  readonly stop: Int32Array<SharedArrayBuffer>
}

/** An error on its way from one thread to another. */
export interface Trouble {
  /** Null for a bug. */
  readonly code: TroubleCode | null
  readonly reason: string
  readonly message: string
  /** The system's, for logs. */
  readonly cause: { readonly code: string; readonly message: string } | null
}

export function toTrouble(error: unknown): Trouble {
  if (!(error instanceof StorageError)) {
    return {
      code: null,
      reason: '',
      message: error instanceof Error ? (error.stack ?? '') : String(error),
      cause: null,
    }
  }
  const { code, reason, message, cause } = error
  const system = cause instanceof Error ? { code: getErrno(cause), message: cause.message } : null
  return { code, reason, message, cause: system }
}

/** The error that `toTrouble` was given, as far as it matters. */
export function fromTrouble({ code, reason, message, cause }: Trouble): Error {
  if (code === null) return new Error(message)
  if (cause === null) return new StorageError(code, message, { reason })
  const system = Object.assign(new Error(cause.message), { code: cause.code })
  return new StorageError(code, message, { reason, cause: system })
}
