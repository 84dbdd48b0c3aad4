import { MAX_LISTING_PAGE, MIN_LISTING_REQUEST } from '../wire/limits.ts'
import { RESERVED } from './names.ts'
import type { ObjectInfo, Objects } from './objects.ts'

/** Which keys are collected, and how many of what is made of them. */
export interface Collection<T> {
  /** As `Objects.list` has them: whole keys. */
  readonly prefix: string
  readonly after: string
  /** At least 1. */
  readonly size: number
  readonly signal: AbortSignal | undefined
  /** Null for a key that is passed over. */
  pick(info: ObjectInfo): T | null | Promise<T | null>
}

/** So many of what `pick` makes of the keys, and the last of them when there are others. */
export async function collect<T>(
  objects: Objects,
  root: string,
  { prefix, after, size, signal, pick }: Collection<T>,
): Promise<{ found: T[]; next: T | null }> {
  const found: T[] = []
  for (let from = after; ; ) {
    signal?.throwIfAborted()
    const page = await objects.list(prefix, from, toRequestSize(size - found.length), signal)
    for (const info of page.objects) {
      const picked = await pick(info)
      if (picked === null) continue
      if (found.length === size) return { found, next: found.at(-1) ?? null }
      found.push(picked)
    }
    const last = page.objects.at(-1)
    if (page.isLast || last === undefined) return { found, next: null }
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
