import { type BigIntStats, fstatSync, lstatSync, readSync, type Stats } from 'node:fs'
import { MAX_CALL_BYTES, SETTLED_MS, SLOWEST_CALL_BYTES_PER_MS } from '../limits.ts'
import { isAbsence, toIoError } from './errno.ts'

/** Distinguishes contents of files without reading them. */
export interface Identity {
  readonly device: bigint
  readonly inode: bigint
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since 1970; anyone may set it. */
  readonly modifiedNs: bigint
  /** Nanoseconds since 1970; the system sets it on every change, and no program can set it back. */
  readonly changedNs: bigint
}

export function toIdentity(stats: BigIntStats): Identity {
  return {
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  }
}

/** The identity as text, with `FileSystem.id`: equal only for equal identities of one file system. */
export function toKey(id: bigint, { inode, size, modifiedNs, changedNs }: Omit<Identity, 'device'>): string {
  return `${id}:${inode}:${size}:${modifiedNs}:${changedNs}`
}

/**
 * Whether a settled file of this file system has the identity of that key, by stats in plain numbers, which
 * cost half. They are exact to two microseconds, and any change of a file that was settled when it was hashed
 * came seconds later. False also for numbers that they do not hold exactly, such as the greatest inodes.
 */
export function hasKey({ ino, size, mtimeMs, ctimeMs }: Stats, id: number, key: string): boolean {
  if (!readKey(key, held)) return false
  const isFile = held[0] === id && held[1] === ino && held[2] === size
  return isFile && isSameTime(mtimeMs, held[3]) && isSameTime(ctimeMs, held[4])
}

/** How many numbers a key has. */
export const KEY_NUMBERS = 5
const held = new Float64Array(KEY_NUMBERS)

/**
 * Puts the `KEY_NUMBERS` numbers of a key into `numbers`, as near as doubles come to them: times in
 * milliseconds. False when it is not digits and colons.
 */
export function readKey(key: string, numbers: Float64Array): boolean {
  let from = 0
  for (let field = 0; field < KEY_NUMBERS; field++) {
    let number = 0
    for (; from < key.length; from++) {
      const digit = key.charCodeAt(from) - DIGIT_0
      if (digit < 0 || digit > 9) break
      number = 10 * number + digit
    }
    if (from < key.length && key[from] !== ':') return false
    from++
    numbers[field] = field < FIRST_TIME ? number : number / 1e6
  }
  return from === key.length + 1
}

const DIGIT_0 = 48
const FIRST_TIME = 3
/** The inexactness of such times in doubles. */
const INEXACT_NS = 2000

/**
 * Whether two times in milliseconds are the same, as far as such stats hold them; false without the second.
 */
export function isSameTime(a: number, b = Number.NaN): boolean {
  return Math.abs(a - b) * 1e6 <= INEXACT_NS
}

export function isSame(a: Identity, b: Identity): boolean {
  return (
    a.inode === b.inode &&
    a.device === b.device &&
    a.size === b.size &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  )
}

/** Whether two identities are equal except for the time of change, which a link to the file moves. */
export function isSameContent(a: Identity, b: Identity): boolean {
  return isSame(a, { ...b, changedNs: a.changedNs })
}

/** The later of an identity's times, in milliseconds since 1970. */
export function toLast({ modifiedNs, changedNs }: Identity): number {
  return Number(modifiedNs > changedNs ? modifiedNs : changedNs) / 1e6
}

/**
 * Whether the file was left alone so long before `now` (milliseconds since 1970) that no call that changes it
 * is under way, and that any later change shows in its identity. False for a file from the future.
 */
export function isSettled(identity: Identity, now: number): boolean {
  return isSettledAt(toLast(identity), identity.size, now)
}

/** The same by the later time, in milliseconds, and the size: a call sets the times when it begins. */
export function isSettledAt(last: number, size: number, now: number): boolean {
  return now - last > SETTLED_MS + Math.min(size, MAX_CALL_BYTES) / SLOWEST_CALL_BYTES_PER_MS
}

/** RFC 3339 has four digits for the year; other times are unknown. */
const YEAR_0 = -62_167_219_200_000
const YEAR_10000 = 253_402_300_800_000

/** Nanoseconds since 1970 in milliseconds, as in `Facts`; null for a time that RFC 3339 cannot write. */
export function toTime(ns: bigint): number | null {
  const ms = Number(ns / 1_000_000n)
  return ms >= YEAR_0 && ms < YEAR_10000 ? ms : null
}

/** The stats of the entry at `path` itself; null for none. Throws `unreadable` when the system refuses. */
export function readStats(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (isAbsence(error)) return null
    throw toIoError(error, 'read')
  }
}

/** `readStats`, but null also when the system refuses: the caller then opens the file. */
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

// Reads on threads that may wait for a disk.

export function readIdentitySync(fd: number): Identity {
  return toIdentity(fstatSync(fd, { bigint: true }))
}

/** A new buffer, not zeroed: the caller passes on only what it read into it. */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/** Fills `bytes` from `position` on; returns a shorter part when the file ends before. */
export function readUpTo<T extends Uint8Array>(fd: number, bytes: T, position: number): T {
  let filled = 0
  while (filled < bytes.length) {
    const read = readSync(fd, bytes, filled, bytes.length - filled, position + filled)
    if (read === 0) break
    filled += read
  }
  if (filled === bytes.length) return bytes
  return bytes.subarray(0, filled) as T // subarray keeps the class, which its type forgets
}
