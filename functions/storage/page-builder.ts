import { addPassed, type Passed, type PassedKind } from '../wire/passed.ts'
import type { Entry, Page } from './storage.ts'
import { createTally } from './tally.ts'

/** Makes a page of what is met in byte order. */
export interface PageBuilder {
  /** Whether there was room for the entry; without it the page is full, and the entry belongs to the next. */
  add(entry: Entry): boolean
  pass(kind: PassedKind, name: string): void
  /** The page; called once, when it is full or nothing more was met. */
  end(): Page
}

/** A page of at most `size` entries. */
export function createPageBuilder(size: number): PageBuilder {
  const entries: Entry[] = []
  const tally = createTally()
  let passed: readonly Passed[] = []
  let next: string | null = null

  /** What was passed over behind the last entry belongs to this page only if nothing follows. */
  function settle(): void {
    passed = addPassed(passed, tally.take())
  }

  return {
    add(entry) {
      if (entries.length === size) {
        next = entries.at(-1)?.name ?? null
        return false
      }
      entries.push(entry)
      settle()
      return true
    },
    pass: tally.add,
    end() {
      if (next === null) settle()
      return { entries, next, ...(passed.length > 0 && { passed }) }
    },
  }
}
