import {
  closeSync,
  type Dir,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  type Stats,
} from 'node:fs'
import { decodeBytes, encodeBytes } from '../../../functions/storage/byte-names.ts'
import { compareNames, findFault, RESERVED } from '../../../functions/storage/names.ts'
import type { Entry } from '../../../functions/storage/storage.ts'
import type { Select } from '../../../functions/storage/survey/globs.ts'
import { isWithin, type Range } from '../../../functions/storage/survey/survey.ts'
import type { PassedKind } from '../../../functions/wire/passed.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from '../files/directory.ts'
import { getErrno, isAbsence, toIoError } from '../files/errno.ts'
import { isSettledAt, readStats, toIdentity, toKey, toLast, toTime } from '../files/identity.ts'
import { isOwn, type Place, requireMounts, requireNoMountBelow, toMountKeys, toPath } from '../files/root.ts'
import { ENTRIES_PER_LOOK, MAX_DIRECTORY_ENTRIES, SHORT_DIRECTORY_BYTES, SORTED_AT_ONCE } from '../limits.ts'
import { hasSizedDirectories } from '../mounts/file-system.ts'
import type { Entries, EntryMemory } from './entry-memory.ts'

/** Which names a walk is to find. */
export interface Course {
  /** Ascending, without overlaps. */
  readonly ranges: readonly Range[]
  /** Only names that start with this string. */
  readonly prefix: string
  readonly isWanted: Select
  /** Whether nothing below a directory is wanted, so that it is not read; all are read when absent. */
  readonly isPruned?: Select | undefined
  /** Whether to consider a path, a directory's with a slash at its end; all but `.vouch/` when absent. */
  readonly isPath?: ((key: string) => boolean) | undefined
  /** Why a regular file of this path is skipped, null when it is not; `findFault` when absent. */
  readonly toFault?: ((key: string) => PassedKind | null) | undefined
  /** How many entries of a directory are in memory at once; `MAX_DIRECTORY_ENTRIES` when absent. */
  readonly room?: number | undefined
  /** For walks of one range that differ only in it and `prefix`; entries are read each time when absent. */
  readonly memory?: EntryMemory | undefined
}

/** What a walk finds. */
export interface Met {
  /**
   * The name of a regular file; the path of a directory that cannot be read, with a slash at its end; or the
   * path of an entry that is skipped, in which `decodeBytes` has replaced bytes that are not UTF-8.
   */
  readonly name: string
  /** Why a directory cannot be read. */
  readonly trouble?: unknown
  /** Why this entry is skipped: it is not a regular file, or its name is not valid. */
  readonly passed?: PassedKind
}

/**
 * Walks the tree below a root on the calling thread: yields the names of regular files and skipped entries
 * together, in byte order, and null after every few entries, so that the caller can look at the clock. It
 * follows no link, and has a few times `room` entries in memory at most, for each directory on its way. It
 * finds an entry that exists throughout once. One that goes away may be missed, even the root, which the
 * caller checks afterwards. A caller that stops early calls `return`, which closes the open directory.
 */
export function* walkTree(place: Place, course: Course): Generator<Met | null> {
  for (const met of walkRuns(place, course)) {
    if (isRun(met)) for (const name of met) yield { name }
    else yield met
  }
}

/** Consecutive names of regular files in one directory. */
export type Run = readonly string[]

export function isRun(met: Met | Run | null): met is Run {
  return Array.isArray(met)
}

/** The same as `walkTree`, with the files of a directory together that nothing else lies between. */
export function* walkRuns(place: Place, course: Course): Generator<Met | Run | null> {
  // The directories on the way down, the innermost last.
  const open: Visit[] = [enter('')]
  for (let visit = open[0]; visit !== undefined; visit = open.at(-1)) {
    const files = takeFiles(visit)
    if (files.length > 0) {
      yield files
      continue
    }
    const key = visit.keys[visit.next++]
    const passed = key === undefined ? undefined : visit.passed.get(key)
    if (key !== undefined && passed !== undefined) yield { name: key, passed }
    else if (key !== undefined) {
      if (!isOwn(place, key)) open.push(enter(key))
    } else if (visit.isLast) open.pop()
    else {
      const { trouble } = yield* readOn(visit, place, course)
      yield trouble === undefined ? null : toUnread(visit.path, trouble, course)
    }
  }
}

/** A directory that cannot be read. It is skipped if no file in it could have a valid name. */
function toUnread(path: string, trouble: unknown, { toFault = findFault }: Course): Met {
  const passed = toFault(`${path}x`)
  return passed === null ? { name: path, trouble } : { name: path, passed }
}

/**
 * The listing's entry of what a walk found; null when it is skipped, or no longer a regular file. Throws a
 * directory's trouble, and `unreadable` when the system refuses a file's stats, or its file system is gone.
 */
export function readEntry(place: Place, { name, trouble, passed }: Met): Entry | null {
  if (trouble !== undefined) throw trouble
  if (passed !== undefined) return null
  const stats = readStats(toPath(place, name))
  if (stats === null) requireMounts(place, name)
  if (!stats?.isFile()) return null
  const { size, modifiedNs } = toIdentity(stats)
  return { name, size, modified: toTime(modifiedNs) }
}

/** The position of a walk in a directory. */
interface Visit {
  /** '' or ending in a slash, which puts a directory in its place in the byte order of whole names. */
  readonly path: string
  /** Consecutive entries; the first `next` are done. */
  keys: readonly string[]
  /** The entries that are skipped, and why. */
  passed: ReadonlyMap<string, PassedKind>
  next: number
  isLast: boolean
}

/** The files that are next in a directory, none when another entry is. */
function takeFiles(visit: Visit): Run {
  const { keys, passed, next } = visit
  let end = next
  for (let key = keys[end]; key !== undefined && !key.endsWith('/'); key = keys[++end]) {
    if (passed.size > 0 && passed.has(key)) break
  }
  visit.next = end
  return keys.slice(next, end)
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

/** The entries of a directory that is gone: none, unless a mount is gone with it. */
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
  const real = toRealPath(place, path.slice(0, -1))
  const fd = openSync(real, DIRECTORY_FLAGS)
  try {
    // A link led here, or it was moved while it was opened.
    if (!isAt({ fd }, real)) return NONE
    const scope = [place.path, path, course.prefix].join('\0')
    const identity = course.memory === undefined ? '' : readSettledKey(fd)
    const begin = course.ranges[0]?.after ?? ''
    const reading = { scope, identity, after: compareNames(after, begin) > 0 ? after : begin }
    const isNext = (key: string) => isBehind(key, after) && canHold(key, course)
    const remembered = course.memory?.recall(reading, isNext)
    if (remembered !== undefined) return remembered
    const way = hasDescriptorPaths() ? `/proc/self/fd/${fd}` : real.toString()
    const look = { path, real, after, course, mounts: toMountKeys(place, path) }
    const quick = yield* collect(openQuickly(way, fd), look)
    const entries = quick ?? (yield* collect(openExactly(way), look)) ?? NONE
    course.memory?.remember(reading, entries)
    return entries
  } finally {
    closeSync(fd)
  }
}

/** A key that changes whenever the directory's entries do; '' while a recent change might not show yet. */
function readSettledKey(fd: number): string {
  const identity = toIdentity(fstatSync(fd, { bigint: true }))
  return isSettledAt(toLast(identity), 0, Date.now()) ? toKey(identity.device, identity) : ''
}

/** The path of an entry, whose name need not be UTF-8. */
function toRealPath(place: Place, key: string): string | Buffer {
  const path = toPath(place, key)
  return path.isWellFormed() ? path : Buffer.from(encodeBytes(path))
}

/** An open directory, and the name of its entry; null where that is unknown. */
interface Listed {
  readonly directory: Pick<Dir, 'readSync' | 'closeSync'>
  toName(dirent: Dirent): string | null
}

/** Names as Node decodes them; U+FFFD may replace bytes that are not UTF-8, so such a name is unknown. */
function openQuickly(way: string, fd: number): Listed {
  const directory = tryReadShort(way, fd) ?? opendirSync(way, { bufferSize: 1024 })
  return { directory, toName: ({ name }) => (name.includes('\ufffd') ? null : name) }
}

/**
 * Reads a directory that shows that it has few entries in one call, which takes half as long as entry by
 * entry. Null for others, and when any of that fails: then nothing is known of the directory yet.
 */
function tryReadShort(way: string, fd: number): Listed['directory'] | null {
  try {
    const { size, dev } = fstatSync(fd)
    if (size > SHORT_DIRECTORY_BYTES || !showsEntries(dev, way)) return null
    const entries = readdirSync(way, { withFileTypes: true })
    let next = 0
    return { readSync: () => entries[next++] ?? null, closeSync() {} }
  } catch {
    return null
  }
}

/** `hasSizedDirectories` of a device, asked for once, even where that fails: it may be a request. */
function showsEntries(device: number, way: string): boolean {
  if (asked.device !== device) {
    asked = { device, isSized: false }
    asked.isSized = hasSizedDirectories(way)
  }
  return asked.isSized
}

let asked = { device: -1, isSized: false }

/** Names from their bytes, at several times the cost. */
function openExactly(way: string): Listed {
  // Node has this encoding, its types do not.
  const directory = opendirSync(way, { bufferSize: 1024, encoding: 'buffer' as BufferEncoding })
  return {
    directory,
    toName: ({ name }: { readonly name: string | Uint8Array }) =>
      typeof name === 'string' ? name : decodeBytes(name),
  }
}

interface Look {
  readonly path: string
  readonly real: string | Buffer
  readonly after: string
  readonly course: Course
  /** Entries on the way to mounts. */
  readonly mounts: readonly string[]
}

/** Reads the directory, and closes it; null when the name of an entry is unknown. */
function* collect(
  { directory, toName }: Listed,
  { path, real, after, course, mounts }: Look,
): Generator<null, Entries | null> {
  const { isPath, toFault = findFault, room = MAX_DIRECTORY_ENTRIES } = course
  const passed = new Map<string, PassedKind>()
  const isInside = liesWithin(path, course)
  let keys: string[] = []
  let fresh: string[] = []
  let bound: string | undefined
  let looked = 0

  function isToBeMet(key: string): boolean {
    if (!isBehind(key, after) || (bound !== undefined && compareNames(key, bound) > 0)) return false
    const isHeld = isInside ? isSelected(key, course) : canHold(key, course)
    return isHeld && (isPath?.(key) ?? key !== `${RESERVED}/`)
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
      // Sorted runs are quick to sort together.
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
  // With the mounts whose mount point is gone.
  const last = sortKeys([...fresh, ...mounts.filter(isToBeMet)])
  const all = keys.length === 0 ? last : sortKeys([...keys, ...last])
  if (bound === undefined) return { keys: all, passed, isLast: true }
  return { keys: takeFirst(all, room, passed), passed, isLast: false }
}

/** Returns the first `room` keys, and forgets why the others were skipped. */
function takeFirst(keys: string[], room: number, passed: Map<string, PassedKind>): string[] {
  for (const key of keys.slice(room)) passed.delete(key)
  return keys.slice(0, room)
}

/** Whether a key comes after another, which is '' before the first. */
function isBehind(key: string, after: string): boolean {
  return after === '' || compareNames(key, after) > 0
}

/** In byte order, without duplicates: two names that are not UTF-8 may decode alike. */
function sortKeys(keys: string[]): string[] {
  // Below the surrogates the order of UTF-16 units, which is the default of `sort`, is that of bytes.
  const sorted = keys.some((key) => /[\ud800-\uffff]/.test(key)) ? keys.sort(compareNames) : keys.sort()
  return sorted.filter((key, i) => key !== sorted[i - 1])
}

type Kind = 'file' | 'directory' | PassedKind

/** Null for an entry that is gone. */
function toKind(dirent: Dirent, parent: string | Buffer, name: string): Kind | null {
  const kind = findKind(dirent)
  if (kind !== undefined) return kind
  // The file system does not report kinds in its directories.
  const path = Buffer.concat([Buffer.from(parent), Buffer.from('/'), encodeBytes(name)])
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats === undefined ? null : (findKind(stats) ?? 'other')
}

/** Undefined where it is not reported. */
function findKind(one: Dirent | Stats): Kind | undefined {
  if (one.isFile()) return 'file'
  if (one.isDirectory()) return 'directory'
  if (one.isSymbolicLink()) return 'link'
  if (one.isFIFO()) return 'fifo'
  if (one.isSocket()) return 'socket'
  return one.isCharacterDevice() || one.isBlockDevice() ? 'device' : undefined
}

/** Whether every path below a directory has the prefix of the course, and lies in one of its ranges. */
function liesWithin(path: string, { ranges, prefix }: Course): boolean {
  if (!path.startsWith(prefix)) return false
  return ranges.some(({ after, until }) => {
    const isEnd = until === null || (!until.startsWith(path) && isWithin(path, until))
    return isEnd && compareNames(path, after) >= 0
  })
}

/** Whether a key is a name of the course, or can have one below it. */
function canHold(key: string, course: Course): boolean {
  const { ranges, prefix } = course
  if (!key.endsWith('/')) {
    if (!key.startsWith(prefix) || !isSelected(key, course)) return false
    return ranges.some(({ after, until }) => compareNames(key, after) > 0 && isWithin(key, until))
  }
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false
  if (!isSelected(key, course)) return false
  return ranges.some(
    ({ after, until }) => isWithin(key, until) && (compareNames(key, after) > 0 || after.startsWith(key)),
  )
}

/** `canHold` as far as globs decide it. */
function isSelected(key: string, { isWanted, isPruned }: Course): boolean {
  return key.endsWith('/') ? isPruned?.(key.slice(0, -1)) !== true : isWanted(key)
}
