import type { Pace } from '../bytes/pace.ts'
import type { Modes, Unkept } from '../wire/attributes.ts'
import type { Digest } from '../wire/digest.ts'
import type { ByteRange } from '../wire/fields/ranges.ts'
import type { Trace } from '../wire/fields/trace.ts'
import type { Passed } from '../wire/passed.ts'
import type { Calls, PriceName } from '../wire/prices.ts'
import type { Signature } from '../wire/schemas/replica.ts'
import type { SumAlgorithm } from '../wire/sums.ts'
import type { Facts, SizedFacts } from './facts.ts'
import type { Select } from './survey/globs.ts'
import type { Amount, Survey, SurveyLine } from './survey/survey.ts'

/** The facts of a file that was just written. */
export interface Written extends SizedFacts {
  /** The attributes that could not be kept or set; absent for none. */
  readonly unkept?: readonly Unkept[] | undefined
}

/** A file opened for reading. The caller reads `body` to its end or cancels it; both release the file. */
export interface Opened {
  readonly facts: SizedFacts
  readonly body: ReadableStream<Uint8Array>
  /** After a body failed: the SHA-256 of the bytes before that, or null where the storage lacks it. */
  readonly digestSoFar?: () => Digest | null
}

/** One file in a listing. */
export interface Entry {
  readonly name: string
  /** Bytes; null where the store is a list that does not have it. */
  readonly size: number | null
  /**
   * Milliseconds since 1970, null where the store keeps no time. The listing of a bucket knows only when the
   * object was stored; `describe` returns the time of the content.
   */
  readonly modified: number | null
}

/** A page of a listing. */
export interface Page {
  readonly entries: readonly Entry[]
  /** What to pass as `after` for the next page; null when this is the last. */
  readonly next: string | null
  /**
   * Entries between `after` and `next`, or the end, that are not listed because they are not regular files or
   * do not have a valid name. Absent or empty for none. Entries below `.vouch/` are not counted.
   */
  readonly passed?: readonly Passed[] | undefined
}

/** A heartbeat of a store that works on an answer. */
export interface Work {
  /**
   * Work done since the last heartbeat, for this answer or for those before it: bytes read, files examined.
   * Above 0 whenever any was done; 0 where the store does not report it.
   */
  readonly done: number
  /** The file that is being read; undefined when no file is, or the store does not report it. */
  readonly reading?: Reading | undefined
}

/** How far a file has been read. */
export interface Reading {
  readonly name: string
  /** Bytes read so far. */
  readonly bytes: number
  /** Bytes of the file. */
  readonly size: number
}

/** Options of `describe`. */
export interface DescribeOptions {
  readonly signal?: AbortSignal | undefined
  /** The request behind the question, for the log of a replica server. */
  readonly trace?: Trace | undefined
  /**
   * Whole seconds: the bytes are read unless they were read at most so long ago. With 0 they are read after
   * the question, whatever is remembered, and the evidence is `read`. A store's checksum does not count as a
   * reading. A storage that cannot read rejects; a list, which has no bytes, answers as ever, with
   * `recorded`. Any evidence is accepted when absent.
   */
  readonly maxAge?: number | undefined
  /**
   * Sums of the content that the facts may have beside its digest. A storage may ignore this: see `sums.ts`.
   */
  readonly sums?: readonly SumAlgorithm[] | undefined
  /** Whether a storage that has a key signs the facts; others ignore it. */
  readonly sign?: boolean | undefined
  /**
   * Waited for after each chunk that is read. A replica server is not told of it: `Survey.rate` is for that.
   */
  readonly pace?: Pace | undefined
  /** Called at least every `HEARTBEAT_MS` while the store works on an answer. */
  readonly onProgress?: ((work: Work) => void) | undefined
}

/** Options of `open`. */
export interface OpenOptions {
  /** The whole content when absent. */
  readonly range?: ByteRange | undefined
  /** Open only this content. */
  readonly ifDigest?: Digest | undefined
  /** As in `DescribeOptions`, for what is read before this resolves; whoever reads `body` paces that. */
  readonly pace?: Pace | undefined
  /** As in `DescribeOptions`. */
  readonly trace?: Trace | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options of `list`. */
export interface ListOptions {
  /** Only names that start with this string, which need not end at a `/`. */
  readonly prefix?: string | undefined
  /** Only names that come after this one in byte order, whether or not a file of that name exists. */
  readonly after?: string | undefined
  /** The greatest number of entries, 1 to `MAX_LISTING_PAGE`, which is also the default. */
  readonly limit?: number | undefined
  /** Which names `Page.passed` counts; all with the prefix when absent. A replica server may ignore it. */
  readonly isCounted?: Select | undefined
  readonly signal?: AbortSignal | undefined
}

/** All files with a prefix as one number, which a replica server has signed; see `functions/proof/`. */
export interface SignedTree {
  readonly files: number
  /** Of the Merkle tree over their digests and names. */
  readonly root: Digest
  /** By each key of the server; at least one. */
  readonly signatures: readonly Signature[]
}

/** Options of `prove`. */
export interface ProveOptions extends Pick<DescribeOptions, 'signal' | 'trace' | 'onProgress'> {
  /** The key: 32 bytes in lower-case hexadecimal. */
  readonly nonce: string
}

/** What only the bytes of a file can answer. */
export interface Proof {
  /** Bytes. */
  readonly size: number
  /** HMAC-SHA-256 (RFC 2104) of the content under the nonce, in lower-case hexadecimal. */
  readonly proof: Digest
}

/** As in `DescribeOptions`. */
export type SurveyOptions = Pick<DescribeOptions, 'signal' | 'trace'>

/** Options of `put`. */
export interface PutOptions {
  /** Bytes of the body. */
  readonly size: number
  /** Of the body, which is verified by it. */
  readonly digest: Digest
  /** The content that the name must hold now; null when it must hold none. */
  readonly replaces: Digest | null
  /** When the content was modified: milliseconds since 1970. The time of the write when absent or null. */
  readonly modified?: number | null | undefined
  /**
   * Permissions for a new file and the directories created for it, one for each segment of the name: those of
   * the copy that the content comes from. The store's defaults when absent; a store without any ignores them.
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

/** A page of kept contents. */
export interface KeptPage {
  readonly entries: readonly Kept[]
  /** What to pass as `after` for the next page; null when this is the last. */
  readonly next: string | null
}

/** Options of `listKept`. */
export interface ListKeptOptions {
  /** Only contents that this name held. */
  readonly name?: string | undefined
  /** Only contents after this `digest/name` in byte order, whether or not that one is kept. */
  readonly after?: string | undefined
  /** As in `ListOptions`. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options of `restore`. */
export interface RestoreOptions {
  readonly digest: Digest
  /** The content that the name must hold now; null when it must hold none. */
  readonly replaces: Digest | null
  readonly signal?: AbortSignal | undefined
}

/** Options of `move`. */
export interface MoveOptions {
  /** The content that the file must hold now. */
  readonly digest: Digest
  /** As in `PutOptions`, for the directories that are created: the file keeps its own permissions. */
  readonly modes?: Modes | undefined
  readonly signal?: AbortSignal | undefined
}

/** What an audit of a store will take, in calls that the store charges for. */
export interface Estimate extends Amount {
  readonly calls: Calls
}

/** Options of `Billing.estimate`. */
export interface EstimateOptions {
  /** Only names that start with this string. */
  readonly prefix: string
  /** Whether the audit reads every byte. */
  readonly isDeep: boolean
  readonly signal?: AbortSignal | undefined
  /** Called with the number of names so far after each answer of the store: a sign of life. */
  readonly onProgress?: ((names: number) => void) | undefined
}

/** The calls of a store that charges for them. */
export interface Billing {
  /** Whose prices they have; null when that is not known. */
  readonly prices: PriceName | null
  /** The calls so far, of all who use the storage. */
  calls(): Calls
  /**
   * Estimates an audit that finds no differences: lists every name, and asks for a few objects, but reads
   * none. Rejects with a `StorageError` as `list` does.
   */
  estimate(options: EstimateOptions): Promise<Estimate>
}

/**
 * One replica's files, read by name. Every adapter keeps every sentence below, and `storage.suite.ts` tests
 * each. A first adapter needs three methods: `describe`, `open` and `list`.
 *
 * An absent file is `null`. An I/O error is a `StorageError` and never a value, so that an unreachable store
 * never looks empty. An invalid name (see `parseName`) is the error `invalid-name` in every method. What is
 * not a regular file is never followed or read: a symbolic link, a device, a FIFO or a socket is
 * `not-a-file`, and so is a link among the parents. A directory is not a file of that name, so it is `null`.
 */
export interface Storage {
  /**
   * Whether `open` verifies the bytes, so that callers need not hash them: a whole file errors with
   * `integrity` before its last byte if it contradicts its digest; a part is of the file as hashed.
   */
  readonly verifiesBytes?: boolean

  /** Set where only sums are kept, and no bytes: a list. No plan writes to it. */
  readonly isRecord?: true

  /** Absent where calls are not counted: nobody charges for them, or a server elsewhere makes them. */
  readonly billing?: Billing | undefined

  /**
   * Returns one promise for each name, in the order of the names. It resolves with the facts of the file,
   * resolves with null when there is no such file, or rejects with a `StorageError` of its own. One name's
   * error does not affect the others, and one name's work does not delay them. A name may occur twice. For no
   * names it returns no promises. An aborted `signal` rejects the promises that are not settled.
   */
  describe(names: readonly string[], options?: DescribeOptions): readonly Promise<Facts | null>[]

  /**
   * Opens a file, or resolves with null when it does not exist. When the content is no longer `ifDigest`,
   * rejects with `changed`, or the stream errors with it before its last byte: a store that must read the
   * whole file to find out need not read it twice. Rejects with `out-of-range` when `range` lies outside.
   *
   * `facts` are those of the bytes that `body` streams: exactly `range.length` of them, or the whole. When
   * the file changes under the reader, the stream errors with `changed`; it never ends cleanly with other
   * bytes or fewer. Cancelled, read to its end, or failed, it holds no handle. An aborted `signal` errors it.
   */
  open(name: string, options?: OpenOptions): Promise<Opened | null>

  /**
   * The regular files in the byte order of their UTF-8 names (see `compareNames`), page by page. Every listed
   * name is valid, and `describe` returns its facts. Nothing below `.vouch/` is listed. A listing that is
   * continued from `next` until that is null neither repeats nor omits a file that was there throughout, and
   * counts each entry that it does not list exactly once (see `Page.passed`).
   */
  list(options?: ListOptions): Promise<Page>

  /**
   * Reports on all the files that `survey` selects, in byte order: a `Found` for each with a `grain` of 0,
   * else the spans that `createSpanner` cuts, and a `Progress` at least every `HEARTBEAT_MS`, whose `work`
   * has grown if anything was done; the last one reports the totals, and comes before the last span. With
   * `Survey.passed` it also reports what it skips (see `Skipped`). Ends when all files were reported; rejects
   * with a `StorageError` when a part could not be. Reads no faster than `Survey.rate`. The promises of
   * `describe` hold for each digest. Memory does not grow with the tree. Where it is absent, `readSurvey`
   * lists and describes instead.
   */
  survey?(survey: Survey, options?: SurveyOptions): AsyncIterable<SurveyLine>

  /**
   * The tree of the files whose names start with `prefix`, as the server behind the storage has signed it;
   * null when that has no key. Rejects with a `StorageError` when some file cannot be read. Where it is
   * absent nothing is signed, and `readTree` computes the same root.
   */
  signTree?(
    prefix: string,
    options?: Pick<DescribeOptions, 'signal' | 'trace' | 'onProgress'>,
  ): Promise<SignedTree | null>

  /**
   * Computes the proof of each file from its bytes, all of them read after the question: nothing that is
   * remembered can answer a new nonce. Resolves, rejects and orders its promises as `describe` does; rejects
   * with `changed` for a file that keeps changing. Where it is absent, whoever asks reads the bytes: see
   * `proveNames`.
   */
  prove?(names: readonly string[], options: ProveOptions): readonly Promise<Proof | null>[]

  /**
   * The contents that writes have replaced, in the byte order of `digest/name`, page by page: an entry for
   * each name that held each content, whether or not the storage is writable. Nothing is hashed: `restore`
   * verifies the bytes. Where it is absent nothing is kept, and `readKept` returns an empty page.
   */
  listKept?(options?: ListKeptOptions): Promise<KeptPage>

  /**
   * The permissions of a file and of the directories that lead to it, one for each segment of the name; null
   * when the store has no such file, or no permissions. Absent on a store that never has any.
   */
  readModes?(name: string, options?: Pick<DescribeOptions, 'signal'>): Promise<Modes | null>
}

/** A storage that also writes. One not opened for writing has no `put` and no `restore`: see `isWritable`. */
export interface WritableStorage extends Storage {
  /**
   * Writes a whole file, and resolves with its facts once it is durable. Atomic: a reader sees the old
   * content or the new, each whole. Rejects, having changed nothing, with `precondition` when the name does
   * not hold `replaces`, with `integrity` when the body is not `size` bytes of `digest`, and with `read-only`
   * when a server behind the storage accepts no writes. A condition that does not hold is rejected before
   * `body` is read, and again once it was; to a server elsewhere some of it may have been sent by then.
   * Consumes or cancels `body` in every case.
   *
   * The replaced content is kept on the same replica, durably, before the new one takes its place: at no
   * instant, not even of a crash, is it neither at its name nor kept. A content that is replaced by itself is
   * not kept. `list`, `describe` and `open` never show a kept content. No kept content is ever deleted.
   *
   * `describe` then returns `modified`, rounded to the resolution of the store's clock. A file that replaces
   * another keeps that one's permissions, owner, group and extended attributes where the store has them; a
   * new file gets `modes`, never wider, and only permission bits. `unkept` names what could not be kept or
   * set.
   */
  put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Written>

  listKept(options?: ListKeptOptions): Promise<KeptPage>

  /**
   * Writes the content of `digest` that `name` once held under it again, with every promise of `put`:
   * conditional, atomic, and the content that it replaces is kept in turn. Also rejects, having changed
   * nothing, with `not-kept` when no such content of that name is kept, and with `integrity` when its bytes
   * have changed since. The content stays kept. The file gets the time, permissions, owner, group and
   * extended attributes that it had when it was replaced.
   */
  restore(name: string, options: RestoreOptions): Promise<Written>

  /**
   * Gives the file `from` the name `to` instead, and resolves once that is durable. Rejects, having changed
   * nothing, with `precondition` when `from` does not hold `digest` or `to` holds anything, and with
   * `read-only` as `put` does; with `changed` when another program replaced the file meanwhile, which then
   * may have both names. At no instant, not even of a crash, does the content have neither name. After a
   * crash it may have both; the same call then completes the move. The file keeps its bytes, time,
   * permissions, owner, group and extended attributes. The directories that led to `from` stay. Where it is
   * absent, nothing can be moved: see `moveFile`.
   */
  move?(from: string, to: string, options: MoveOptions): Promise<void>
}
