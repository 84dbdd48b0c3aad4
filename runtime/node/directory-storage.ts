import { requireName } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Counts, createDisk } from './disk.ts'
import { createDrafts } from './drafts.ts'
import { getErrno } from './errno.ts'
import { createFileReader } from './file-reader.ts'
import { createFileWriter, type FileWriter } from './file-writer.ts'
import { type Filled, type FillOptions, fillIndex } from './fill-index.ts'
import { toIndexDirectory, toIndexFile } from './index-path.ts'
import { TIDY_MS } from './limits.ts'
import { createRoot } from './root.ts'
import { createStreams } from './streams.ts'
import { createTrees } from './trees.ts'

/** How a directory is opened. */
export interface DirectoryOptions {
  /** Takes `put` and `restore`; refused otherwise. */
  readonly writable?: boolean | undefined
  /** Milliseconds since 1970; the host's clock when absent. */
  readonly now?: (() => number) | undefined
  /**
   * The directory that holds the digest indexes, one file for each root; null to keep digests in memory only, `vouch`
   * in the user's cache directory when absent.
   */
  readonly indexPath?: string | null | undefined
  /** Told in one line when the digest index was damaged or cannot be used; digests are then computed again. */
  readonly onNotice?: ((line: string) => void) | undefined
}

/** A directory as a storage. Who made it closes it. */
export interface DirectoryStorage extends Storage {
  /** Digests computed by hashing, and digests that the index knew, since the start. */
  counts(): Counts
  /**
   * Has every file below the root described, so that the index knows it, while nothing else is asked. Resolves with
   * how far it came, at the end, when `signal` aborts or at `close`; rejects when the root cannot be read.
   */
  fillIndex(options?: FillOptions): Promise<Filled>
  /** Starts the thread that goes through the tree, for questions that are about to come. */
  warm(): void
  /** Gives up writes under way, refuses what still waits, writes the index, and ends all threads. Open streams stay so. */
  close(): Promise<void>
}

/**
 * The files below the directory `path` as a storage. Throws an Error that names `path` when that is no directory, or one
 * that may not be read. When the directory goes away later, or the disk that it lies on, everything is `unreachable`
 * until it is back.
 */
export function createDirectoryStorage(path: string, options: DirectoryOptions = {}): DirectoryStorage {
  const { writable, now = Date.now, indexPath = toIndexDirectory(process.env) } = options
  const onNotice = createNotice(options.onNotice)
  const root = createRoot(path)
  const indexFile = indexPath === null ? null : toIndexFile(indexPath, root.place)
  const { place } = root
  const disk = createDisk({ place, indexFile, now, onNotice })
  const trees = createTrees({ place, indexFile, disk, now, onNotice })
  const streams = createStreams()
  const reader = createFileReader(disk, streams)
  const closing = new AbortController()
  const drafts = createDrafts(root)
  const { put, restore, close: closeWriter } = writable ? createFileWriter(root, reader, drafts) : refusing
  let tidying = writable ? tidy() : Promise.resolve()
  const timer = writable ? setInterval(tidyAgain, TIDY_MS).unref() : undefined

  function tidyAgain(): void {
    tidying = tidying.then(tidy)
  }

  async function tidy(): Promise<void> {
    try {
      await drafts.tidy()
    } catch (error) {
      onNotice(`what a write left behind cannot be removed (${getErrno(error) || error})`)
    }
  }

  return {
    isProving: true,
    describe: reader.describe,
    open: reader.open,
    list: (list = {}) => trees.list(list),
    survey: (survey, options = {}) => trees.survey(survey, options),
    put,
    restore,
    async listKept(options = {}) {
      if (options.name !== undefined) requireName(options.name)
      return await trees.listKept(options)
    },
    counts() {
      const [ofDisk, ofTrees] = [disk.counts(), trees.counts()]
      return { computed: ofDisk.computed + ofTrees.computed, known: ofDisk.known + ofTrees.known }
    },
    fillIndex({ signal, onProgress } = {}) {
      const signals = signal ? [signal, closing.signal] : [closing.signal]
      return fillIndex(trees, { signal: AbortSignal.any(signals), onProgress })
    },
    warm: trees.warm,
    async close() {
      closing.abort()
      clearInterval(timer)
      await closeWriter()
      streams.close()
      await Promise.all([trees.close(), disk.close(), tidying.then(drafts.close)])
    },
  }
}

/** Each line once, though two threads have the index open. */
function createNotice(tell: DirectoryOptions['onNotice']): (line: string) => void {
  const told = new Set<string>()
  return (line) => {
    if (!told.has(line)) tell?.(line)
    told.add(line)
  }
}

/** What a directory that was not opened for writing answers to a write. */
const refusing: FileWriter = {
  async put(name, body) {
    await body.cancel()
    return refuse(name)
  },
  restore: async (name) => refuse(name),
  async close() {},
}

function refuse(name: string): never {
  requireName(name)
  throw new StorageError('read-only', 'this directory was not opened for writing')
}
