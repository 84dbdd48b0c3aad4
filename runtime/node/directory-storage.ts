import { resolve } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { requireName } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { SILENCE_MS } from '../../functions/wire/limits.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Counts, createDisk } from './disk.ts'
import { getErrno } from './errno.ts'
import { readModes } from './file-attributes.ts'
import { createFileReader } from './file-reader.ts'
import { type Looked, toKnown } from './file-system.ts'
import { type Filled, type FillOptions, fillIndex } from './fill-index.ts'
import { hasEnded } from './held-up.ts'
import type { IndexNotice } from './index-file.ts'
import { createIndexHealth, type IndexState } from './index-health.ts'
import { toIndexDirectory, toIndexFile } from './index-path.ts'
import { CLOSE_MS, TIDY_MS } from './limits.ts'
import { isInside } from './lineage.ts'
import { toRefusedRoot } from './root.ts'
import { createStreams } from './streams.ts'
import { createSyncs } from './syncs.ts'
import { createTrees } from './trees.ts'
import { createWriter, type Writer } from './writer.ts'

/** How a directory is opened. */
export interface DirectoryOptions {
  /** Takes `put` and `restore`; refused otherwise. */
  readonly writable?: boolean | undefined
  /** Milliseconds since 1970; the host's clock when absent. */
  readonly now?: (() => number) | undefined
  /**
   * The directory that holds the digest indexes, one file for each root; null to keep digests in memory only, `vouch`
   * in the user's cache directory when absent. It must not lie inside the root.
   */
  readonly indexPath?: string | null | undefined
  /**
   * Called with one line when the digest index was damaged, cannot be used, or can be used again; and when no digest is
   * remembered, because the directory's file system does not show every change, or `sync -f` fails.
   */
  readonly onNotice?: ((line: string) => void) | undefined
}

/** How long a directory is waited for. */
export interface ReadyOptions {
  /** Milliseconds until a file system that gives no answer is waited for no longer; `SILENCE_MS` when absent. */
  readonly silence?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A directory as a storage. Who made it closes it. */
export interface DirectoryStorage extends Storage, IndexState {
  /**
   * Looks at the directory; nothing else does before the first question. Resolves with the directory and all directories
   * above it, the innermost first, each as device and inode. Rejects with an Error that names the path when that is no
   * directory, or one that may not be read. Resolves with null when the file system gives no answer within `silence`:
   * `onNotice` is called with that, and every question is then `unreachable` at once until the answer comes.
   */
  ready(options?: ReadyOptions): Promise<readonly string[] | null>
  /** Digests computed by hashing, and digests that the index knew, since the start. */
  counts(): Counts
  /**
   * Why no digest of its files is remembered, so that every question reads whole files: a clause. Null where digests are
   * remembered, and until `ready` or a question has looked at the directory.
   */
  whyForgetful(): string | null
  /**
   * Has what programs have stored through mappings written out, so that what is read from then on may be remembered.
   * Resolves with whether it is.
   */
  sync(): Promise<boolean>
  /**
   * Has every file below the root described, so that the index knows it, while nothing else is asked. Resolves with
   * how far it came, at the end, when `signal` aborts or at `close`; rejects when the root cannot be read.
   */
  fillIndex(options?: FillOptions): Promise<Filled>
  /** Starts the thread that goes through the tree, for questions that are about to come. */
  warm(): void
  /**
   * Gives up writes under way, refuses what still waits, writes the index, and ends all threads. Open streams stay so. A
   * thread that a file system gives no answer to is waited for `CLOSE_MS` at most, and left behind.
   */
  close(): Promise<void>
}

/**
 * The files below the directory `path` as a storage. Only its threads touch the directory, so that a file system that
 * gives no answer holds nothing else up; `ready` tells whether there is a directory. A symbolic link on the way is followed
 * for each question, so that it may be pointed elsewhere. While the directory is gone, or the disk that it lies on,
 * everything is `unreachable`. Throws an Error when `indexPath` lies inside the directory.
 */
export function createDirectoryStorage(path: string, options: DirectoryOptions = {}): DirectoryStorage {
  const { writable, now = Date.now, onNotice = () => {} } = options
  const health = createIndexHealth(onNotice)
  const root = resolve(path)
  const indexFile = findIndexFile(options.indexPath, root, onNotice)
  const syncs = createSyncs({ now, onNotice })
  const notices = new Set<string>()
  let forgetful: string | null = null

  function onLooked(looked: Looked): void {
    syncs.aim(toKnown(looked))
    forgetful = 'why' in looked ? looked.why : null
    if (forgetful === null || notices.has(forgetful)) return
    notices.add(forgetful)
    onNotice(`digests are not remembered, since ${forgetful}; every question reads the whole file`)
  }

  const toIndexNote = (thread: 'disk' | 'tree') => (notice: IndexNotice) => health.note(thread, notice)
  const disk = createDisk({ root, indexFile, now, syncs, onLooked, onIndex: toIndexNote('disk') })
  const trees = createTrees({ root, indexFile, disk, now, syncs, onLooked, onIndex: toIndexNote('tree') })
  const streams = createStreams()
  const reader = createFileReader(disk, streams)
  const closing = new AbortController()
  const writer = writable ? createWriter(disk, reader) : null
  let tidying = writer === null ? Promise.resolve() : tidy(writer)
  const timer = writer === null ? undefined : setInterval(() => tidyAgain(writer), TIDY_MS).unref()

  let isHeld = false

  async function ready({
    silence = SILENCE_MS,
    signal,
  }: ReadyOptions = {}): Promise<readonly string[] | null> {
    const looking = disk.look()
    const answered = new AbortController()
    const waiting = AbortSignal.any([answered.signal, ...(signal ? [signal] : [])])
    const late = isLate(silence, waiting)
    late.catch(() => {})
    try {
      const looked = await Promise.race([looking, late])
      if (looked !== null) return looked.lineage
    } catch (error) {
      signal?.throwIfAborted()
      throw toRefusedRoot(path, error)
    } finally {
      answered.abort()
    }
    // If it fails later, the questions report that.
    isHeld = true
    looking
      .catch(() => {})
      .finally(() => {
        isHeld = false
      })
    onNotice(
      `the file system of '${path}' gave no answer for ${silence / 1000} s; until it answers, each question to it fails at once`,
    )
    return null
  }

  /** Waits for the file system alone: on a busy machine a thread takes its time to start. */
  async function isLate(silence: number, signal: AbortSignal): Promise<null> {
    await disk.started()
    await setTimeout(silence, null, { signal })
    // An answer that came while this thread was busy is taken before.
    return await setImmediate(null)
  }

  let ended: Promise<void> | undefined

  async function close(): Promise<void> {
    closing.abort()
    clearInterval(timer)
    syncs.close()
    // One that is known to give no answer is not waited for.
    if (!(await hasEnded(end(), isHeld ? 0 : CLOSE_MS))) disk.abandon()
  }

  async function end(): Promise<void> {
    await tidying
    await writer?.close()
    streams.close()
    await Promise.all([trees.close(), disk.close()])
  }

  function tidyAgain(writer: Writer): void {
    tidying = tidying.then(() => tidy(writer))
  }

  async function tidy(writer: Writer): Promise<void> {
    try {
      await writer.tidy()
    } catch (error) {
      // Where nothing is, nothing was left behind.
      if (error instanceof StorageError && error.code === 'unreachable') return
      onNotice(`what a write left behind cannot be removed (${getErrno(error) || error})`)
    }
  }

  return {
    ready,
    isProving: true,
    describe: (names, options) => (isHeld ? names.map(refuseHeld) : reader.describe(names, options)),
    open: (name, options) => (isHeld ? refuseHeld() : reader.open(name, options)),
    list: (list = {}) => (isHeld ? refuseHeld() : trees.list(list)),
    survey: (survey, options = {}) => (isHeld ? refuseSurvey() : trees.survey(survey, options)),
    put: writer?.put ?? refusing.put,
    restore: writer?.restore ?? refusing.restore,
    async readModes(name) {
      requireName(name)
      const { place } = await disk.locate('')
      return await readModes(place, name)
    },
    async listKept(options = {}) {
      if (options.name !== undefined) requireName(options.name)
      return await trees.listKept(options)
    },
    counts() {
      const [ofDisk, ofTrees] = [disk.counts(), trees.counts()]
      return { computed: ofDisk.computed + ofTrees.computed, known: ofDisk.known + ofTrees.known }
    },
    whyForgetful: () => forgetful,
    async sync() {
      await disk.locate('')
      return await syncs.wait()
    },
    isIndexAvailable: () => (indexFile === null ? null : health.isAvailable()),
    fillIndex({ signal, onProgress } = {}) {
      const signals = signal ? [signal, closing.signal] : [closing.signal]
      return fillIndex(trees, { signal: AbortSignal.any(signals), onProgress })
    },
    warm: trees.warm,
    close: () => (ended ??= close()),
  }
}

async function refuseHeld(): Promise<never> {
  throw new StorageError('unreachable', 'the file system of the directory gives no answer')
}

async function* refuseSurvey(): AsyncGenerator<never> {
  yield await refuseHeld()
}

/**
 * The file of the digest index; null for none. Throws an Error when the directory of it is said and lies inside the root,
 * where the index would be a file among those that it is of; the user's own is then not used, which `onNotice` reports.
 */
function findIndexFile(
  said: string | null | undefined,
  root: string,
  onNotice: (line: string) => void,
): string | null {
  const directory = said === undefined ? toIndexDirectory(process.env) : said
  if (directory === null) return null
  if (!isInside(resolve(directory), root)) return toIndexFile(directory, root)
  const where = `the directory of digest indexes '${directory}' lies inside '${root}', which it would change`
  if (said !== undefined) throw new Error(`${where}; name one outside`)
  onNotice(`${where}: digests are kept in memory only`)
  return null
}

/** What a directory that was not opened for writing answers to a write. */
const refusing: Pick<Storage, 'put' | 'restore'> = {
  async put(name, body) {
    await body.cancel()
    return refuse(name)
  },
  restore: async (name) => refuse(name),
}

function refuse(name: string): never {
  requireName(name)
  throw new StorageError('read-only', 'this directory was not opened for writing')
}
