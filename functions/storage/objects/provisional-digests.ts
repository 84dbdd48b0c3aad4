import { LRUCache } from 'lru-cache'
import type { Digest } from '../../wire/digest.ts'
import { MAX_CACHED_DIGESTS, SEEN_AGAIN_MS, SEEN_AGAIN_WITHIN_MS } from '../../wire/limits.ts'

/** A computed digest, and the version and time of its reading. */
export interface Reading {
  readonly key: string
  readonly version: string
  readonly digest: Digest
  /** When the reading began: milliseconds since 1970. */
  readonly readAt: number
  /** When the store was asked for `version`, before the reading: milliseconds of `performance.now()`. */
  readonly askedAt: number
}

/**
 * Computed digests that are not confirmed yet, of a store that may send old validators with new bytes.
 *
 * lighttpd does so for up to a second after a change: it caches the result of `stat`, and opens the file for
 * each answer. The validators in an answer are then up to a second older than its bytes, and requests before
 * and after a reading agree on the wrong validators. A digest is confirmed by
 *
 * 1. a second reading that begins at least `SEEN_AGAIN_MS` after the end of the first, under the same
 *    validators, and has the same digest; or
 * 2. a second look, made for that from `SEEN_AGAIN_MS` to `SEEN_AGAIN_WITHIN_MS` after the end of the
 *    reading, which shows the same validators. It spares a survey the second reading.
 *
 * Why: validators that are shown so long after the reading are those that the file had after it. Where it had
 * them during the reading too, the bytes are theirs. Where it did not, an earlier content has come back since
 * with its old time, and no look saw the later one in between: that would have dropped the digest. A second
 * reading then has the digest of the earlier content. So (1) is wrong only where the later content came back
 * too, and each reading began within the second in which it came; (2) only where the earlier content came
 * back within those few seconds. A second look at an arbitrary time would be wrong whenever the earlier
 * content came back before it. What is not covered is named in docs/stores/static-web.md.
 */
export interface ProvisionalDigests {
  /** Notes the version that the store shows for a key, null for none; a reading of another is dropped. */
  see(key: string, version: string | null): void
  /** Returns the reading of this version that the second look confirms, which the caller remembers. */
  confirm(key: string, version: string, askedAt: number): Reading | undefined
  /** Adds a reading that has just ended. Returns whether an earlier one confirms it. */
  add(reading: Reading): boolean
  /** Whether a reading of this key is not confirmed yet. */
  has(key: string): boolean
}

/** Readings of one version with one digest; their ends in milliseconds of `performance.now()`. */
interface Held extends Reading {
  readonly firstEnd: number
  readonly lastEnd: number
}

/** Remembers the last `MAX_CACHED_DIGESTS` readings that are not confirmed, one for each key. */
export function createProvisionalDigests(): ProvisionalDigests {
  const held = new LRUCache<string, Held>({ max: MAX_CACHED_DIGESTS })
  return {
    see(key, version) {
      if (held.get(key)?.version !== version) held.delete(key)
    },
    confirm(key, version, askedAt) {
      const one = held.get(key)
      if (one?.version !== version || !isTimely(one, askedAt)) return undefined
      held.delete(key)
      return one
    },
    add(reading) {
      const { key } = reading
      const before = held.get(key)
      const isSame = before?.version === reading.version && before.digest === reading.digest
      held.delete(key)
      if (isSame && reading.askedAt - before.firstEnd >= SEEN_AGAIN_MS) return true
      const lastEnd = performance.now()
      // Counted from the first reading, so that a file that is read all the time is confirmed too.
      held.set(key, { ...reading, firstEnd: isSame ? before.firstEnd : lastEnd, lastEnd })
      return false
    },
    has: (key) => held.has(key),
  }
}

function isTimely({ firstEnd, lastEnd }: Held, askedAt: number): boolean {
  return askedAt - firstEnd >= SEEN_AGAIN_MS && askedAt - lastEnd <= SEEN_AGAIN_WITHIN_MS
}
