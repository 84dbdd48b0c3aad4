import { compareNames } from '../../functions/storage/names.ts'
import type { PassedKind } from '../../functions/wire/passed.ts'
import { LISTING_MS, MAX_REMEMBERED_DIRECTORIES, MIN_REMEMBERED_ENTRIES } from './limits.ts'

/** Some of a directory's entries, from the root on and in order, directories with a slash at their end. */
export interface Entries {
  readonly keys: readonly string[]
  /** Those of them that are passed over, and why. */
  readonly passed: ReadonlyMap<string, PassedKind>
  /** Whether there are none after them. */
  readonly isLast: boolean
  readonly trouble?: unknown
}

/** Which entries of a directory are read. */
export interface Reading {
  /** The root, the directory's path from it on, and what its entries are chosen by beside `after`. */
  readonly scope: string
  /** Changes whenever the entries do; '' while they may have changed too recently to tell. */
  readonly identity: string
  /** They come after this key, but for directories that lead to later ones; '' for all. */
  readonly after: string
}

/**
 * The entries that listings have read of large directories, for the next pages: only the first page of a directory that
 * stays as it is costs reading all its entries.
 */
export interface EntryMemory {
  /** Entries that were read before, from the first that `isNext` takes; undefined where they are not remembered. */
  recall(reading: Reading, isNext: (key: string) => boolean): Entries | undefined
  keep(reading: Reading, entries: Entries): void
}

interface Kept {
  readonly reading: Reading
  readonly entries: Entries
  /** By `performance.now()`. */
  readonly at: number
}

export function createEntryMemory(): EntryMemory {
  /** By scope, the one read last at the end. */
  const all = new Map<string, Kept>()

  return {
    recall({ scope, identity, after }, isNext) {
      const kept = all.get(scope)
      if (kept === undefined || identity === '' || kept.reading.identity !== identity) return undefined
      if (performance.now() - kept.at > LISTING_MS) return undefined
      if (compareNames(kept.reading.after, after) > 0) return undefined
      const { keys, passed, isLast } = kept.entries
      const first = keys.findIndex(isNext)
      if (first < 0) return isLast ? { keys: [], passed, isLast } : undefined
      return { keys: keys.slice(first), passed, isLast }
    },
    keep(reading, entries) {
      all.delete(reading.scope)
      if (reading.identity === '' || entries.keys.length < MIN_REMEMBERED_ENTRIES) return
      all.set(reading.scope, { reading, entries, at: performance.now() })
      const [oldest = ''] = all.keys()
      if (all.size > MAX_REMEMBERED_DIRECTORIES) all.delete(oldest)
    },
  }
}
