import { MAX_AGE_SECONDS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Facts } from './storage.ts'

/** Whether a question with this `maxAge` (see `DescribeOptions`) takes these facts; a question without one takes any. */
export function isFresh({ evidence, age }: Facts, maxAge: number | null | undefined): boolean {
  if (maxAge == null || evidence === 'read') return true
  // A reading of less than a second ago is not one after the question.
  return evidence === 'remembered' && maxAge > 0 && age !== null && age <= maxAge
}

/** The error for facts that rest on no such reading. */
export function notFresh(): StorageError {
  return new StorageError('unreadable', 'the replica did not read its copy as recently as was asked')
}

/** Whole seconds from the beginning of a reading to `now`, both in milliseconds since 1970. */
export function toAge(readAt: number, now: number): number {
  return Math.floor((now - readAt) / 1000)
}

/**
 * Whether a reading counts for a question of `now` that takes none older than `maxAge` seconds, `MAX_AGE_SECONDS` where
 * that is null or absent: no answer can say a greater age. A reading from the future never counts: the clock was set back
 * since.
 */
export function isRecent(readAt: number, now: number, maxAge: number | null | undefined): boolean {
  const most = maxAge ?? MAX_AGE_SECONDS
  return readAt <= now && most > 0 && now - readAt <= 1000 * most
}
