import type { Digest } from '../wire/digest.ts'
import { MAX_AGE_SECONDS } from '../wire/limits.ts'
import type { Signature } from '../wire/schemas/replica.ts'
import type { EVIDENCES } from '../wire/schemas/values.ts'
import { StorageError } from '../wire/storage-error.ts'
import type { Sums } from '../wire/sums.ts'

/**
 * How a digest is known. `read`: from the bytes, all of them read after the request. `remembered`: from the
 * bytes, read earlier and unchanged since by the evidence of the store. `stored`: the store's own checksum of
 * the whole file. `recorded`: from a list made earlier.
 */
export type Evidence = (typeof EVIDENCES)[number]

/** What a storage knows of one file. */
export interface Facts {
  /** Bytes; null where only lists know the content, and none of them has its size: `recorded` evidence. */
  readonly size: number | null
  /** Of the whole content, whatever range is read. */
  readonly digest: Digest
  /** Milliseconds since 1970, null where the store keeps no time. */
  readonly modified: number | null
  readonly evidence: Evidence
  /** Other sums of the content, where the question wanted them and the store has them; see `sums.ts`. */
  readonly sums?: Sums | undefined
  /**
   * What a replica server with a key has signed of these facts, where the question wanted that: none when it
   * does not know when the bytes were read. Absent from a storage that does not sign.
   */
  readonly signatures?: readonly Signature[] | undefined
  /** Whole seconds since the bytes were read, rounded down; 0 for `read`, null if unknown as for `stored`. */
  readonly age: number | null
}

/** Facts of a copy whose bytes the store has. */
export interface SizedFacts extends Facts {
  /** Bytes. */
  readonly size: number
}

/** Whether a replica holds the file: false for an error and for null. */
export function isFacts(said: Facts | StorageError | null): said is Facts {
  return said !== null && 'digest' in said
}

/**
 * Whether the facts are recent enough for `maxAge` (see `DescribeOptions`); any facts are without one, and
 * those of a list, which has no bytes to read.
 */
export function isFresh({ evidence, age }: Facts, maxAge: number | null | undefined): boolean {
  if (maxAge == null || evidence === 'read' || evidence === 'recorded') return true
  // With 0 not even a reading of the same second counts: it was made before the question.
  return evidence === 'remembered' && maxAge > 0 && age !== null && age <= maxAge
}

export function notFresh(): StorageError {
  return new StorageError('unreadable', 'the replica did not read its copy as recently as was asked')
}

/** Whole seconds from the beginning of a reading to `now`, both in milliseconds since 1970. */
export function toAge(readAt: number, now: number): number {
  return Math.floor((now - readAt) / 1000)
}

/**
 * Whether a reading at `readAt` is at most `maxAge` seconds old at `now`, by default `MAX_AGE_SECONDS`, the
 * most that answers report. A reading in the future never counts: the clock was set back after it.
 */
export function isRecent(readAt: number, now: number, maxAge: number | null | undefined): boolean {
  const most = maxAge ?? MAX_AGE_SECONDS
  return readAt <= now && most > 0 && now - readAt <= 1000 * most
}
