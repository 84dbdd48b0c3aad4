/** Byte strings that lie one after the other in `bytes`: the nth from `offsets[n]` to `offsets[n + 1]`. */
export interface Names {
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
}

/** Below 0, above 0, or 0, as the nth name comes before, after, or is `other`. */
export function compareTo({ bytes, offsets }: Names, nth: number, other: Uint8Array): number {
  const start = offsets[nth] ?? 0
  const length = (offsets[nth + 1] ?? 0) - start
  const shared = Math.min(length, other.length)
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[start + i] ?? 0) - (other[i] ?? 0)
    if (difference !== 0) return difference
  }
  return length - other.length
}

/**
 * Below 0, above 0, or 0, as one name comes before, after, or is another; both are the same up to `depth`.
 */
export function compareBoth({ bytes, offsets }: Names, one: number, other: number, depth = 0): number {
  let at = (offsets[one] ?? 0) + depth
  let otherAt = (offsets[other] ?? 0) + depth
  const end = offsets[one + 1] ?? 0
  const otherEnd = offsets[other + 1] ?? 0
  for (; at < end && otherAt < otherEnd; at++, otherAt++) {
    const difference = (bytes[at] ?? 0) - (bytes[otherAt] ?? 0)
    if (difference !== 0) return difference
  }
  return end - at - (otherEnd - otherAt)
}

/** The order of the names by their bytes; equal ones in their own order. */
export function sortNames(names: Names): Uint32Array {
  const order = new Uint32Array(names.offsets.length - 1)
  for (let i = 0; i < order.length; i++) order[i] = i
  if (!isSorted(names)) sortByBytes(names, order)
  return order
}

/** Most lists are written in order. */
function isSorted(names: Names): boolean {
  for (let i = 2; i < names.offsets.length; i++) if (compareBoth(names, i - 2, i - 1) > 0) return false
  return true
}

/** Parts up to this size are sorted by comparing whole names. */
const SMALL_PART = 16

/**
 * Sorts by the bytes at one place after the other, so that the folders that names share are not compared
 * again for each pair (multikey quicksort). A stack of parts in place of calls: names may be long.
 */
function sortByBytes(names: Names, order: Uint32Array): void {
  const { bytes, offsets } = names
  /** The names from `from` to `to` in the order, which are the same up to `depth`, three numbers each. */
  const parts = [0, order.length, 0]
  while (parts.length > 0) {
    const depth = parts.pop() ?? 0
    const to = parts.pop() ?? 0
    const from = parts.pop() ?? 0
    if (to - from <= SMALL_PART) {
      sortSmall(names, order, from, to, depth)
      continue
    }
    const byteOf = (nth: number): number => {
      const at = (offsets[nth] ?? 0) + depth
      return at < (offsets[nth + 1] ?? 0) ? (bytes[at] ?? 0) : -1
    }
    const pivot = byteOf(order[(from + to) >> 1] ?? 0)
    let [less, at, more] = [from, from, to]
    while (at < more) {
      const nth = order[at] ?? 0
      const byte = byteOf(nth)
      if (byte === pivot) at++
      else {
        const place = byte < pivot ? less++ : --more
        order[at] = order[place] ?? 0
        order[place] = nth
        if (byte < pivot) at++
      }
    }
    parts.push(from, less, depth, more, to, depth)
    // Names that end here are equal, and keep their own order.
    if (pivot === -1) order.subarray(less, more).sort()
    else parts.push(less, more, depth + 1)
  }
}

function sortSmall(names: Names, order: Uint32Array, from: number, to: number, depth: number): void {
  for (let i = from + 1; i < to; i++) {
    const nth = order[i] ?? 0
    let at = i
    for (; at > from; at--) {
      const before = order[at - 1] ?? 0
      if ((compareBoth(names, before, nth, depth) || before - nth) < 0) break
      order[at] = before
    }
    order[at] = nth
  }
}
