import { closeSync, type Dir, type Dirent, fstatSync, lstatSync, opendirSync, openSync } from 'node:fs'
import type { Select } from '../../functions/storage/globs.ts'
import { compareNames, parseName } from '../../functions/storage/names.ts'
import type { Entry } from '../../functions/storage/storage.ts'
import type { Range } from '../../functions/storage/survey.ts'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from './directory.ts'
import type { Entries, EntryMemory } from './entry-memory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { isSettled, toIdentity, toKey as toKeyOf, toModified } from './identity.ts'
import { ENTRIES_PER_LOOK, MAX_DIRECTORY_ENTRIES, SORTED_AT_ONCE } from './limits.ts'
import { tryLstat } from './regular-file.ts'
import { type Place, toPath } from './root.ts'

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
  /** How many entries of a directory are kept at once; `MAX_DIRECTORY_ENTRIES` when absent. */
  readonly room?: number | undefined
  /** For one range, and walks that differ in that and in `prefix` alone; entries are read each time when absent. */
  readonly memory?: EntryMemory | undefined
}

/** A name that a regular file had a moment ago; or, with a slash at its end, a directory that cannot be read. */
export interface Met {
  readonly name: string
  readonly trouble?: unknown
}

/**
 * The names of regular files below a root, in byte order, on the calling thread; and null after every few entries that
 * it has looked at, so that the caller may look at the clock. It follows no link, and keeps at most `room` entries, or a
 * few times as many, of each directory on its way. A file that is there throughout is met once. What goes away meanwhile
 * is passed over, the root too: who must know looks afterwards. A caller that stops before the end calls `return`, which
 * closes the directory that is being read.
 */
export function* walkTree(place: Place, course: Course): Generator<Met | null> {
  // The directories on the way down, the innermost last.
  const open: Visit[] = [enter('')]
  for (let visit = open[0]; visit !== undefined; visit = open.at(-1)) {
    const key = visit.keys[visit.next++]
    if (key?.endsWith('/')) open.push(enter(key))
    else if (key !== undefined) yield { name: key }
    else if (visit.isLast) open.pop()
    else {
      const { trouble } = yield* readOn(visit, place, course)
      yield trouble === undefined ? null : { name: visit.path, trouble }
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

function* readOn(visit: Visit, place: Place, course: Course): Generator<null, Entries> {
  const entries = yield* tryRead(place, visit.path, visit.keys.at(-1) ?? '', course)
  visit.keys = entries.keys
  visit.next = 0
  visit.isLast = entries.isLast
  return entries
}

function* tryRead(place: Place, path: string, after: string, course: Course): Generator<null, Entries> {
  try {
    return yield* readEntries(place, path, after, course)
  } catch (error) {
    if (isAbsence(error) || getErrno(error) === 'ELOOP') return { keys: [], isLast: true }
    const trouble = toIoError(error, 'read')
    if (trouble === error || path === '') throw trouble
    return { keys: [], isLast: true, trouble }
  }
}

function* readEntries(place: Place, path: string, after: string, course: Course): Generator<null, Entries> {
  const real = path === '' ? place.path : toPath(place, path.slice(0, -1))
  const { directory, identity } = openEntries(real, course.memory !== undefined)
  // Reached by a link, or moved while it was opened.
  if (directory === null) return { keys: [], isLast: true }
  try {
    const reading = { scope: `${real}\0${course.prefix}`, identity, after: toStart(after, course) }
    const isNext = (key: string) => isBehind(key, after) && canHold(key, course)
    const remembered = course.memory?.recall(reading, isNext)
    if (remembered !== undefined) return remembered
    const entries = yield* collect(directory, (dirent) => toKey(dirent, path, real), after, course)
    course.memory?.keep(reading, entries)
    return entries
  } finally {
    directory.closeSync()
  }
}

/** Opens a directory to read its entries; null when it does not lie at exactly `real`. Who opened it closes it. */
function openEntries(real: string, isIdentified: boolean): { directory: Dir | null; identity: string } {
  const fd = openSync(real, DIRECTORY_FLAGS)
  try {
    if (!isAt({ fd }, real)) return { directory: null, identity: '' }
    const stats = isIdentified ? toIdentity(fstatSync(fd, { bigint: true })) : null
    const identity = stats !== null && isSettled(stats, Date.now()) ? toKeyOf(stats) : ''
    const path = hasDescriptorPaths() ? `/proc/self/fd/${fd}` : real
    return { directory: opendirSync(path, { bufferSize: 1024 }), identity }
  } finally {
    closeSync(fd)
  }
}

function* collect(
  directory: Dir,
  toKey: (dirent: Dirent) => string | null,
  after: string,
  course: Course,
): Generator<null, Entries> {
  const { isPath = isNamePath, room = MAX_DIRECTORY_ENTRIES } = course
  let keys: string[] = []
  let fresh: string[] = []
  let bound: string | undefined
  let looked = 0
  for (let dirent = directory.readSync(); dirent !== null; dirent = directory.readSync()) {
    if (++looked % ENTRIES_PER_LOOK === 0) yield null
    const key = toKey(dirent)
    if (key === null || !isBehind(key, after)) continue
    if (bound !== undefined && compareNames(key, bound) > 0) continue
    if (!canHold(key, course) || !isPath(key)) continue
    fresh.push(key)
    if (fresh.length < SORTED_AT_ONCE && keys.length + fresh.length < 2 * room) continue
    // What is sorted in runs is sorted quickly together.
    keys.push(...sortKeys(fresh))
    fresh = []
    yield null
    if (keys.length < 2 * room) continue
    keys = sortKeys(keys).slice(0, room)
    bound = keys.at(-1)
  }
  const all = sortKeys([...keys, ...sortKeys(fresh)])
  if (bound === undefined) return { keys: all, isLast: true }
  return { keys: all.slice(0, room), isLast: false }
}

/** What the entries come after: where the last reading of the directory ended, or where the course begins. */
function toStart(after: string, { ranges }: Course): string {
  const begin = ranges[0]?.after ?? ''
  return compareNames(after, begin) > 0 ? after : begin
}

/** Whether a key comes after another, which is '' before the first. */
function isBehind(key: string, after: string): boolean {
  return after === '' || compareNames(key, after) > 0
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
