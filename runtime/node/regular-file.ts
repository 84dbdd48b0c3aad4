import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs'
import { StorageError } from '../../functions/wire/trouble.ts'
import { isAt } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { type Identity, toIdentity } from './identity.ts'
import { MAX_ATTEMPTS } from './limits.ts'
import { isOnMount, type Place, requireRoot, toPath } from './root.ts'
import { hasLongSegment } from './segment-length.ts'

/** What files are opened with. O_NONBLOCK: opening a FIFO would wait for a writer. */
export const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A regular file, open, and its identity at that moment. Who opened it closes `fd`. */
export interface RegularFile {
  readonly fd: number
  readonly identity: Identity
}

/**
 * Opens the regular file of this (valid) name, on the calling thread; null when there is none. Throws `not-a-file` for
 * what is never served, a link among the parents included, `unreachable` when the root is gone, `unreadable` when
 * the name's file system is not mounted, `changed` when the file keeps being moved.
 */
export function openFile(place: Place, name: string): RegularFile | null {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const file = tryOpen(place, name)
    if (file !== 'moved') return file
  }
  throw new StorageError('changed', 'the file was moved while it was opened')
}

function tryOpen(place: Place, name: string): RegularFile | null | 'moved' {
  const path = toPath(place, name)
  let fd: number
  try {
    fd = openSync(path, FILE_FLAGS)
  } catch (error) {
    return explain(place, name, error)
  }
  let kept: RegularFile | null | 'moved' = null
  try {
    const stats = fstatSync(fd, { bigint: true })
    // A file on another device than the root's: a mount below it, or what lay below the root's own mount.
    if (stats.dev !== place.device || isOnMount(place, name)) requireRoot(place, name)
    if (isAt({ fd }, path)) kept = isRegular(stats) ? toFile(fd, stats) : null
    else {
      requireNoLink(place, name)
      requireRoot(place, name)
      kept = 'moved'
    }
  } catch (error) {
    throw toIoError(error, 'read')
  } finally {
    if (kept === null || kept === 'moved') closeSync(fd)
  }
  return kept
}

/** A regular file that is open. */
export function toFile(fd: number, stats: BigIntStats): RegularFile {
  return { fd, identity: toIdentity(stats) }
}

/** Whether it is a regular file; false for a directory, `not-a-file` for anything else. */
function isRegular(stats: BigIntStats): boolean {
  if (stats.isFile() || stats.isDirectory()) return stats.isFile()
  throw notAFile()
}

/** What it means that a file could not be opened: null when there is none, otherwise throws. */
function explain(place: Place, name: string, error: unknown): null {
  requireNoLink(place, name)
  if (isAbsence(error) || hasLongSegment(name)) {
    requireRoot(place, name)
    return null
  }
  if (getErrno(error) === 'ELOOP') throw notAFile()
  // What must not be read may still be seen: no directory, device or socket is a file that failed.
  const stats = tryLstat(toPath(place, name))
  if (stats === null || isRegular(stats)) throw toIoError(error, 'read')
  return null
}

/** The stats of what is at `path` itself; null when nothing is there. Throws `unreadable` when it may not be looked at. */
export function readStats(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (isAbsence(error)) return null
    throw toIoError(error, 'read')
  }
}

/**
 * A quick look, for a caller that opens the file when this returns null: the stats of what is at `path` itself, null
 * when there is nothing and when it cannot be looked at.
 */
export function tryLstat(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

/** `tryLstat` in plain numbers, at half the cost. */
export function tryLstatQuickly(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

/** Throws `not-a-file` when one of the directories that lead to a name is a symbolic link. */
function requireNoLink(place: Place, name: string): void {
  for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
    try {
      if (lstatSync(toPath(place, name.slice(0, end))).isSymbolicLink()) throw notAFile()
    } catch (error) {
      if (isAbsence(error)) return
      throw toIoError(error, 'read')
    }
  }
}

/** The refusal of what is never served. */
export function notAFile(): StorageError {
  return new StorageError('not-a-file', 'not a regular file; replace it or exclude it')
}
