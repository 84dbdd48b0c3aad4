import { LRUCache } from 'lru-cache'
import { compareNames } from '../../../functions/storage/names.ts'
import type { PassedKind } from '../../../functions/wire/passed.ts'
import { LISTING_MS, MAX_REMEMBERED_DIRECTORIES, MIN_REMEMBERED_ENTRIES } from '../limits.ts'

/** Consecutive entries of a directory: paths from the root in order; a directory's ends in a slash. */
export interface Entries {
  readonly keys: readonly string[]
  /** The entries that are skipped, and why. */
  readonly passed: ReadonlyMap<string, PassedKind>
  readonly isLast: boolean
  readonly trouble?: unknown
}

/** Which entries of a directory are read. */
export interface Reading {
  /** The root, the directory's path below it, and what its entries are chosen by beside `after`. */
  readonly scope: string
  /** Changes whenever the entries do; '' while a recent change might not show yet. */
  readonly identity: string
  /** They follow this key, except directories that lead to later ones; '' for all. */
  readonly after: string
}

export type EntryMemory = ReturnType<typeof createEntryMemory>

/** Remembers entries of large directories for a listing's next pages, while the directory stays the same. */
export function createEntryMemory() {
  const byScope = new LRUCache<string, { readonly reading: Reading; readonly entries: Entries }>({
    max: MAX_REMEMBERED_DIRECTORIES,
    ttl: LISTING_MS,
  })

  return {
    /** Entries read before, from the first that `isNext` accepts; undefined when not remembered. */
    recall({ scope, identity, after }: Reading, isNext: (key: string) => boolean): Entries | undefined {
      const known = byScope.get(scope)
      if (known === undefined || identity === '' || known.reading.identity !== identity) return undefined
      if (compareNames(known.reading.after, after) > 0) return undefined
      const { keys, passed, isLast } = known.entries
      const first = keys.findIndex(isNext)
      if (first < 0) return isLast ? { keys: [], passed, isLast } : undefined
      return { keys: keys.slice(first), passed, isLast }
    },
    remember(reading: Reading, entries: Entries): void {
      byScope.delete(reading.scope)
      if (reading.identity === '' || entries.keys.length < MIN_REMEMBERED_ENTRIES) return
      byScope.set(reading.scope, { reading, entries })
    },
  }
}
