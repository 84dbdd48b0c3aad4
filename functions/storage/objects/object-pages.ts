import { MAX_LISTING_PAGE, MIN_LISTING_REQUEST } from '../../wire/limits.ts'
import type { PassedKind } from '../../wire/passed.ts'
import { RESERVED } from '../names.ts'
import type { Gap } from '../survey/read-survey.ts'
import { createTally } from '../survey/tally.ts'
import type { ListedObject, Objects } from './objects.ts'

interface Collection<T> {
  /** Whole keys, as for `Objects.list`. */
  readonly prefix: string
  readonly after: string
  /** At least 1. */
  readonly size: number
  readonly signal: AbortSignal | undefined
  /** Makes an item of a key; null for a key that is skipped. */
  pick(info: ListedObject): T | null | Promise<T | null>
  /** Why a key is skipped; null for one that is not counted. No key is counted when absent. */
  toPassed?(info: ListedObject): PassedKind | null
}

/** Collects items, and the gaps between them; `next` is the last item if others follow it, else null. */
export async function collect<T>(
  objects: Objects,
  root: string,
  { prefix, after, size, signal, pick, toPassed }: Collection<T>,
): Promise<{ found: T[]; next: T | null; gaps: readonly Gap<T>[] }> {
  const found: T[] = []
  const gaps: Gap<T>[] = []
  const tally = createTally()

  function closeGap(before: T | null): void {
    const passed = tally.take()
    if (passed.length > 0) gaps.push({ before, passed })
  }

  for (let from = after; ; ) {
    signal?.throwIfAborted()
    // One more than wanted, to find out whether there are others, and not too few, since some may be skipped.
    const most = Math.min(Math.max(size - found.length + 1, MIN_LISTING_REQUEST), MAX_LISTING_PAGE)
    const page = await objects.list(prefix, from, most, signal)
    for (const info of page.objects) {
      const picked = await pick(info)
      const why = picked === null ? toPassed?.(info) : null
      if (why != null) tally.add(why, info.key.slice(root.length) || './')
      if (picked === null) continue
      // Keys skipped after the last item belong to the next page.
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

/** Where to continue: past the keys below `.vouch/`, which may be many, unless the prefix lies there. */
function skipReserved(root: string, prefix: string, last: string): string {
  const reserved = `${root}${RESERVED}/`
  return last.startsWith(reserved) && !prefix.startsWith(reserved) ? `${reserved}\u{10ffff}` : last
}
