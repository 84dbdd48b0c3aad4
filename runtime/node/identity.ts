import type { BigIntStats, Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { MAX_CALL_BYTES, SETTLED_MS, SLOWEST_CALL_BYTES_PER_MS } from './limits.ts'

/** What tells one content of one file from the next without reading it. */
export interface Identity {
  readonly device: bigint
  readonly inode: bigint
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since 1970; anyone may set it. */
  readonly modifiedNs: bigint
  /** Nanoseconds since 1970; the system sets it on every change, and nobody can set it back. */
  readonly changedNs: bigint
}

/** The identity that a file's stats show. */
export function toIdentity(stats: BigIntStats): Identity {
  return {
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  }
}

/** The identity of an open file as it is now. */
export async function readIdentity(handle: Pick<FileHandle, 'stat'>): Promise<Identity> {
  return toIdentity(await handle.stat({ bigint: true }))
}

/** The identity as text, `id` being `FileSystem.id`: equal for equal identities of one file system only. */
export function toKey(id: bigint, { inode, size, modifiedNs, changedNs }: Omit<Identity, 'device'>): string {
  return `${id}:${inode}:${size}:${modifiedNs}:${changedNs}`
}

/**
 * Whether a settled file of this file system has the identity of that key, by stats in plain numbers, which cost half as
 * much. They give times to two microseconds, and any change of a file that was settled when it was hashed came seconds
 * later. False also for numbers that they do not give exactly, such as the greatest inodes.
 */
export function hasKey({ ino, size, mtimeMs, ctimeMs }: Stats, id: number, key: string): boolean {
  const shown = [id, ino, size, mtimeMs * 1e6, ctimeMs * 1e6]
  let [field, number] = [0, 0]
  for (let i = 0; i <= key.length; i++) {
    const digit = key.charCodeAt(i) - DIGIT_0
    if (digit >= 0 && digit <= 9) number = 10 * number + digit
    else {
      const difference = Math.abs(number - (shown[field] ?? Number.NaN))
      if (!(difference <= (field < FIRST_TIME ? 0 : INEXACT_NS))) return false
      field++
      number = 0
    }
  }
  return field === shown.length
}

const DIGIT_0 = 48
const FIRST_TIME = 3
/** As much as doubles lose of such times. */
const INEXACT_NS = 2000

/** Whether two identities are one. */
export function isSame(a: Identity, b: Identity): boolean {
  return (
    a.inode === b.inode &&
    a.device === b.device &&
    a.size === b.size &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  )
}

/** Whether two identities are one, but for the time of change, which a link to the file moves on. */
export function isSameContent(a: Identity, b: Identity): boolean {
  return isSame(a, { ...b, changedNs: a.changedNs })
}

/** The later of an identity's times, in milliseconds since 1970. */
export function toLast({ modifiedNs, changedNs }: Identity): number {
  return Number(modifiedNs > changedNs ? modifiedNs : changedNs) / 1e6
}

/**
 * Whether the file was left alone long enough before `now` (milliseconds since 1970) that no call that changes it is still
 * under way, and that any later call shows in its identity. A file from the future never is.
 */
export function isSettled(identity: Identity, now: number): boolean {
  return isSettledAt(toLast(identity), identity.size, now)
}

/** The same by the later of the times, in milliseconds, and the size: the times are set when a call begins. */
export function isSettledAt(last: number, size: number, now: number): boolean {
  return now - last > SETTLED_MS + Math.min(size, MAX_CALL_BYTES) / SLOWEST_CALL_BYTES_PER_MS
}

/** RFC 3339 has four digits for the year; a time outside is a time unknown. */
const YEAR_0 = -62_167_219_200_000
const YEAR_10000 = 253_402_300_800_000

/** `modifiedNs` in whole milliseconds, as facts have it. */
export function toModified({ modifiedNs }: Pick<Identity, 'modifiedNs'>): number | null {
  return toTime(modifiedNs)
}

/** Nanoseconds since 1970 in whole milliseconds; null for a time that RFC 3339 cannot write. */
export function toTime(ns: bigint): number | null {
  const ms = Number(ns / 1_000_000n)
  return ms >= YEAR_0 && ms < YEAR_10000 ? ms : null
}
