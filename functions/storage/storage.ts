import type { Modes, Unkept } from '../wire/attributes.ts'
import type { Digest } from '../wire/digest.ts'
import type { Passed } from '../wire/passed.ts'
import type { ByteRange } from '../wire/ranges.ts'
import type { EVIDENCES } from '../wire/schemas.ts'
import type { Trace } from '../wire/trace.ts'
import type { Select } from './globs.ts'
import type { Survey, SurveyLine } from './survey.ts'

/**
 * How a digest is known. `read`: from the bytes, all of which were read after the question was asked. `remembered`: from
 * the bytes, which were read earlier, and are believed to be the same by evidence that the store can give. `stored`: the
 * store's own checksum of the whole. `recorded`: from a list that was made earlier.
 */
export type Evidence = (typeof EVIDENCES)[number]

/** What a storage knows of one file. */
export interface Facts {
  /** Bytes. */
  readonly size: number
  /** Of the whole content, whatever range is read. */
  readonly digest: Digest
  /** Milliseconds since 1970, null where the store keeps no time. */
  readonly modified: number | null
  readonly evidence: Evidence
  /**
   * Whole seconds since the bytes were read, rounded down: 0 where `evidence` is `read`. Null where that is not
   * known, as for `stored`.
   */
  readonly age: number | null
}

/** What a storage knows of a file that it has just written. */
export interface Written extends Facts {
  /** What the file could not keep or take; absent for nothing. */
  readonly unkept?: readonly Unkept[] | undefined
}

/** A file opened for reading. Who opened it reads `body` to its end or cancels it; both free what lies beneath. */
export interface Opened {
  readonly facts: Facts
  readonly body: ReadableStream<Uint8Array>
  /** Of a body that failed: the SHA-256 of the bytes it gave before, where the storage knows it. */
  readonly given?: () => Digest | null
}

/** One file in a listing. */
export interface Entry {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /**
   * Milliseconds since 1970, null where the store keeps no time. The listing of a bucket knows only when the object was
   * stored; `describe` returns the time of the content.
   */
  readonly modified: number | null
}

/** A page of a listing. */
export interface Page {
  readonly entries: readonly Entry[]
  /** What to pass as `after` for the next page; null when this is the last. */
  readonly next: string | null
  /**
   * What sorts after `after`, up to `next` or to the end, and is not listed, since it is not a regular file or does not
   * have a valid name. Absent or empty for nothing. What lies below `.vouch/` is not counted.
   */
  readonly passed?: readonly Passed[] | undefined
}

/** A sign of life from a store that works on an answer. */
export interface Work {
  /**
   * How much was done for it since the last sign of life, or for what has to be done before it: bytes read, files looked
   * at. Above 0 whenever anything was done; 0 where the store does not say.
   */
  readonly done: number
  /** The file that is being read for that; undefined where there is none, or the store does not say. */
  readonly reading?: Reading | undefined
}

/** How far the reading of a file is. */
export interface Reading {
  readonly name: string
  /** Bytes that were read. */
  readonly bytes: number
  /** Of so many. */
  readonly size: number
}

/** How files are described. */
export interface DescribeOptions {
  readonly signal?: AbortSignal | undefined
  /** The request that asks, for the logs of a store that is a server. */
  readonly trace?: Trace | undefined
  /**
   * Seconds, a whole number: the bytes are read unless they were read at most so long ago. With 0 they are read after the
   * question, whatever is remembered, and the evidence is `read`. A store's own checksum is not a reading, and neither is a
   * list. A storage that cannot read them rejects. Any evidence will do when absent.
   */
  readonly maxAge?: number | undefined
  /** Called now and then, at least every `HEARTBEAT_MS`, while an answer is being worked on. */
  readonly onProgress?: ((work: Work) => void) | undefined
}

/** What of a file is opened, and for whom. */
export interface OpenOptions {
  /** The whole content when absent. */
  readonly range?: ByteRange | undefined
  /** Open only this content. */
  readonly ifDigest?: Digest | undefined
  /** As in `DescribeOptions`. */
  readonly trace?: Trace | undefined
  readonly signal?: AbortSignal | undefined
}

/** Which files are listed. */
export interface ListOptions {
  /** Only names that start with this string, which need not end at a `/`. */
  readonly prefix?: string | undefined
  /** Only names that come after this one in byte order, whether or not a file of that name exists. */
  readonly after?: string | undefined
  /** The greatest number of entries, 1 to `MAX_LISTING_PAGE`, which is also the default. */
  readonly limit?: number | undefined
  /** Which names `Page.passed` counts; all with the prefix when absent. A store that is a server need not heed it. */
  readonly isCounted?: Select | undefined
  readonly signal?: AbortSignal | undefined
}

/** As in `DescribeOptions`. */
export type SurveyOptions = Pick<DescribeOptions, 'signal' | 'trace'>

/** What is to be written, and over what. */
export interface PutOptions {
  /** Bytes of the body. */
  readonly size: number
  /** Of the body; checked against it. */
  readonly digest: Digest
  /** What the name must hold now: this content, or nothing (null). */
  readonly replaces: Digest | null
  /** When the content was modified: milliseconds since 1970. The time of the write when absent or null. */
  readonly modified?: number | null | undefined
  /**
   * Of the copy that the content comes from, one for each segment of the name; for a new file and the directories made
   * for it. The store's own defaults when absent. A store without permissions ignores it.
   */
  readonly modes?: Modes | undefined
  readonly signal?: AbortSignal | undefined
}

/** A content that a `put` or a `restore` has replaced. */
export interface Kept {
  /** The name that held it. */
  readonly name: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** When it was replaced last: milliseconds since 1970, null where the store keeps no time. */
  readonly kept: number | null
}

/** A page of what is kept. */
export interface KeptPage {
  readonly entries: readonly Kept[]
  /** What to pass as `after` for the next page; null when this is the last. */
  readonly next: string | null
}

/** Which kept contents are listed. */
export interface ListKeptOptions {
  /** Only what this name held. */
  readonly name?: string | undefined
  /** Only what comes after this `digest/name` in byte order, whether or not that is kept. */
  readonly after?: string | undefined
  /** As in `ListOptions`. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What is to be put back, and over what. */
export interface RestoreOptions {
  readonly digest: Digest
  /** What the name must hold now: this content, or nothing (null). */
  readonly replaces: Digest | null
  readonly signal?: AbortSignal | undefined
}

/**
 * One replica's files, read by name. Every adapter keeps every sentence below, and `storage.suite.ts` tests each.
 *
 * Absent is `null`. An I/O error is a `StorageError` and never a value: a store that cannot be reached never looks
 * like an empty one. An invalid name (see `parseName`) is the error `invalid-name`, everywhere. What is there but is
 * no regular file is never followed or read: a symbolic link, a device, a FIFO or a socket is `not-a-file`, a link
 * among the parents likewise; a directory is no file of that name, so `null`.
 */
export interface Storage {
  /**
   * Whether `open` proves what it gives, so that nobody needs to hash it again: a whole errors with `integrity` before
   * its last byte when it contradicts its digest, and a part is read from the file that was hashed, unchanged since.
   */
  readonly isProving?: boolean

  /**
   * What is known of each name, in the order of the names: one promise for each, which resolves with its facts,
   * resolves with null when there is no such file, or rejects with its own `StorageError`. One name's error spoils no
   * other, and one name's work delays no other. The same name may be asked twice. No names, no promises.
   * An aborted `signal` rejects what is still open.
   */
  describe(names: readonly string[], options?: DescribeOptions): readonly Promise<Facts | null>[]

  /**
   * Opens a file, or answers null when there is none. When the content is no longer `ifDigest`, rejects with
   * `changed`, or the stream errors with it before its last byte: a store that must read the whole to know need not
   * read it twice. Rejects with `out-of-range` when `range` lies outside the content.
   *
   * `facts` are those of the bytes that `body` streams: exactly `range.length` of them, or the whole. When the file
   * changes under the reader, the stream errors with `changed`; it never ends cleanly with other bytes or fewer. A
   * stream that is cancelled, read to its end, or failed holds no handle. An aborted `signal` errors it.
   */
  open(name: string, options?: OpenOptions): Promise<Opened | null>

  /**
   * The regular files, in the byte order of their UTF-8 names (see `compareNames`), page by page. Every name listed
   * is valid and describes as present; nothing below `.vouch/` is listed, and what is no regular file is not either.
   * A listing that goes on from `next` until null neither repeats nor omits a file that was there throughout, and counts
   * each entry that it does not list exactly once (see `Page.passed`).
   */
  list(options?: ListOptions): Promise<Page>

  /**
   * Looks at all the files that `survey` wants, in byte order: a `Found` for each with a `grain` of 0, else the spans
   * that `createSpanner` cuts them into, and a `Progress` now and then, at least every `HEARTBEAT_MS` while it works,
   * whose `work` has grown whenever anything was done; the last says what was seen in all, and comes before the last
   * span. Where the survey asks for it (`Survey.passed`), what is passed over as well, as `Skipped` has it. Ends when all
   * was seen; rejects with a `StorageError` when not all could be. What holds for `describe` holds for each digest. Memory
   * does not grow with the tree. Where it is absent, `readSurvey` lists and describes instead.
   */
  survey?(survey: Survey, options?: SurveyOptions): AsyncIterable<SurveyLine>

  /**
   * Writes a file whole, and resolves with its facts once it is there to stay. Atomic: a reader sees the old content
   * or the new, each whole. Rejects, having changed nothing, with `precondition` when the name does not hold what
   * `replaces` says, with `integrity` when the body is not `size` bytes of `digest`, and with `read-only` on a
   * storage that was not opened for writing. A condition that does not hold already is refused before `body` is read,
   * and one that no longer holds after it was read; to a
   * server elsewhere some of it may have been sent. Consumes or cancels `body` in every case.
   *
   * The content that is replaced is kept on the same replica, there to stay before the new one takes its place: at no
   * instant, not even that of a crash, is it neither at its name nor kept. A content that is replaced by itself is not
   * kept. What is kept is no file: `list`, `describe` and `open` never show it. Nothing that is kept is ever deleted.
   *
   * `describe` then returns `modified`, cut to what the store's clock can hold. A file that replaces another keeps that
   * one's permissions, owner, group and extended attributes where the store has such; a new one takes `modes`, never
   * wider, and no bit that is no permission. What could not be kept or taken is named in `unkept`.
   */
  put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Written>

  /**
   * The contents that are kept, in the byte order of `digest/name`, page by page: one entry for each name that held
   * each content. Works on a storage that was not opened for writing; empty on one that never keeps anything. Nothing is
   * hashed for it: that the bytes are still those of their digest is for `restore` to prove.
   */
  listKept(options?: ListKeptOptions): Promise<KeptPage>

  /**
   * Puts the content of `digest` that `name` once held back under the name, with every promise of `put`: conditional,
   * atomic, and what it replaces is kept in turn. Rejects, having changed nothing, also with `not-kept` when no such
   * content of that name is kept, and with `integrity` when its bytes are others by now. It stays kept. The file gets
   * the time, permissions, owner, group and extended attributes that the content had when it was replaced.
   */
  restore(name: string, options: RestoreOptions): Promise<Written>

  /**
   * The permissions of a file and of the directories that lead to it, one for each segment of the name; null when the
   * store has no such file, or no permissions. Absent on a store that never has any.
   */
  readModes?(name: string, options?: Pick<DescribeOptions, 'signal'>): Promise<Modes | null>
}
