import { resolve } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { requireName } from '../../functions/storage/names.ts'
import type { KeptPage, ListKeptOptions, Storage, WritableStorage } from '../../functions/storage/storage.ts'
import { SILENCE_MS } from '../../functions/wire/limits.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { type Filled, type FillOptions, fillIndex } from './digests/fill-index.ts'
import { type IndexNotice, openIndexFile } from './digests/index-file.ts'
import { createIndexHealth, type IndexState } from './digests/index-health.ts'
import { toIndexDirectory, toIndexFile } from './digests/index-path.ts'
import { type Counts, createDisk, type Disk } from './disk/disk.ts'
import { createProver } from './disk/prover.ts'
import { createStreams } from './disk/streams.ts'
import { getErrno } from './files/errno.ts'
import { readModes } from './files/file-attributes.ts'
import { createFileReader, type FileReader } from './files/file-reader.ts'
import { toRefusedRoot } from './files/root.ts'
import { CLOSE_MS, TIDY_MS } from './limits.ts'
import { type Looked, toKnown } from './mounts/file-system.ts'
import { hasEnded } from './mounts/held-up.ts'
import { isInside } from './mounts/lineage.ts'
import { createSyncs } from './mounts/syncs.ts'
import { createTreeService } from './tree/tree-service.ts'
import type { Writer } from './write/writer.ts'

/** How a directory is opened. */
export interface DirectoryOptions {
  /** Accepts `put`, `restore` and `move`; they are refused otherwise. */
  readonly writable?: boolean | undefined
  /** Milliseconds since 1970; the host's clock when absent. */
  readonly now?: (() => number) | undefined
  /**
   * The directory of the digest indexes, one file for each root; null to keep digests in memory only, `vouch`
   * in the user's cache directory when absent. It must not lie inside the root.
   */
  readonly indexPath?: string | null | undefined
  /**
   * What the calling thread does itself, which a program that ends soon starts faster with: `files` for what
   * is asked of single files, `all` for listings and surveys too. That thread waits for each call to the file
   * system then, so this is for a few small files on a disk that answers. Large files are hashed elsewhere.
   */
  readonly here?: 'files' | 'all' | undefined
  /**
   * Called with one line when the digest index was damaged, cannot be used, or can be used again; and when no
   * digest is remembered, because the directory's file system does not show every change, or `sync -f` fails.
   */
  readonly onNotice?: ((line: string) => void) | undefined
}

/** How long to wait for a directory. */
export interface ReadyOptions {
  /** Milliseconds to wait for a file system that does not answer; `SILENCE_MS` when absent. */
  readonly silence?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A directory as a storage. Its creator closes it. */
export interface DirectoryStorage extends Storage, IndexState {
  listKept(options?: ListKeptOptions): Promise<KeptPage>
  /**
   * Looks at the directory, which nothing else does before the first question. Resolves with it and all
   * directories above, the innermost first, each as device and inode. Rejects with an Error that names the
   * path when it is not a directory, or may not be read. Resolves with null when the file system does not
   * answer within `silence`: `onNotice` is called, and every question is `unreachable` until it answers.
   */
  ready(options?: ReadyOptions): Promise<readonly string[] | null>
  /** Digests that were hashed, and digests that the index had, since the start. */
  counts(): Counts
  /**
   * Why no digest of its files is remembered, so that every question reads whole files: a clause. Null where
   * digests are remembered, and until `ready` or a question has looked at the directory.
   */
  whyForgetful(): string | null
  /** Writes out what was stored through mappings; resolves with whether later reads may be remembered. */
  sync(): Promise<boolean>
  /**
   * Describes every file below the root while nothing else is asked, so that the index has them all. Resolves
   * with its progress at the end, when `signal` aborts, and at `close`; rejects when the root cannot be read.
   */
  fillIndex(options?: FillOptions): Promise<Filled>
  /** Launches the thread that walks the tree, for questions that are about to come. */
  warm(): void
  /**
   * Aborts writes under way, rejects questions that wait, writes the index, and ends all threads. Open
   * streams stay open. A thread to which a file system does not answer is left behind after `CLOSE_MS`.
   */
  close(): Promise<void>
}

/** A directory that was opened for writing. */
export type WritableDirectoryStorage = DirectoryStorage & WritableStorage

/**
 * Creates a storage of the files below the directory `path`. Only its threads touch the directory, so that a
 * file system that does not answer blocks nothing else; `ready` checks it. Symbolic links on the way are
 * followed for each question, so that they may be redirected. While the directory or its disk is gone,
 * everything is `unreachable`. Throws an Error when `indexPath` lies inside the directory.
 *
 * @example
 * const storage = createDirectoryStorage('/srv/files')
 * await storage.ready()
 * const [facts] = await Promise.all(storage.describe(['docs/notes.txt']))
 * await storage.close()
 */
export function createDirectoryStorage(
  path: string,
  options: DirectoryOptions & { readonly writable: true },
): WritableDirectoryStorage
export function createDirectoryStorage(path: string, options?: DirectoryOptions): DirectoryStorage
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

  const onIndex = (thread: 'disk' | 'tree') => (notice: IndexNotice) => health.note(thread, notice)
  const isAllHere = options.here === 'all'
  const index = isAllHere ? openIndexFile(indexFile, onIndex('disk'), { opensLate: true }) : undefined
  const shared = index && { ...index, close() {} }
  const given = { root, indexFile, shared, now, syncs, onLooked }
  const disk = createDisk({ ...given, here: options.here !== undefined, onIndex: onIndex('disk') })
  const tree = createTreeService({ ...given, disk, here: isAllHere, onIndex: onIndex('tree') })
  const prover = createProver(disk)
  const streams = createStreams()
  const reader = createFileReader(disk, streams)
  const writing = writable ? openWriter(disk, reader) : null
  const stopTidying = writing && startTidying(writing, onNotice)
  const { ready, isHeldUp } = createReadiness(path, disk, onNotice)
  const closing = new AbortController()
  let ended: Promise<void> | undefined

  async function close(): Promise<void> {
    closing.abort()
    const tidied = stopTidying?.()
    syncs.close()
    // A file system that is known not to answer is not waited for.
    if (!(await hasEnded(end(tidied), isHeldUp() ? 0 : CLOSE_MS))) disk.abandon()
  }

  async function end(tidied: Promise<void> | undefined): Promise<void> {
    await tidied
    await (await writing)?.close()
    streams.close()
    await Promise.all([tree.close(), prover.close(), disk.close()])
    index?.close()
  }

  return {
    ready,
    verifiesBytes: true,
    describe: (names, options) => (isHeldUp() ? names.map(refuseHeldUp) : reader.describe(names, options)),
    open: (name, options) => (isHeldUp() ? refuseHeldUp() : reader.open(name, options)),
    prove: (names, options) => (isHeldUp() ? names.map(refuseHeldUp) : prover.prove(names, options)),
    list: (list = {}) => (isHeldUp() ? refuseHeldUp() : tree.list(list)),
    survey: (survey, options = {}) => (isHeldUp() ? refuseSurvey() : tree.survey(survey, options)),
    ...(writing && {
      put: async (...args: Parameters<Writer['put']>) => await (await writing).put(...args),
      restore: async (...args: Parameters<Writer['restore']>) => await (await writing).restore(...args),
      move: async (...args: Parameters<Writer['move']>) => await (await writing).move(...args),
    }),
    async readModes(name) {
      requireName(name)
      const { place } = await disk.locate('')
      return await readModes(place, name)
    },
    async listKept(options = {}) {
      if (options.name !== undefined) requireName(options.name)
      return await tree.listKept(options)
    },
    counts() {
      const [ofDisk, ofTree] = [disk.counts(), tree.counts()]
      return { computed: ofDisk.computed + ofTree.computed, known: ofDisk.known + ofTree.known }
    },
    whyForgetful: () => forgetful,
    async sync() {
      await disk.locate('')
      return await syncs.wait()
    },
    isIndexAvailable: () => (indexFile === null ? null : health.isAvailable()),
    fillIndex({ signal, onProgress } = {}) {
      const signals = signal ? [signal, closing.signal] : [closing.signal]
      return fillIndex(tree, { signal: AbortSignal.any(signals), onProgress })
    },
    warm: tree.warm,
    close: () => (ended ??= close()),
  }
}

/** `DirectoryStorage.ready`, and whether the file system has not answered it yet. */
function createReadiness(path: string, disk: Disk, onNotice: (line: string) => void) {
  let isHeldUp = false

  async function ready({ silence = SILENCE_MS, signal }: ReadyOptions = {}) {
    const looking = disk.look()
    const answered = new AbortController()
    const late = isLate(silence, AbortSignal.any([answered.signal, ...(signal ? [signal] : [])]))
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
    isHeldUp = true
    const release = () => {
      isHeldUp = false
    }
    // If it fails later, the questions report that.
    looking.then(release, release)
    const since = `the file system of '${path}' has not answered for ${silence / 1000} s`
    onNotice(`${since}; until it does, each question to it fails at once`)
    return null
  }

  /** Waits for the file system alone: on a busy machine a thread takes its time to start. */
  async function isLate(silence: number, signal: AbortSignal): Promise<null> {
    await disk.started()
    await setTimeout(silence, null, { signal })
    // An answer that came while this thread was busy comes first.
    return await setImmediate(null)
  }

  return { ready, isHeldUp: () => isHeldUp }
}

/** Loads what writes, which few programs do. */
async function openWriter(disk: Disk, reader: FileReader): Promise<Writer> {
  const { createWriter } = await import('./write/writer.ts')
  return createWriter(disk, reader)
}

/** Tidies up after writes of killed processes, now and every `TIDY_MS`. Returns what stops that. */
function startTidying(writing: Promise<Writer>, onNotice: (line: string) => void): () => Promise<void> {
  async function tidy(): Promise<void> {
    try {
      await (await writing).tidy()
    } catch (error) {
      // A directory that is gone has nothing to tidy up.
      if (error instanceof StorageError && error.code === 'unreachable') return
      onNotice(`cannot remove temporary files of an earlier write (${getErrno(error) || error})`)
    }
  }

  let tidying = tidy()
  const timer = setInterval(() => {
    tidying = tidying.then(tidy)
  }, TIDY_MS).unref()
  return () => {
    clearInterval(timer)
    return tidying
  }
}

async function refuseHeldUp(): Promise<never> {
  throw new StorageError('unreachable', 'the file system of the directory does not answer')
}

async function* refuseSurvey(): AsyncGenerator<never> {
  yield await refuseHeldUp()
}

/**
 * The file of the digest index; null for none. Throws an Error when a given `indexPath` lies inside the root,
 * whose files the index would change. The user's own directory is then not used, which `onNotice` reports.
 */
function findIndexFile(
  indexPath: string | null | undefined,
  root: string,
  onNotice: (line: string) => void,
): string | null {
  const directory = indexPath === undefined ? toIndexDirectory(process.env) : indexPath
  if (directory === null) return null
  if (!isInside(resolve(directory), root)) return toIndexFile(directory, root)
  const where = `the directory of digest indexes '${directory}' lies inside '${root}', which it would change`
  if (indexPath !== undefined) throw new Error(`${where}; name one outside`)
  onNotice(`${where}: digests are kept in memory only`)
  return null
}
