import {
  closeSync,
  type Dir,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  type Stats,
} from 'node:fs'
import { decodeBytes, encodeBytes } from '../../functions/storage/byte-names.ts'
import type { Select } from '../../functions/storage/globs.ts'
import { compareNames, findFault, RESERVED } from '../../functions/storage/names.ts'
import type { Entry } from '../../functions/storage/storage.ts'
import type { Range } from '../../functions/storage/survey.ts'
import type { PassedKind } from '../../functions/wire/passed.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from './directory.ts'
import type { Entries, EntryMemory } from './entry-memory.ts'
import { getErrno, isAbsence, toIoError } from './errno.ts'
import { isSettledAt, toIdentity, toKey, toLast, toModified } from './identity.ts'
import { ENTRIES_PER_LOOK, MAX_DIRECTORY_ENTRIES, SORTED_AT_ONCE } from './limits.ts'
import { readStats } from './regular-file.ts'
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
   * Whether a path from the root on, with a slash at its end if it is a directory's, is looked at: one that is not is
   * not even counted. Everything but `.vouch/` is when this is absent.
   */
  readonly isPath?: ((key: string) => boolean) | undefined
  /** Why a regular file of this path is passed over, null where it is not; what is wrong with its name when absent. */
  readonly toFault?: ((key: string) => PassedKind | null) | undefined
  /** How many entries of a directory are kept at once; `MAX_DIRECTORY_ENTRIES` when absent. */
  readonly room?: number | undefined
  /** For one range, and walks that differ in that and in `prefix` alone; entries are read each time when absent. */
  readonly memory?: EntryMemory | undefined
}

/** What a walk meets. */
export interface Met {
  /**
   * The name that a regular file had a moment ago; with a slash at its end, a directory that cannot be read; of an entry
   * that is passed over, its path, in which bytes that are not UTF-8 stand as `decodeBytes` has them.
   */
  readonly name: string
  /** Why a directory cannot be read. */
  readonly trouble?: unknown
  /** Why this entry is passed over: it is not a regular file, or does not have a valid name. */
  readonly passed?: PassedKind
}

/**
 * The names of regular files below a root, in byte order, on the calling thread, and among them, where they sort, the
 * entries that are passed over; and null after every few entries that it has looked at, so that the caller may look at
 * the clock. It follows no link, and keeps at most `room` entries, or a few times as many, of each directory on its way.
 * An entry that is there throughout is met once. One that goes away meanwhile may not be met, the root too: a caller that
 * must know looks afterwards. A caller that stops before the end calls `return`, which closes the directory that is being
 * read.
 */
export function* walkTree(place: Place, course: Course): Generator<Met | null> {
  // The directories on the way down, the innermost last.
  const open: Visit[] = [enter('')]
  for (let visit = open[0]; visit !== undefined; visit = open.at(-1)) {
    const key = visit.keys[visit.next++]
    const passed = key === undefined ? undefined : visit.passed.get(key)
    if (key !== undefined && passed !== undefined) yield { name: key, passed }
    else if (key?.endsWith('/')) {
      if (!isOwn(place, key)) open.push(enter(key))
    } else if (key !== undefined) yield { name: key }
    else if (visit.isLast) open.pop()
    else {
      const { trouble } = yield* readOn(visit, place, course)
      yield trouble === undefined ? null : toUnread(visit.path, trouble, course)
    }
  }
}

/** A directory that cannot be read. Where no file in it could have a name, that is why nothing in it is compared. */
function toUnread(path: string, trouble: unknown, { toFault = findFault }: Course): Met {
  const passed = toFault(`${path}x`)
  return passed === null ? { name: path, trouble } : { name: path, passed }
}

/**
 * What was met as an entry of a listing; null when it is passed over, or not a regular file any more. Throws the trouble
 * of a directory, and `unreadable` for a file that may not be looked at, or whose file system went away since.
 */
export function readEntry(place: Place, { name, trouble, passed }: Met): Entry | null {
  if (trouble !== undefined) throw trouble
  if (passed !== undefined) return null
  const stats = readStats(toPath(place, name))
  if (stats === null) requireMounts(place, name)
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
  /** Those of them that are passed over, and why. */
  passed: ReadonlyMap<string, PassedKind>
  next: number
  /** Whether there are no others after them. */
  isLast: boolean
}

function enter(path: string): Visit {
  return { path, ...NONE, next: 0, isLast: false }
}

function* readOn(visit: Visit, place: Place, course: Course): Generator<null, Entries> {
  const entries = yield* tryRead(place, visit.path, visit.keys.at(-1) ?? '', course)
  visit.keys = entries.keys
  visit.passed = entries.passed
  visit.next = 0
  visit.isLast = entries.isLast
  return entries
}

const NONE: Entries = { keys: [], passed: new Map(), isLast: true }

function* tryRead(place: Place, path: string, after: string, course: Course): Generator<null, Entries> {
  try {
    requireMounts(place, path.slice(0, -1))
    return yield* readEntries(place, path, after, course)
  } catch (error) {
    if (error instanceof StorageError) return { ...NONE, trouble: error }
    // A path may be too long for the system, though each of its segments is there.
    const isGone = isAbsence(error) && getErrno(error) !== 'ENAMETOOLONG'
    if (isGone || getErrno(error) === 'ELOOP') return toGone(place, path)
    const trouble = toIoError(error, 'read')
    if (trouble === error || path === '') throw trouble
    return { ...NONE, trouble }
  }
}

/** A directory that is gone; to go on as if there was nothing is right only where no mount is gone with it. */
function toGone(place: Place, path: string): Entries {
  try {
    requireMounts(place, path.slice(0, -1))
    if (path !== '') requireNoMountBelow(place, path.slice(0, -1))
    return NONE
  } catch (trouble) {
    return { ...NONE, trouble }
  }
}

function* readEntries(place: Place, path: string, after: string, course: Course): Generator<null, Entries> {
  const real = path === '' ? place.path : toRealPath(place, path.slice(0, -1))
  const fd = openSync(real, DIRECTORY_FLAGS)
  try {
    // Reached by a link, or moved while it was opened.
    if (!isAt({ fd }, real)) return NONE
    const scope = [place.path, path, course.prefix].join('\0')
    const identity = course.memory === undefined ? '' : readSettledKey(fd)
    const reading = { scope, identity, after: toStart(after, course) }
    const isNext = (key: string) => isBehind(key, after) && canHold(key, course)
    const remembered = course.memory?.recall(reading, isNext)
    if (remembered !== undefined) return remembered
    const way = hasDescriptorPaths() ? `/proc/self/fd/${fd}` : real
    const look = { path, real, after, course, mounts: toMountKeys(place, path) }
    const quick = yield* collect(openQuickly(way), look)
    const entries = quick ?? (yield* collect(openExactly(way), look)) ?? NONE
    course.memory?.keep(reading, entries)
    return entries
  } finally {
    closeSync(fd)
  }
}

/** A key that changes whenever the directory's entries do; '' while they may have changed too recently to tell. */
function readSettledKey(fd: number): string {
  const identity = toIdentity(fstatSync(fd, { bigint: true }))
  return isSettledAt(toLast(identity), 0, Date.now()) ? toKey(identity.device, identity) : ''
}

/** The path to what a walk met, whose name need not be UTF-8. */
function toRealPath(place: Place, key: string): string | Buffer {
  const path = toPath(place, key)
  return path.isWellFormed() ? path : Buffer.from(encodeBytes(path))
}

/** An open directory, and its entry's name; null where that cannot be told. */
interface Listed {
  readonly directory: Dir
  toName(dirent: Dirent): string | null
}

/** Names as Node decodes them, in which U+FFFD may stand for bytes that are not UTF-8. */
function openQuickly(way: string | Buffer): Listed {
  const directory = opendirSync(way.toString(), { bufferSize: 1024 })
  return { directory, toName: ({ name }) => (name.includes('\ufffd') ? null : name) }
}

/** Names by their bytes, at several times the cost. */
function openExactly(way: string | Buffer): Listed {
  // Node's types do not have this encoding here, and Node does.
  const directory = opendirSync(way.toString(), { bufferSize: 1024, encoding: 'buffer' as BufferEncoding })
  return {
    directory,
    toName({ name }: { readonly name: string | Uint8Array }) {
      return typeof name === 'string' ? name : decodeBytes(name)
    },
  }
}

interface Look {
  readonly path: string
  readonly real: string | Buffer
  readonly after: string
  readonly course: Course
  /** The entries that lead to mounts. */
  readonly mounts: readonly string[]
}

/** Reads the directory, and closes it; null when the name of an entry cannot be told. */
function* collect(
  { directory, toName }: Listed,
  { path, real, after, course, mounts }: Look,
): Generator<null, Entries | null> {
  const { isPath = isOutside, toFault = findFault, room = MAX_DIRECTORY_ENTRIES } = course
  const passed = new Map<string, PassedKind>()
  let keys: string[] = []
  let fresh: string[] = []
  let bound: string | undefined
  let looked = 0

  function isToBeMet(key: string): boolean {
    if (!isBehind(key, after) || (bound !== undefined && compareNames(key, bound) > 0)) return false
    return canHold(key, course) && isPath(key)
  }

  try {
    for (let dirent = directory.readSync(); dirent !== null; dirent = directory.readSync()) {
      if (++looked % ENTRIES_PER_LOOK === 0) yield null
      const name = toName(dirent)
      if (name === null) return null
      const kind = toKind(dirent, real, name)
      if (kind === null) continue
      const key = kind === 'directory' ? `${path}${name}/` : path + name
      if (!isToBeMet(key)) continue
      const why = kind === 'directory' ? null : kind === 'file' ? toFault(key) : kind
      if (why !== null) passed.set(key, why)
      fresh.push(key)
      if (fresh.length < SORTED_AT_ONCE && keys.length + fresh.length < 2 * room) continue
      // What is sorted in runs is sorted quickly together.
      keys.push(...sortKeys(fresh))
      fresh = []
      yield null
      if (keys.length < 2 * room) continue
      keys = takeFirst(sortKeys(keys), room, passed)
      bound = keys.at(-1)
    }
  } finally {
    directory.closeSync()
  }
  // Also the mounts whose mount point is gone.
  const all = sortKeys([...keys, ...sortKeys([...fresh, ...mounts.filter(isToBeMet)])])
  if (bound === undefined) return { keys: all, passed, isLast: true }
  return { keys: takeFirst(all, room, passed), passed, isLast: false }
}

/** The first `room` of these keys; forgets why the others were passed over. */
function takeFirst(keys: string[], room: number, passed: Map<string, PassedKind>): string[] {
  for (const key of keys.slice(room)) passed.delete(key)
  return keys.slice(0, room)
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

/** Whether a path lies outside of what vouch keeps for itself. */
function isOutside(key: string): boolean {
  return key !== `${RESERVED}/`
}

type Kind = 'file' | 'directory' | PassedKind

/** Null for an entry that is gone. */
function toKind(dirent: Dirent, parent: string | Buffer, name: string): Kind | null {
  const kind = findKind(dirent)
  if (kind !== undefined) return kind
  const stats = tryLook(parent, name)
  return stats === undefined ? null : (findKind(stats) ?? 'other')
}

/** Undefined where it is not told. */
function findKind(one: Dirent | Stats): Kind | undefined {
  if (one.isFile()) return 'file'
  if (one.isDirectory()) return 'directory'
  if (one.isSymbolicLink()) return 'link'
  if (one.isFIFO()) return 'fifo'
  if (one.isSocket()) return 'socket'
  return one.isCharacterDevice() || one.isBlockDevice() ? 'device' : undefined
}

/** What the entry is, on a file system that does not say it in its directories. */
function tryLook(parent: string | Buffer, name: string): Stats | undefined {
  const path = Buffer.concat([Buffer.from(parent), Buffer.from('/'), encodeBytes(name)])
  return lstatSync(path, { throwIfNoEntry: false })
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
