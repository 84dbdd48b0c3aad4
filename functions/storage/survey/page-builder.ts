import { MAX_LISTING_PAGE } from '../../wire/limits.ts'
import { addPassed, type Passed } from '../../wire/passed.ts'
import type { Entry, Page } from '../storage.ts'
import { createTally } from './tally.ts'

/** Makes a page of at most `limit` entries, which are added in byte order. */
export function createPageBuilder<E extends Entry = Entry>(limit: number | undefined) {
  const size = toPageSize(limit)
  const entries: E[] = []
  const tally = createTally()
  let passed: readonly Passed[] = []
  let next: string | null = null

  /** Entries skipped after the last listed one belong to this page only if no entry follows. */
  function settle(): void {
    passed = addPassed(passed, tally.take())
  }

  return {
    /** Returns whether the page had room for the entry; an entry without room belongs to the next page. */
    add(entry: E): boolean {
      if (entries.length === size) {
        next = entries.at(-1)?.name ?? null
        return false
      }
      entries.push(entry)
      settle()
      return true
    },
    pass: tally.add,
    passAll: tally.addAll,
    /** Returns the page; called once, when it is full or there are no more entries. */
    end(): Page & { readonly entries: readonly E[] } {
      if (next === null) settle()
      return { entries, next, ...(passed.length > 0 && { passed }) }
    },
  }
}

/** The number of entries of a page: the requested one within the bounds of a page. */
export function toPageSize(limit: number | undefined): number {
  return Math.min(Math.max(limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
}
