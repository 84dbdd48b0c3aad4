import type { Digest } from '../wire/digest.ts'
import type { PassedKind } from '../wire/passed.ts'
import type { ByteRange } from '../wire/ranges.ts'
import type { ProvisionalDigests } from './provisional-digests.ts'

/** One object, as its store tells of it. */
export interface ObjectInfo {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /**
   * Milliseconds since 1970, null where the store keeps no time: that of the content where it was written down with the
   * object, otherwise when the object was stored. A listing tells only the latter.
   */
  readonly modified: number | null
  /**
   * Tells this content of the key from every other that it has had or will have: a version, an ETag. Null where the
   * store cannot tell that yet, or ever; nothing is remembered of the object then.
   */
  readonly version: string | null
  /**
   * The SHA-256 of the whole content that the store itself keeps; null where it keeps none, undefined where this answer
   * does not tell.
   */
  readonly stored: Digest | null | undefined
}

/** An object opened for reading. Who opened it reads `body` to its end or cancels it. */
export interface OpenedObject {
  readonly info: ObjectInfo
  readonly body: ReadableStream<Uint8Array>
}

/** An object, or something else that a store lists. */
export interface ListedObject extends ObjectInfo {
  /** Why it is not to be listed, where that is not wrong with its key. */
  readonly passed?: PassedKind | undefined
}

/** A page of a listing. */
export interface ObjectPage {
  /** In the byte order of their keys. */
  readonly objects: readonly ListedObject[]
  /** Whether there may be others after the last. */
  readonly isLast: boolean
}

/** What of an object is wanted. */
export interface GetOptions {
  /** The whole when absent; lies within the content of `version`. */
  readonly range?: ByteRange | undefined
  /** Only this version, where it is not null: `changed` when it is gone. */
  readonly version: string | null
  readonly signal?: AbortSignal | undefined
}

/** What is to be written, and over what. */
export interface WriteOptions {
  /** Bytes of the body, which errors before its end when it is not so many of `digest`. */
  readonly size: number
  readonly digest: Digest
  /** The version that is to be replaced; null when there must be none. */
  readonly over: string | null
  /** What `head` and `get` are to return as the object's time; when it was stored if null. */
  readonly modified: number | null
  readonly signal?: AbortSignal | undefined
}

/**
 * What vouch needs of a store of whole objects: a bucket, a web server. `createObjectStorage` makes a `Storage` of it.
 * Keys are taken as they are. Failures are `StorageError`s: `unreachable` when the store did not answer or answered
 * with trouble of its own, `unreadable` when it refused this object.
 */
export interface Objects {
  /** Null when there is none of this key. */
  head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null>
  /** Null when there is none of this key. */
  get(key: string, options: GetOptions): Promise<OpenedObject | null>
  /** A page of at most `limit` (1 to 1,000) keys that begin with `prefix` and come after `after`, '' being before all. */
  list(prefix: string, after: string, limit: number, signal: AbortSignal | undefined): Promise<ObjectPage>
  /**
   * Where digests wait until the store has shown their version again. Absent for a store that is strongly consistent: it
   * answers by what it holds when it is asked, and sends the bytes of a version under that version alone.
   */
  readonly provisional?: ProvisionalDigests | undefined
  /** What writes; absent where there is none. */
  readonly writes?: ObjectWrites | undefined
}

/** Each rejects with `precondition` when the store has another version, and has changed nothing whenever it rejects. */
export interface ObjectWrites {
  /** Atomic: readers see the old object or the new, whole. Consumes or cancels `body`. */
  put(key: string, body: ReadableStream<Uint8Array>, options: WriteOptions): Promise<ObjectInfo>
  /** Copies this version, and its time, to another key, which may be there already; resolves once the copy is there to stay. */
  copy(from: ObjectInfo, to: string, signal: AbortSignal | undefined): Promise<void>
}
