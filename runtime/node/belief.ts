import type { FileSystem } from './file-system.ts'
import { type Identity, isSettledAt, toLast } from './identity.ts'

/** A sync of a file system that has ended. */
export interface Synced {
  /** As in `FileSystem`. */
  readonly id: bigint
  /** When it began, in milliseconds since 1970. */
  readonly at: number
}

/**
 * Whether no store into a file through a mapping goes unseen any more: a sync that began after the file's last change, as
 * its times tell it, has ended. Asked before its bytes are read.
 */
export function isWrittenOut(identity: Identity, { id }: FileSystem, synced: Synced | null): boolean {
  return synced !== null && synced.id === id && isSettledAt(toLast(identity), 0, synced.at)
}

/** Whole seconds from the beginning of a reading to `now`, both in milliseconds since 1970. */
export function toAge(readAt: number, now: number): number {
  return Math.floor((now - readAt) / 1000)
}

/**
 * Whether a reading counts for a question of `now` that takes none older than `maxAge` seconds; any age where that is null
 * or absent. A reading from the future never counts: the clock was set back since.
 */
export function isRecent(readAt: number, now: number, maxAge: number | null | undefined): boolean {
  if (readAt > now) return false
  return maxAge === null || maxAge === undefined || (maxAge > 0 && now - readAt <= 1000 * maxAge)
}
