import { LRUCache } from 'lru-cache'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { MAX_RCLONE_DIRECTORIES, RCLONE_DIRECTORY_MS } from '../limits.ts'
import { createShared, readItems } from './rclone-absence.ts'
import { toRefusalError } from './rclone-errors.ts'
import type { RcloneFs, RcloneItem, RcloneServer } from './rclone-server.ts'
import type { Traits } from './rclone-traits.ts'

export type RcloneFinder = ReturnType<typeof createRcloneFinder>

type Signal = AbortSignal | undefined

/** Finds files by their paths in a directory of rclone, as rclone names them. */
export function createRcloneFinder(server: RcloneServer, fs: RcloneFs) {
  const isDirectory = createDirectoryMemory(async (path, signal) => {
    const item = await look(path, true, signal)
    if (item !== null && !item.IsDir) requireRegular(item)
    return item?.IsDir ?? false
  })
  const countNames = createNameCounts(server, fs)

  /**
   * The file of this path, without a hash; null when rclone finds none. Rejects with `not-a-file` for what is not a
   * regular file of a local disk, or lies behind a link on it.
   */
  async function find(
    path: string,
    { hasModes, isInexact }: Traits,
    signal: Signal,
  ): Promise<RcloneItem | null> {
    if (hasModes) for (const parent of toParents(path)) if (!(await isDirectory(parent, signal))) return null
    const item = await look(path, hasModes, signal)
    if (item === null || item.IsDir) return null
    requireRegular(item)
    if (!isInexact) return item
    const count = (await countNames(toParent(path))).get(item.Name) ?? 0
    if (count > 1) throw new StorageError('unreadable', 'rclone lists two files of this name')
    return count === 1 ? item : null
  }

  /** What has this path; null when nothing has. */
  async function look(path: string, hasModes: boolean, signal: Signal): Promise<RcloneItem | null> {
    const item = await server.stat(fs, path, { ...(hasModes && { metadata: true }), signal })
    if (typeof item !== 'string') return item
    // Also for a path below a file, and for one below a directory that a combine remote does not have.
    const parent = toParent(path)
    const isPossible =
      parent === '' ? (await countNames('')).has(path) : (await look(parent, false, signal))?.IsDir
    if (isPossible) throw toRefusalError(item)
    return null
  }

  return { find }
}

/** Remembers for a short time which paths are directories: each name of a tree would ask for them again. */
function createDirectoryMemory(ask: (path: string, signal: Signal) => Promise<boolean>) {
  const known = new LRUCache<string, true>({ max: MAX_RCLONE_DIRECTORIES, ttl: RCLONE_DIRECTORY_MS })
  return async (path: string, signal: Signal) => {
    if (known.get(path)) return true
    const isDirectory = await ask(path, signal)
    if (isDirectory) known.set(path, true)
    return isDirectory
  }
}

/** How often each name occurs in a directory; questions about one share its listings. */
function createNameCounts(server: RcloneServer, fs: RcloneFs) {
  const listings = new Map<string, { users: number; read: () => Promise<ReadonlyMap<string, number>> }>()

  async function read(path: string): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const { Name } of await readItems(server, fs, path, { noModTime: true, signal: undefined })) {
      counts.set(Name, (counts.get(Name) ?? 0) + 1)
    }
    return counts
  }

  return async (path: string) => {
    const one = listings.get(path) ?? { users: 0, read: createShared(() => read(path)) }
    listings.set(path, one)
    one.users++
    try {
      return await one.read()
    } finally {
      one.users--
      if (one.users === 0) listings.delete(path)
    }
  }
}

/** Refuses what is not a regular file, by its mode where the store tells that: rclone would open a FIFO. */
function requireRegular({ Metadata }: RcloneItem): void {
  const mode = Number.parseInt(Metadata?.['mode'] ?? '', 8)
  if (Number.isNaN(mode) || (mode & FILE_TYPE) === REGULAR) return
  throw new StorageError('not-a-file', 'the name is that of a link or of a special file')
}

const FILE_TYPE = 0o170000
const REGULAR = 0o100000

/** '' for a path in the root. */
function toParent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** The directories on the way to a path, the first one first. */
function toParents(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index))
}
