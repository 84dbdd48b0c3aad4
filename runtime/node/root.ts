import { type BigIntStats, closeSync, lstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { RESERVED } from '../../functions/storage/names.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { DIRECTORY_FLAGS, type Directory } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { isMounted } from './mounts.ts'

/** Where a root lies, as it was seen when a batch, a listing, a survey or a write began. */
export interface Place {
  /** Absolute, without symbolic links. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** The paths below it at which other file systems are mounted, or were and have to be. */
  readonly mounts: ReadonlySet<string>
  /** Whether it has a marker; see `MARKER`. */
  readonly isMarked: boolean
}

/** The directory below which a writer works: a storage's root, or the top of another file system below it. */
export interface Root {
  readonly place: Place
  /** Opens it; `unreachable` when it is gone, or another lies there. Who opened it closes it. */
  open(): Promise<Directory>
}

/**
 * Throws unless the path leads to a directory whose names can be read, and what they lead to. Bun's `opendirSync` does not
 * open a directory: open(2) does.
 */
export function requireReadable(root: string): void {
  const { path } = resolvePlace(root)
  try {
    closeSync(openSync(`${path}/.`, DIRECTORY_FLAGS))
  } catch (error) {
    throw toRootError(error)
  }
}

/** The error that names `path`, after `requireReadable` threw `error` for it. */
export function toRefusedRoot(path: string, error: unknown): Error {
  const cause = error instanceof StorageError ? error.cause : error
  if (cause === undefined) return new Error(`'${path}' is not a directory`)
  return new Error(`'${path}' cannot be opened as a directory (${getErrno(cause)})`, { cause })
}

/** Where the path leads now, symbolic links followed; neither mounts nor a marker are looked for. Throws `unreachable` when that is not a directory. */
export function resolvePlace(root: string): Place {
  try {
    const path = realpathSync(root)
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

/** Where a file of this (valid) name lies. */
export function toPath({ path }: Pick<Place, 'path'>, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}

/**
 * Throws `unreachable` when the directory is no longer there, and `unreadable` when `name` lies on a file system that is
 * not mounted. An unmounted disk leaves an empty directory behind, in which every name would look absent.
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

/** Throws `unreadable` when a directory that is gone (its path below the root) led to a file system that was mounted. */
export function requireNoMountBelow({ mounts }: Place, path: string): void {
  for (const mount of mounts) if (isWithin(mount, path)) throw notMounted(mount)
}

/** The entries of a directory (its path below the root, '' or with a slash at its end) that lead to mounts. */
export function toMountKeys({ mounts }: Place, path: string): string[] {
  const below = [...mounts].filter((mount) => mount.startsWith(path))
  return below.map((mount) => `${path}${mount.slice(path.length).split('/')[0]}/`)
}

/**
 * Whether a path lies in a `.vouch/` where another file system begins below the root: what is written there goes by way of
 * it, so none of its files has a name.
 */
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

/** The root is not there. */
export function gone(cause?: unknown): StorageError {
  return new StorageError('unreachable', 'the directory is gone', { cause })
}

function notMounted(mount: string): StorageError {
  const message = `the file system that was mounted at '${mount}' is not mounted; if it is gone for good, run 'vouch mark' on the replica's directory`
  return new StorageError('unreadable', message, { reason: 'destination_unavailable' })
}
