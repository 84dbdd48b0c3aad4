import { closeSync, type Dir, type Dirent, lstatSync, opendirSync, openSync } from 'node:fs'
import type { Select } from '../../functions/storage/globs.ts'
import { compareNames, parseName } from '../../functions/storage/names.ts'
import type { Entry } from '../../functions/storage/storage.ts'
import type { Range } from '../../functions/storage/survey.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from './directory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { toIdentity, toModified } from './identity.ts'
import { MAX_DIRECTORY_ENTRIES } from './limits.ts'
import { tryLstat } from './regular-file.ts'
import { isOwn, type Place, requireMounts, requireNoMountBelow, toMountKeys, toPath } from './root.ts'

/** Which names a walk is to meet. */
export interface Course {
  /** Ascending, none overlapping another. */
  readonly ranges: readonly Range[]
  /** Only names that start with this string. */
  readonly prefix: string
  readonly isWanted: Select
  /** Whether nothing below a directory is wanted, so that it is not even read; none is passed over when absent. */
  readonly isPruned?: Select | undefined
  /**
   * Whether a path from the root on can be met, or with a slash at its end lead to one that can; where it is absent,
   * whether it is a name or leads to names.
   */
  readonly isPath?: ((key: string) => boolean) | undefined
}

/** A name that a regular file had a moment ago; or, with a slash at its end, a directory that cannot be read. */
export interface Met {
  readonly name: string
  readonly trouble?: unknown
}

/**
 * The names of regular files below a root, in byte order, on the calling thread. It follows no link, and keeps at most
 * `MAX_DIRECTORY_ENTRIES` entries, or a few times as many, of each directory on its way. A file that is there
 * throughout is met once. What goes away meanwhile is passed over, the root too: who must know looks afterwards.
 */
export function* walkTree(place: Place, course: Course): Generator<Met> {
  // The directories on the way down, the innermost last.
  const open: Visit[] = [enter('')]
  for (let visit = open[0]; visit !== undefined; visit = open.at(-1)) {
    const key = visit.keys[visit.next++]
    if (key?.endsWith('/')) {
      if (!isOwn(place, key)) open.push(enter(key))
    } else if (key !== undefined) yield { name: key }
    else if (visit.isLast) open.pop()
    else {
      const { trouble } = readOn(visit, place, course)
      if (trouble !== undefined) yield { name: visit.path, trouble }
    }
  }
}

/** What was met as an entry of a listing; null when it is no regular file any more. Throws the trouble of a directory. */
export function readEntry(place: Place, { name, trouble }: Met): Entry | null {
  if (trouble !== undefined) throw trouble
  const stats = tryLstat(toPath(place, name))
  if (!stats?.isFile()) return null
  const { size, modifiedNs } = toIdentity(stats)
  return { name, size, modified: toModified({ modifiedNs }) }
}

/** Where a walk is in a directory. */
interface Visit {
  /** '' or with a slash at its end, which gives a directory its place in the byte order of whole names. */
  readonly path: string
  /** Some of the entries, of which the first `next` are done. */
  keys: readonly string[]
  next: number
  /** Whether there are no others after them. */
  isLast: boolean
}

function enter(path: string): Visit {
  return { path, keys: [], next: 0, isLast: false }
}

function readOn(visit: Visit, place: Place, course: Course): Entries {
  const entries = tryRead(place, visit.path, visit.keys.at(-1) ?? '', course)
  visit.keys = entries.keys
  visit.next = 0
  visit.isLast = entries.isLast
  return entries
}

/** Some of a directory's entries, from the root on and in order, directories with a slash at their end. */
interface Entries {
  readonly keys: readonly string[]
  /** Whether there are none after them. */
  readonly isLast: boolean
  readonly trouble?: unknown
}

function tryRead(place: Place, path: string, after: string, course: Course): Entries {
  try {
    requireMounts(place, path.slice(0, -1))
    return readEntries(place, path, after, course)
  } catch (error) {
    if (error instanceof StorageError) return { keys: [], isLast: true, trouble: error }
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return toGone(place, path)
    const trouble = toIoError(error, 'read')
    if (trouble === error || path === '') throw trouble
    return { keys: [], isLast: true, trouble }
  }
}

/** A directory that is gone; to go on as if there was nothing is right only where nothing was mounted. */
function toGone(place: Place, path: string): Entries {
  try {
    if (path !== '') requireNoMountBelow(place, path.slice(0, -1))
    return { keys: [], isLast: true }
  } catch (trouble) {
    return { keys: [], isLast: true, trouble }
  }
}

function readEntries(place: Place, path: string, after: string, course: Course): Entries {
  const real = path === '' ? place.path : toPath(place, path.slice(0, -1))
  const fd = openSync(real, DIRECTORY_FLAGS)
  try {
    // Reached by a link, or moved while it was opened.
    if (!isAt({ fd }, real)) return { keys: [], isLast: true }
    const directory = opendirSync(hasDescriptorPaths() ? `/proc/self/fd/${fd}` : real, { bufferSize: 1024 })
    try {
      const mounts = toMountKeys(place, path)
      return collect(directory, (dirent) => toKey(dirent, path, real), after, course, mounts)
    } finally {
      directory.closeSync()
    }
  } finally {
    closeSync(fd)
  }
}

function collect(
  directory: Dir,
  toKey: (dirent: Dirent) => string | null,
  after: string,
  course: Course,
  mounts: readonly string[],
): Entries {
  const { isPath = isNamePath } = course
  let keys: string[] = []
  let bound: string | undefined

  function isWanted(key: string): boolean {
    if (after !== '' && compareNames(key, after) <= 0) return false
    if (bound !== undefined && compareNames(key, bound) > 0) return false
    return canHold(key, course) && isPath(key)
  }

  for (let dirent = directory.readSync(); dirent !== null; dirent = directory.readSync()) {
    const key = toKey(dirent)
    if (key === null || !isWanted(key)) continue
    keys.push(key)
    if (keys.length < 2 * MAX_DIRECTORY_ENTRIES) continue
    keys = sortKeys(keys).slice(0, MAX_DIRECTORY_ENTRIES)
    bound = keys.at(-1)
  }
  // Also those whose mount point is gone.
  const all = sortKeys([...keys, ...mounts.filter(isWanted)])
  if (bound === undefined) return { keys: all, isLast: true }
  return { keys: all.slice(0, MAX_DIRECTORY_ENTRIES), isLast: false }
}

/** In byte order, each once: two names that are no UTF-8 may read alike. */
function sortKeys(keys: string[]): string[] {
  // Up to the surrogates the order of UTF-16 units, which `sort` has by itself, is the one of bytes.
  const sorted = keys.some((key) => /[\ud800-\uffff]/.test(key)) ? keys.sort(compareNames) : keys.sort()
  return sorted.filter((key, i) => key !== sorted[i - 1])
}

/** Null for what is no file or directory. */
function toKey(dirent: Dirent, parent: string, real: string): string | null {
  const kind = toKind(dirent, real)
  if (kind === null) return null
  const path = parent + dirent.name
  return kind === 'file' ? path : `${path}/`
}

/** Whether it is a name; or, with a slash at its end, a directory whose files have names. */
export function isNamePath(key: string): boolean {
  return parseName(key.endsWith('/') ? `${key}x` : key) !== null
}

function toKind(dirent: Dirent, real: string): 'file' | 'directory' | null {
  if (dirent.isFile()) return 'file'
  if (dirent.isDirectory()) return 'directory'
  const isKnown =
    dirent.isSymbolicLink() ||
    dirent.isFIFO() ||
    dirent.isSocket() ||
    dirent.isCharacterDevice() ||
    dirent.isBlockDevice()
  if (isKnown) return null
  // A file system that does not say what its entries are.
  const stats = lstatSync(`${real}/${dirent.name}`, { throwIfNoEntry: false })
  return stats?.isFile() ? 'file' : stats?.isDirectory() ? 'directory' : null
}

/** Whether it is, or below it can be, a name of the course. */
function canHold(key: string, { ranges, prefix, isWanted, isPruned }: Course): boolean {
  if (!key.endsWith('/')) {
    if (!key.startsWith(prefix) || !isWanted(key)) return false
    return ranges.some(({ after, until }) => compareNames(key, after) > 0 && isUpTo(key, until))
  }
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false
  if (isPruned?.(key.slice(0, -1))) return false
  return ranges.some(
    ({ after, until }) => isUpTo(key, until) && (compareNames(key, after) > 0 || after.startsWith(key)),
  )
}

function isUpTo(key: string, until: string | null): boolean {
  return until === null || compareNames(key, until) <= 0
}
