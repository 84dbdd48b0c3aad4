import { type BigIntStats, closeSync, lstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { RESERVED } from '../../../functions/storage/names.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { isMounted } from '../mounts/mounts.ts'
import { DIRECTORY_FLAGS, type Directory } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'

/** Where a root lies, as found at the start of a batch, a listing, a survey or a write. */
export interface Place {
  /** Absolute, without symbolic links. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** The paths below it at which other file systems are mounted, or were mounted and must be. */
  readonly mounts: ReadonlySet<string>
  /** Whether it has a marker; see `MARKER`. */
  readonly isMarked: boolean
}

/** The directory of a writer: a storage's root, or the top of another file system below it. */
export interface Root {
  readonly place: Place
  /** Opens it; the caller closes it. Rejects with `unreachable` when it is gone, or another lies there. */
  open(): Promise<Directory>
}

/** Throws unless `root` may be listed and entered. It uses open(2): Bun's `opendirSync` opens nothing. */
export function requireReadable(root: string): void {
  const { path } = resolvePlace(root)
  try {
    closeSync(openSync(`${path}/.`, DIRECTORY_FLAGS))
  } catch (error) {
    throw toRootError(error)
  }
}

/** The error with `path` in its message, after `requireReadable` threw `error`. */
export function toRefusedRoot(path: string, error: unknown): Error {
  const cause = error instanceof StorageError ? error.cause : error
  if (cause === undefined) return new Error(`'${path}' is not a directory`)
  return new Error(`'${path}' cannot be opened as a directory (${getErrno(cause)})`, { cause })
}

/** Resolves a path, without mounts or marker. Throws `unreachable` when it leads to no directory. */
export function resolvePlace(root: string): Place {
  try {
    const path = realpathSync.native(root)
    const stats = lstatSync(path, { bigint: true })
    if (!stats.isDirectory()) throw gone()
    return { path, device: stats.dev, inode: stats.ino, mounts: new Set(), isMarked: false }
  } catch (error) {
    throw toRootError(error)
  }
}

/** Whether the path still leads to this place. Throws `unreachable` when it leads nowhere. */
export function isStillAt(root: string, place: Place): boolean {
  try {
    if (!isThere(place, statSync(root, { bigint: true }))) return false
    return root === place.path || isThere(place, lstatSync(place.path, { bigint: true }))
  } catch (error) {
    if (isAbsence(error) && root !== place.path) return false
    throw toRootError(error)
  }
}

/** The path of a file of this (valid) name; of the root itself for ''. */
export function toPath({ path }: Pick<Place, 'path'>, name: string): string {
  if (name === '') return path
  return path === '/' ? `/${name}` : `${path}/${name}`
}

/**
 * Throws `unreachable` when the directory is gone, and `unreadable` when `name` lies on a file system that is
 * not mounted: an unmounted disk leaves an empty directory behind, in which every name would look absent.
 */
export function requireRoot(place: Place, name = ''): void {
  try {
    if (!isThere(place, lstatSync(place.path, { bigint: true }))) throw gone()
  } catch (error) {
    throw toRootError(error)
  }
  requireMounts(place, name)
}

/** Throws `unreadable` when this path below the root lies on a file system that is not mounted. */
export function requireMounts({ path, mounts }: Place, name: string): void {
  for (const mount of mounts) {
    if (isWithin(name, mount) && !isMounted(path, mount)) throw notMounted(mount)
  }
}

/** Whether a path below the root is, or lies below, one of its mounts. */
export function isOnMount({ mounts }: Place, name: string): boolean {
  for (const mount of mounts) if (isWithin(name, mount)) return true
  return false
}

/** Throws `unreadable` when a file system was mounted below the directory at this path, which is gone. */
export function requireNoMountBelow({ mounts }: Place, path: string): void {
  for (const mount of mounts) if (isWithin(mount, path)) throw notMounted(mount)
}

/** The entries of a directory (path below the root, '' or with a slash at its end) that lead to mounts. */
export function toMountKeys({ mounts }: Place, path: string): string[] {
  const below = [...mounts].filter((mount) => mount.startsWith(path))
  return below.map((mount) => `${path}${mount.slice(path.length).split('/')[0]}/`)
}

/** Whether a path lies in the `.vouch/` of another file system below the root: its files have no names. */
export function isOwn(place: Place, path: string): boolean {
  for (let at = path.indexOf(OWN); at !== -1; at = path.indexOf(OWN, at + 1)) {
    if (isMounted(place.path, path.slice(0, at))) return true
  }
  return false
}

const OWN = `/${RESERVED}/`

function isWithin(name: string, above: string): boolean {
  return name === above || name.startsWith(`${above}/`)
}

function isThere({ device, inode }: Place, stats: BigIntStats): boolean {
  return stats.isDirectory() && stats.dev === device && stats.ino === inode
}

function toRootError(error: unknown): unknown {
  return isAbsence(error) || getErrno(error) === 'ELOOP' ? gone(error) : toIoError(error, 'read')
}

export function gone(cause?: unknown): StorageError {
  return new StorageError('unreachable', 'the directory is gone', { cause })
}

function notMounted(mount: string): StorageError {
  const message = `the file system that was mounted at '${mount}' is not mounted; if it is gone for good, run 'vouch mark' on the replica's directory`
  return new StorageError('unreadable', message, { reason: 'destination_unavailable' })
}
