import { MAX_LISTING_PAGE, MIN_LISTING_REQUEST } from '../wire/limits.ts'
import type { Passed, PassedKind } from '../wire/passed.ts'
import { RESERVED } from './names.ts'
import type { ListedObject, Objects } from './objects.ts'
import { createTally } from './tally.ts'

/** Which keys are collected, and how many of what is made of them. */
export interface Collection<T> {
  /** As `Objects.list` has them: whole keys. */
  readonly prefix: string
  readonly after: string
  /** At least 1. */
  readonly size: number
  readonly signal: AbortSignal | undefined
  /** Null for a key that is passed over. */
  pick(info: ListedObject): T | null | Promise<T | null>
  /** Why a key that was not picked is passed over; null, and where this is absent, for one that is not counted. */
  toPassed?(info: ListedObject): PassedKind | null
}

/** What was passed over between two of what was collected; before the end when `before` is null. */
export interface CollectedGap<T> {
  readonly before: T | null
  readonly passed: readonly Passed[]
}

/** So many of what `pick` makes of the keys, what lies between them, and the last of them when there are others. */
export async function collect<T>(
  objects: Objects,
  root: string,
  { prefix, after, size, signal, pick, toPassed }: Collection<T>,
): Promise<{ found: T[]; next: T | null; gaps: readonly CollectedGap<T>[] }> {
  const found: T[] = []
  const gaps: CollectedGap<T>[] = []
  const tally = createTally()

  function closeGap(before: T | null): void {
    const passed = tally.take()
    if (passed.length > 0) gaps.push({ before, passed })
  }

  for (let from = after; ; ) {
    signal?.throwIfAborted()
    const page = await objects.list(prefix, from, toRequestSize(size - found.length), signal)
    for (const info of page.objects) {
      const picked = await pick(info)
      const why = picked === null ? toPassed?.(info) : null
      if (why != null) tally.add(why, info.key.slice(root.length) || './')
      if (picked === null) continue
      // What was passed over behind the last belongs to the next page.
      if (found.length === size) return { found, next: found.at(-1) ?? null, gaps }
      closeGap(picked)
      found.push(picked)
    }
    const last = page.objects.at(-1)
    if (page.isLast || last === undefined) {
      closeGap(null)
      return { found, next: null, gaps }
    }
    from = skipReserved(root, prefix, last.key)
  }
}

/** One more than is wanted tells whether there are others; not too few, as some may be passed over. */
function toRequestSize(wanted: number): number {
  return Math.min(Math.max(wanted + 1, MIN_LISTING_REQUEST), MAX_LISTING_PAGE)
}

/** Where to go on: names do not reach below `.vouch/`, where there may be much. */
function skipReserved(root: string, prefix: string, last: string): string {
  const reserved = `${root}${RESERVED}/`
  return last.startsWith(reserved) && !prefix.startsWith(reserved) ? `${reserved}\u{10ffff}` : last
}

/** How many entries a page is to have: what was asked for, within what a page may have. */
export function toPageSize(limit: number | undefined): number {
  return Math.min(Math.max(limit ?? MAX_LISTING_PAGE, 1), MAX_LISTING_PAGE)
}
