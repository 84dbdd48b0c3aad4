/** Byte strings that lie one after the other in `bytes`: the nth ends at `ends[n]`. */
export interface Names {
  readonly bytes: Uint8Array
  readonly ends: Uint32Array
}

export function startOf({ ends }: Names, nth: number): number {
  return nth === 0 ? 0 : (ends[nth - 1] ?? 0)
}

/** Below 0, above 0, or 0, as the nth name comes before, after, or is `other`. */
export function compareTo(names: Names, nth: number, other: Uint8Array): number {
  const start = startOf(names, nth)
  const length = (names.ends[nth] ?? 0) - start
  const shared = Math.min(length, other.length)
  for (let i = 0; i < shared; i++) {
    const difference = (names.bytes[start + i] ?? 0) - (other[i] ?? 0)
    if (difference !== 0) return difference
  }
  return length - other.length
}

/** The order of the names by their bytes; equal ones in their own order. */
export function sortNames(names: Names): Uint32Array {
  const order = Uint32Array.from({ length: names.ends.length }, (_, i) => i)
  if (!isSorted(names)) sortByBytes(names, order)
  return order
}

/** Most lists are written in order. */
function isSorted(names: Names): boolean {
  for (let i = 1; i < names.ends.length; i++) {
    const name = names.bytes.subarray(startOf(names, i), names.ends[i])
    if (compareTo(names, i - 1, name) > 0) return false
  }
  return true
}

/** A part of the order whose names are the same up to `depth`. */
interface Part {
  readonly from: number
  readonly to: number
  readonly depth: number
}

/**
 * Sorts by the bytes at one place after the other, so that the folders that names share are not compared again
 * for each pair (multikey quicksort). A stack of parts in place of calls: names may be long.
 */
function sortByBytes(names: Names, order: Uint32Array): void {
  const parts: Part[] = [{ from: 0, to: order.length, depth: 0 }]
  const byteAt = (nth: number, depth: number): number => {
    const at = startOf(names, nth) + depth
    return at < (names.ends[nth] ?? 0) ? (names.bytes[at] ?? 0) : -1
  }
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { from, to, depth } = part
    if (to - from < 2) continue
    const pivot = byteAt(order[(from + to) >> 1] ?? 0, depth)
    let [less, at, more] = [from, from, to]
    while (at < more) {
      const nth = order[at] ?? 0
      const byte = byteAt(nth, depth)
      if (byte === pivot) at++
      else {
        const place = byte < pivot ? less++ : --more
        order[at] = order[place] ?? 0
        order[place] = nth
        if (byte < pivot) at++
      }
    }
    parts.push({ from, to: less, depth }, { from: more, to, depth })
    // Equal names keep the order of their lines.
    if (pivot === -1) order.subarray(less, more).sort()
    else parts.push({ from: less, to: more, depth: depth + 1 })
  }
}
