import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs'
import { changedError } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { MAX_ATTEMPTS, MAX_SEGMENT_BYTES } from '../limits.ts'
import { isAt } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { type Identity, readStats, toIdentity, tryLstat } from './identity.ts'
import { isOnMount, type Place, requireRoot, toPath } from './root.ts'

/** What files are opened with. O_NONBLOCK: opening a FIFO would wait for a writer. */
export const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** An open regular file, and its identity when it was opened. The caller that opened it closes `fd`. */
export interface RegularFile {
  readonly fd: number
  readonly identity: Identity
}

/**
 * Opens the regular file of this (valid) name, on the calling thread, or null. Throws
 * `not-a-file` for what is never served, such as a file below a symbolic link, `unreachable` when the root is
 * gone, `unreadable` when the name's file system is not mounted, and `changed` when it keeps being moved.
 */
export function openFile(place: Place, name: string): RegularFile | null {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const file = tryOpen(place, name)
    if (file !== 'moved') return file
  }
  throw changedError('the file was moved while it was opened')
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
    if (isAt({ fd }, path)) kept = isRegular(stats) ? { fd, identity: toIdentity(stats) } : null
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

/** Whether it is a regular file; false for a directory, `not-a-file` for anything else. */
function isRegular(stats: BigIntStats): boolean {
  if (stats.isFile() || stats.isDirectory()) return stats.isFile()
  throw notAFile()
}

/** Null when a file could not be opened because it does not exist; throws the reason otherwise. */
function explain(place: Place, name: string, error: unknown): null {
  requireNoLink(place, name)
  if (isAbsence(error) || hasLongSegment(name)) {
    requireRoot(place, name)
    return null
  }
  if (getErrno(error) === 'ELOOP') throw notAFile()
  // An entry that must not be read can still be seen: a directory, device or socket is no unreadable file.
  const stats = tryLstat(toPath(place, name))
  if (stats === null || isRegular(stats)) throw toIoError(error, 'read')
  return null
}

/** Throws `not-a-file` when one of the directories that lead to a name is a symbolic link. */
function requireNoLink(place: Place, name: string): void {
  for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
    const stats = readStats(toPath(place, name.slice(0, end)))
    if (stats === null) return
    if (stats.isSymbolicLink()) throw notAFile()
  }
}

/** Throws `invalid-name` for a name that a directory cannot hold. */
export function requireSegments(name: string): void {
  if (!hasLongSegment(name)) return
  const rule = `this directory cannot hold the name: a segment has at most ${MAX_SEGMENT_BYTES} bytes here`
  throw new StorageError('invalid-name', rule)
}

/** Whether a segment of the name is longer than a directory can hold, so that no such file exists. */
function hasLongSegment(name: string): boolean {
  if (name.length * 3 <= MAX_SEGMENT_BYTES) return false
  return name.split('/').some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
}

export function notAFile(): StorageError {
  return new StorageError('not-a-file', 'not a regular file; replace it or exclude it')
}
