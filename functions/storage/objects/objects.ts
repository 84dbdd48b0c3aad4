import { type Chunks, fromBytes, toStream } from '../../bytes/chunks.ts'
import type { Digest } from '../../wire/digest.ts'
import { changedError } from '../../wire/errors.ts'
import type { ByteRange } from '../../wire/fields/ranges.ts'
import type { PassedKind } from '../../wire/passed.ts'
import type { Billing } from '../storage.ts'
import type { ProvisionalDigests } from './provisional-digests.ts'

/** One object, as its store describes it. */
export interface ObjectInfo {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /**
   * Milliseconds since 1970, null where the store has no time: that of the content where it was stored with
   * the object, otherwise when the object was stored. A listing has only the latter.
   */
  readonly modified: number | null
  /**
   * A version or an ETag: different for every content that the key has had or will have. Null where the store
   * has none yet, or ever; nothing is remembered of the object then.
   */
  readonly version: string | null
  /** The store's own SHA-256 of the whole content; null if it has none, undefined if this answer lacks it. */
  readonly stored: Digest | null | undefined
}

/** An object opened for reading. The caller reads `body` to its end or cancels it. */
export interface OpenedObject {
  readonly info: ObjectInfo
  readonly body: ReadableStream<Uint8Array>
}

/** An object, or another entry that a store lists. */
export interface ListedObject extends ObjectInfo {
  /** Why the entry is skipped, for reasons other than its key. */
  readonly passed?: PassedKind | undefined
}

/** A page of a listing. */
export interface ObjectPage {
  /** In the byte order of their keys. */
  readonly objects: readonly ListedObject[]
  /** Whether there may be others after the last. */
  readonly isLast: boolean
}

/** Options of `Objects.get`. */
export interface GetOptions {
  /** The whole when absent; lies within the content of `version`. */
  readonly range?: ByteRange | undefined
  /** Only this version, unless null; rejects with `changed` when it is gone. */
  readonly version: string | null
  readonly signal?: AbortSignal | undefined
}

/** Options of `ObjectWrites.put`. */
export interface WriteOptions {
  /** Bytes of the body, which errors before its end when it does not have this size and `digest`. */
  readonly size: number
  readonly digest: Digest
  /** The version to replace; null when there must be no object. */
  readonly over: string | null
  /** The time that `head` and `get` return afterwards; that of the write when null. */
  readonly modified: number | null
  readonly signal?: AbortSignal | undefined
}

/**
 * A store of whole objects, such as a bucket or a web server. `createObjectStorage` makes a `Storage` of it.
 * Keys are used unchanged. Failures are `StorageError`s: `unreachable` when the store did not answer or
 * failed, `unreadable` when it refused this object.
 */
export interface Objects {
  /** Resolves with null when there is no object of this key. */
  head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null>
  /** Resolves with null when there is no object of this key. */
  get(key: string, options: GetOptions): Promise<OpenedObject | null>
  /** At most `limit` (1 to 1,000) keys that begin with `prefix` and sort after `after`; '' is before all. */
  list(prefix: string, after: string, limit: number, signal: AbortSignal | undefined): Promise<ObjectPage>
  /**
   * Reads many objects, for a store that takes several requests to read one alone; absent for others.
   * Resolves with what `read` made of each object whose version was there before and after it. Those that
   * have changed, that `isNeeded` does not want, and that cannot be read so are left out. Of a store with
   * `provisional` digests nothing may be read so.
   */
  readonly readAll?:
    | (<T>(keys: readonly string[], options: ReadAllOptions<T>) => Promise<ReadAll<T>>)
    | undefined
  /**
   * Digests that are not confirmed until the store shows their version again. Absent for a strongly
   * consistent store, which answers with its present state, and sends the bytes of a version only under it.
   */
  readonly provisional?: ProvisionalDigests | undefined
  /** Counts the calls; absent for a store that charges for none. */
  readonly billing?: Pick<Billing, 'prices' | 'calls'> | undefined
  /** Writes objects; absent for a store that cannot be written to. */
  readonly writes?: ObjectWrites | undefined
}

/** Options of `Objects.readAll`. */
export interface ReadAllOptions<T> {
  /** Whether an object, as the store has it now, is to be read. */
  isNeeded(info: ObjectInfo): Promise<boolean>
  /** Reads `body` to its end; when it rejects, the object is left out. */
  read(info: ObjectInfo, body: Chunks): Promise<T>
  readonly signal: AbortSignal | undefined
}

type ReadAll<T> = readonly { readonly info: ObjectInfo; readonly result: T }[]

/** A store that can be written to. */
export interface WritableObjects extends Objects {
  readonly writes: ObjectWrites
}

/** Rejects with `precondition` when the store has another version; a method that rejects changes nothing. */
export interface ObjectWrites {
  /** Atomic: readers see the old object or the new, whole. Consumes or cancels `body`. */
  put(key: string, body: ReadableStream<Uint8Array>, options: WriteOptions): Promise<ObjectInfo>
  /** Copies this version and its time to another key, which may exist; resolves once the copy is durable. */
  copy(from: ObjectInfo, to: string, signal: AbortSignal | undefined): Promise<void>
}

/** An empty part of the object that `head` found; null for none. Throws `changed` for another version. */
export function openEmpty(info: ObjectInfo | null, version: string | null): OpenedObject | null {
  if (info !== null && info.version !== (version ?? info.version)) throw changedError()
  return info && { info, body: toStream(fromBytes(new Uint8Array())) }
}
