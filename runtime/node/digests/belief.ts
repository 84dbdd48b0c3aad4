import { type Identity, isSettled, isSettledAt, toLast } from '../files/identity.ts'
import type { FileSystem } from '../mounts/file-system.ts'

/** A sync of a file system that has ended. */
export interface Synced {
  /** As in `FileSystem`. */
  readonly id: bigint
  /** When it began, in milliseconds since 1970. */
  readonly at: number
}

/** What is known before a file is read. */
export interface Knowledge {
  /** The file system of its root; null where nothing is remembered. */
  readonly system: FileSystem | null
  /** Milliseconds since 1970. */
  readonly now: number
  /** The last sync that has ended. */
  readonly synced: Synced | null
}

/**
 * What prevents the digest of a file that is about to be read from being remembered; null for nothing.
 * - `system`: its file system does not show every change in a file's times;
 * - `time`: a write may be under way, or the next may leave the times unchanged; see `isSettled`;
 * - `sync`: a program may have stored into it through a mapping, and may store again unseen, until a sync has
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
