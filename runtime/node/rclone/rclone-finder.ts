import { LRUCache } from 'lru-cache'
import { changedError } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { MAX_RCLONE_DIRECTORIES, RCLONE_DIRECTORY_MS } from '../limits.ts'
import { readItems } from './rclone-absence.ts'
import { toState } from './rclone-contents.ts'
import { type RcloneFs, type RcloneItem, type RcloneServer, toRefusalError } from './rclone-server.ts'
import { createShared } from './rclone-shared.ts'
import type { Traits } from './rclone-traits.ts'

export type RcloneFinder = ReturnType<typeof createRcloneFinder>

type Signal = AbortSignal | undefined

/** What is asked for beside the entry itself. */
interface Asked {
  readonly hasModes?: boolean
  readonly hashTypes?: readonly string[] | undefined
}

/** Finds files by their paths in a directory of rclone, as rclone names them. */
export function createRcloneFinder(server: RcloneServer, fs: RcloneFs) {
  const isDirectory = createDirectoryMemory(async (path, signal) => {
    const item = await look(path, { hasModes: true }, signal)
    if (item !== null && !item.IsDir) requireRegular(item)
    return item?.IsDir ?? false
  })
  const countNames = createNameCounts(server, fs)

  /**
   * The file of this path, perhaps with its hash; null when rclone finds none. Rejects with `not-a-file` for
   * what is not a regular file of a local disk, or lies behind a link on it.
   */
  async function find(path: string, traits: Traits & Asked, signal: Signal): Promise<RcloneItem | null> {
    const { hasModes, isInexact } = traits
    if (hasModes) for (const parent of toParents(path)) if (!(await isDirectory(parent, signal))) return null
    const item = await look(path, traits, signal)
    if (item === null || item.IsDir) return null
    requireRegular(item)
    if (!isInexact) return item
    const count = (await countNames(toParent(path), signal)).get(toName(path)) ?? 0
    if (count > 1) throw new StorageError('unreadable', 'rclone lists two files of this name')
    return count === 1 ? item : null
  }

  /** The same with its hash, if the remote has one. */
  async function findHashed(path: string, traits: Traits, signal: Signal): Promise<RcloneItem | null> {
    const { hash, hasModes } = traits
    const hashTypes = hash === null ? undefined : [hash]
    if (!hasModes) return await find(path, { ...traits, hashTypes }, signal)
    // What is no regular file must not be opened for its hash: a FIFO would never end.
    const item = await find(path, traits, signal)
    if (item === null || hashTypes === undefined) return item
    const hashed = await server.stat(fs, path, { hashTypes, signal })
    if (typeof hashed === 'string') throw toRefusalError(hashed)
    if (hashed === null || toState(hashed) !== toState(item)) throw changedError()
    return hashed
  }

  /**
   * The files of these paths by path, with their hashes, by one listing of each directory. Left out are those
   * that cannot be told so: `findHashed` does it, or says why not.
   */
  async function findAll(
    paths: readonly string[],
    { hash, hasModes }: Traits,
    signal: Signal,
  ): Promise<ReadonlyMap<string, RcloneItem>> {
    const hashTypes = hash === null ? undefined : [hash]
    const wanted = new Set(paths)
    const found = new Map<string, RcloneItem>()
    const twins = new Set<string>()

    async function findIn(directory: string): Promise<void> {
      // A listing leaves out links and special files, but follows the link that a directory may have become.
      if (hasModes)
        for (const one of toParents(`${directory}/`)) if (!(await isDirectory(one, signal))) return
      const items = await server.list(fs, directory, { hashTypes, signal })
      if (typeof items === 'string') return
      for (const item of items) {
        if (item.IsDir || !wanted.has(item.Path)) continue
        if (found.has(item.Path)) twins.add(item.Path)
        found.set(item.Path, item)
      }
    }

    await Promise.all([...new Set(paths.map(toParent))].map(findIn))
    for (const path of twins) found.delete(path)
    return found
  }

  /** What has this path; null when nothing has. */
  async function look(path: string, asked: Asked, signal: Signal): Promise<RcloneItem | null> {
    const { hasModes, hashTypes } = asked
    const item = await server.stat(fs, path, { ...(hasModes && { metadata: true }), hashTypes, signal })
    if (typeof item !== 'string') return item
    // Also for a path below a file, and for one below a directory that a combine remote does not have.
    const parent = toParent(path)
    const isPossible =
      parent === '' ? (await countNames('', signal)).has(path) : (await look(parent, {}, signal))?.IsDir
    if (isPossible) throw toRefusalError(item)
    return null
  }

  return { find, findHashed, findAll }
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
  const listings = new Map<
    string,
    { users: number; read: (signal: Signal) => Promise<ReadonlyMap<string, number>> }
  >()

  async function read(path: string): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const { Name } of await readItems(server, fs, path, { noModTime: true, signal: undefined })) {
      counts.set(Name, (counts.get(Name) ?? 0) + 1)
    }
    return counts
  }

  return async (path: string, signal: Signal) => {
    const one = listings.get(path) ?? { users: 0, read: createShared(() => read(path)) }
    listings.set(path, one)
    one.users++
    try {
      return await one.read(signal)
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

function toName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The directories on the way to a path, the first one first. */
function toParents(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index))
}
