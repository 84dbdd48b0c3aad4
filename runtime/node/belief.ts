import type { FileSystem } from './file-system.ts'
import { type Identity, isSettled, isSettledAt, toLast } from './identity.ts'

/** A sync of a file system that has ended. */
export interface Synced {
  /** As in `FileSystem`. */
  readonly id: bigint
  /** When it began, in milliseconds since 1970. */
  readonly at: number
}

/** What is known when a file is about to be read. */
export interface Knowledge {
  /** What its root lies on; null where nothing is remembered. */
  readonly system: FileSystem | null
  /** Milliseconds since 1970. */
  readonly now: number
  /** The last sync that has ended. */
  readonly synced: Synced | null
}

/**
 * What is lacking for the digest of a file to be remembered, if all its bytes are read from now on; null for nothing.
 * - `system`: it lies on a file system that does not show every change in a file's times;
 * - `time`: a write may still be under way, or the next may leave the times as they are; see `isSettled`;
 * - `sync`: a program may have stored into it through a mapping, and store again unseen. That is ruled out once a sync has
 *   ended that began after the file's last change.
 */
export function findLack(
  identity: Identity,
  { system, now, synced }: Knowledge,
): 'system' | 'time' | 'sync' | null {
  if (system === null || system.device !== identity.device) return 'system'
  if (!isSettled(identity, now)) return 'time'
  const isWrittenOut = synced?.id === system.id && isSettledAt(toLast(identity), 0, synced.at)
  return isWrittenOut ? null : 'sync'
}
