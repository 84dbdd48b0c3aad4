import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toExample } from '../../functions/storage/byte-names.ts'
import type { StorageUnderTest } from '../../functions/storage/suite/storage.suite.ts'
import type { Planted } from '../../functions/storage/suite/suite-tools.suite.ts'
import {
  createDirectoryStorage,
  type DirectoryOptions,
  type DirectoryStorage,
  type WritableDirectoryStorage,
} from './directory-storage.ts'
import { createTemporaryDirectory } from './temporary-directory.suite.ts'

/** A directory for one test, and its files changed as any other program would. */
export interface TestDirectory
  extends Required<Pick<StorageUnderTest, 'write' | 'remove' | 'close' | 'plant'>> {
  readonly root: string
  /** The path of its digest index, outside of it. */
  readonly indexPath: string
  /** The lines of `onNotice` so far, of storages with `toIndexed`. */
  readonly notices: string[]
  /** Options with this index, and with its files old enough to be remembered. */
  toIndexed(options?: DirectoryOptions): DirectoryOptions
}

/** Makes an empty directory; `close` removes it. */
export async function createTestDirectory(): Promise<TestDirectory> {
  const { path: root, remove: removeRoot } = createTemporaryDirectory()
  const { path: indexPath, remove: removeIndex } = createTemporaryDirectory('index-')
  const notices: string[] = []
  return {
    ...{ root, indexPath, notices },
    toIndexed: (options) => ({ indexPath, now: later, onNotice: (line) => notices.push(line), ...options }),
    async write(name, bytes) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), bytes)
    },
    remove: (name) => rm(join(root, name)),
    plant: async () => plantUnlisted(root),
    async close() {
      // First, since a storage that has yet to start would create its index again.
      for (const storage of storages) await storage.close()
      storages.clear()
      removeRoot()
      removeIndex()
    },
  }
}

/** Creates entries in a directory that no listing can show. */
export function plantUnlisted(root: string): Planted[] {
  const long = `d/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}/${'x'.repeat(250)}`
  for (const path of ['b\\dir/below', 'd/d/d', long]) mkdirSync(join(root, path), { recursive: true })
  for (const path of ['b\\dir/1', 'b\\dir/below/2', 'd/x\\y', `${long}/${'y'.repeat(30)}`]) {
    writeFileSync(join(root, path), path)
  }
  for (const path of ['n', 'd/d/']) writeFileSync(Buffer.from(`${root}/${path}\xff`, 'latin1'), path)
  for (const path of ['link', 'd/d/link']) symlinkSync('a', join(root, path))
  execFileSync('mkfifo', [join(root, 'd/fifo')])
  return [
    ...['b\\dir/1', 'b\\dir/below/2', 'd/x\\y'].map((example) => toPlanted('backslash', example)),
    ...['n\\xff', 'd/d/\\xff'].map((example) => toPlanted('not-utf-8', example)),
    ...['link', 'd/d/link'].map((example) => toPlanted('link', example)),
    toPlanted('fifo', 'd/fifo'),
    toPlanted('name-too-long', toExample(`${long}/${'y'.repeat(30)}`)),
  ]
}

function toPlanted(kind: Planted['kind'], example: string): Planted {
  return { kind, example }
}

const storages = new Set<DirectoryStorage>()

/**
 * A directory as a storage, closed by the next `TestDirectory.close`; without an index unless given one. It
 * works on this thread, which starts a hundred times faster than two others, unless `here` is undefined.
 */
export function openStorage(
  root: string,
  options: DirectoryOptions & { readonly writable: true },
): WritableDirectoryStorage
export function openStorage(root: string, options?: DirectoryOptions): DirectoryStorage
export function openStorage(root: string, options: DirectoryOptions = {}): DirectoryStorage {
  const storage = createDirectoryStorage(root, { indexPath: null, here: 'all', ...options })
  storages.add(storage)
  return storage
}

/**
 * `openStorage` after a sync, so that later readings may be remembered. Fails where the file system of
 * temporary directories has no digests remembered.
 */
export async function openSynced(root: string, options: DirectoryOptions = {}): Promise<DirectoryStorage> {
  const storage = openStorage(root, options)
  // One sync takes longer than a caller waits for while other programs write much.
  for (let i = 0; i < MAX_SYNCS; i++) if (await storage.sync()) return storage
  const why = storage.whyForgetful() ?? `'sync -f' failed`
  throw new Error(
    `no digest below '${root}' is remembered (${why}): these tests need a TMPDIR on ext4, xfs or btrfs`,
  )
}

const MAX_SYNCS = 30

/** A time at which every file of a test, of any size, has been unchanged long enough to be remembered. */
export function later(): number {
  return Date.now() + 3_600_000
}

/**
 * Runs `run` as a user whom permissions bind, also where the tests run as root, for whom there are none. The
 * whole process changes its user meanwhile.
 */
export async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await run()
  process.seteuid?.(65534)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** How many files below directories of tests this process has open, in whichever thread. */
export async function countDescriptors(): Promise<number> {
  const links = await Promise.all(
    (await readdir('/dev/fd')).map((fd) => readlink(`/dev/fd/${fd}`).catch(() => '')),
  )
  return links.filter((path) => path.includes('/vouch-')).length
}
