import { attempt } from '../../wire/attempt.ts'
import { toDigest, writeHex } from '../../wire/digest.ts'
import { MAX_LIST_BYTES } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber, formatSize } from '../../wire/text.ts'
import { decodeBytes, encodeBytes } from '../byte-names.ts'
import type { ListAlgorithm } from './algorithms.ts'
import { HEX, SPACE } from './list-text.ts'
import { compareBoth, compareTo, type Names, sortNames } from './sort-names.ts'

/** What a list records of one name. */
export interface Recorded {
  /** The sum in lower-case hexadecimal; null when the list has none that can be believed, as `wrong` says. */
  readonly sum: string | null
  /** Why there is no sum, as the end of a sentence about the list. */
  readonly wrong: string | null
  /** Bytes; null when the list does not have it. */
  readonly size: number | null
  /** Milliseconds since 1970; null when the list does not have it. */
  readonly modified: number | null
}

/** The names of a list and their sums, in byte order. Names are by `decodeBytes`, and need not be valid. */
export interface Sums {
  readonly count: number
  nameAt(place: number): string
  at(place: number): Recorded
  sizeAt(place: number): number | null
  modifiedAt(place: number): number | null
  hasSumAt(place: number): boolean
  /** Bytes of the name. */
  lengthAt(place: number): number
  /** Whether the name starts with these bytes. */
  startsAt(place: number, start: Uint8Array): boolean
  /** Writes the sum in lower-case hexadecimal, a blank and the name; zeros for no sum. */
  write(place: number, to: Uint8Array, at: number): void
  /** The place of the first name from this one on; `count` without one. */
  findPlace(name: string): number
  /** Null for a name that the list does not have. */
  find(name: string): Recorded | null
}

/** The line of an entry that says nothing wrong: none. */
const FINE = 0
/** A sum of all other lines of the name: another one. */
const CONFLICT = 1
/** The name may go on in the next line. */
const CONTINUED = 2
/** The line has no sum of the algorithm. */
const WITHOUT = 3

/**
 * An entry as a format reads it. The name is `name` from `start` to `end`. A reader may use one object for
 * all of its entries, since a list may have a million.
 */
export interface NewEntry {
  line: number
  name: Uint8Array
  start: number
  end: number
  /** Where the hexadecimal digits of the sum begin in `hex`; -1 for an entry without one. */
  hexAt: number
  hex: Uint8Array
  size: number | null
  /** Milliseconds since 1970. */
  modified: number | null
}

/**
 * Collects entries in a few arrays of numbers: objects would take ten times as much. `width` is bytes of a
 * sum. The arrays are made for a list of `size` bytes in `lines` lines, and grow for one that has more of its
 * names. `add` throws `unreadable` when they take more than `MAX_NAMES_BYTES`.
 */
export function createSumsBuilder(
  { width, title }: ListAlgorithm,
  list: { readonly size: number; readonly lines: number },
) {
  const room = Math.min(list.lines, Math.floor(list.size / (2 * width)))
  let count = 0
  // What the lines have beside their sums.
  let bytes = new Uint8Array(list.size - 2 * width * room)
  let sums = new Uint8Array(width * room)
  let offsets = new Uint32Array(room + 1)
  let lines = new Uint32Array(room)
  let states = new Uint8Array(room)
  const sizes = createColumn()
  const times = createColumn()

  function makeRoom(length: number): void {
    const used = offsets[count] ?? 0
    if (used + length > MAX_NAMES_BYTES) throw tooLarge()
    if (used + length > bytes.length) bytes = grow(bytes, used + length)
    if (count < lines.length) return
    lines = grow(lines, count + 1)
    states = grow(states, lines.length)
    offsets = grow(offsets, lines.length + 1)
    sums = grow(sums, lines.length * width)
  }

  return {
    get count() {
      return count
    },
    /** Adds an entry whose name begins at `from`, in place of its `start`. */
    add({ line, name, end, hexAt, hex, size, modified }: NewEntry, from: number): void {
      makeRoom(end - from)
      let at = offsets[count] ?? 0
      for (let i = from; i < end; i++) bytes[at++] = name[i] ?? 0
      offsets[count + 1] = at
      lines[count] = line
      states[count] = hexAt < 0 ? WITHOUT : FINE
      const sumAt = count * width
      if (hexAt >= 0) for (let i = 0; i < width; i++) sums[sumAt + i] = byteOf(hex, hexAt + 2 * i)
      if (size !== null) sizes.set(count, size)
      if (modified !== null) times.set(count, modified)
      count++
    },
    /** Notes that the name of the line before `line` may go on there, if that line has an entry. */
    doubtBefore(line: number): void {
      if (count > 0 && lines[count - 1] === line - 1) states[count - 1] = CONTINUED
    },
    end(): Sums {
      const names = { bytes: bytes.subarray(0, offsets[count]), offsets: offsets.subarray(0, count + 1) }
      return toSums({ names, sums, lines, states, sizes: sizes.take(), times: times.take(), width, title })
    },
  }
}

/**
 * Bytes of all names together. Those of nested folders take more than their list does; places in them are
 * numbers of 32 bits.
 */
const MAX_NAMES_BYTES = 4 * MAX_LIST_BYTES

function tooLarge(): StorageError {
  return new StorageError(
    'unreadable',
    `the names of the list take more than ${formatSize(MAX_NAMES_BYTES)}; divide it by folders`,
  )
}

function byteOf(hex: Uint8Array, at: number): number {
  return ((HEX[hex[at] ?? 0] ?? 0) << 4) | (HEX[hex[at + 1] ?? 0] ?? 0)
}

/** Numbers of which few or none may be known; unknown ones are NaN. */
function createColumn() {
  let numbers: Float64Array<ArrayBuffer> | null = null
  return {
    set(nth: number, value: number): void {
      numbers ??= new Float64Array(1 << 10).fill(Number.NaN)
      if (nth >= numbers.length) {
        const { length } = numbers
        numbers = grow(numbers, nth + 1)
        numbers.fill(Number.NaN, length)
      }
      numbers[nth] = value
    },
    take: () => numbers,
  }
}

const GROWTH = 1.5

/** A copy with room for `least` items, and half as many again as before. */
function grow<T extends Uint8Array | Uint32Array | Float64Array>(array: T, least: number): T {
  const length = Math.max(Math.ceil(array.length * GROWTH), least)
  // The constructors take a length alike, which TypeScript does not see.
  const copy = new (array.constructor as new (length: number) => T)(length)
  copy.set(array)
  return copy
}

interface Columns {
  readonly names: Names
  readonly sums: Uint8Array
  readonly lines: Uint32Array
  readonly states: Uint8Array
  readonly sizes: Float64Array | null
  readonly times: Float64Array | null
  readonly width: number
  /** Of the algorithm. */
  readonly title: string
}

function toSums(columns: Columns): Sums {
  const { names, sums, lines, states, sizes, times, width, title } = columns
  const { order, others } = joinTwins(columns)

  function toWrong(nth: number): string | null {
    if (states[nth] === FINE) return null
    const line = formatNumber(lines[nth] ?? 0)
    switch (states[nth]) {
      case CONFLICT: {
        const other = formatNumber(others.get(nth) ?? 0)
        return `has the name twice, with two contents, in lines ${line} and ${other}`
      }
      case CONTINUED:
        return `has in line ${line} a name that may go on in the next line`
      default:
        return `has no ${title} of the name`
    }
  }

  function findPlace(name: Uint8Array): number {
    let [low, high] = [0, order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareTo(names, order[middle] ?? 0, name) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  function at(place: number): Recorded {
    const nth = order[place] ?? 0
    const wrong = toWrong(nth)
    const sum = wrong === null ? toDigest(sums.subarray(nth * width, (nth + 1) * width)) : null
    return { sum, wrong, size: toKnown(sizes, nth), modified: toKnown(times, nth) }
  }

  function isPart(start: Uint8Array, at: number): boolean {
    for (let i = 0; i < start.length; i++) if (names.bytes[at + i] !== start[i]) return false
    return true
  }

  const startOf = (place: number) => names.offsets[order[place] ?? 0] ?? 0
  const lengthAt = (place: number) => (names.offsets[(order[place] ?? 0) + 1] ?? 0) - startOf(place)

  return {
    count: order.length,
    hasSumAt: (place) => states[order[place] ?? 0] === FINE,
    lengthAt,
    startsAt: (place, start) => start.length <= lengthAt(place) && isPart(start, startOf(place)),
    write(place, to, at) {
      const sumAt = (order[place] ?? 0) * width
      for (let i = 0; i < width; i++) writeHex(sums[sumAt + i] ?? 0, to, at + 2 * i)
      let next = at + 2 * width
      to[next++] = SPACE
      const [start, length] = [startOf(place), lengthAt(place)]
      for (let i = 0; i < length; i++) to[next + i] = names.bytes[start + i] ?? 0
    },
    nameAt: (place) => toName(names, order[place] ?? 0),
    at,
    sizeAt: (place) => toKnown(sizes, order[place] ?? 0),
    modifiedAt: (place) => toKnown(times, order[place] ?? 0),
    findPlace: (name) => findPlace(encodeBytes(name)),
    find(name) {
      const bytes = encodeBytes(name)
      const place = findPlace(bytes)
      const isFound = place < order.length && compareTo(names, order[place] ?? 0, bytes) === 0
      return isFound ? at(place) : null
    },
  }
}

/** The order in which each name comes once; `others` are the second lines of those with two contents. */
function joinTwins({ names, sums, lines, states, sizes, width }: Columns) {
  const sorted = sortNames(names)
  const others = new Map<number, number>()
  let kept = 0
  // Without an iterator, which would make an object for each.
  for (let i = 0; i < sorted.length; i++) {
    const nth = sorted[i] ?? 0
    const before = sorted[kept - 1] ?? 0
    if (kept === 0 || compareBoth(names, before, nth) !== 0) {
      sorted[kept++] = nth
      continue
    }
    const [size, other] = [toKnown(sizes, before), toKnown(sizes, nth)]
    const isSameSize = size === null || other === null || size === other
    const isSame = isSameSize && isSameSum(sums, before * width, nth * width, width)
    if (states[before] === WITHOUT && states[nth] !== WITHOUT) sorted[kept - 1] = nth
    else if (states[nth] === CONTINUED && states[before] === FINE) states[before] = CONTINUED
    else if (states[before] === FINE && states[nth] === FINE && !isSame) {
      states[before] = CONFLICT
      others.set(before, lines[nth] ?? 0)
    }
  }
  return { order: sorted.slice(0, kept), others }
}

function isSameSum(sums: Uint8Array, a: number, b: number, width: number): boolean {
  for (let i = 0; i < width; i++) if (sums[a + i] !== sums[b + i]) return false
  return true
}

function toKnown(column: Float64Array | null, nth: number): number | null {
  const value = column?.[nth] ?? Number.NaN
  return Number.isNaN(value) ? null : value
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A name as `decodeBytes` decodes it. */
function toName({ bytes, offsets }: Names, nth: number): string {
  const name = bytes.subarray(offsets[nth] ?? 0, offsets[nth + 1] ?? 0)
  return attempt(() => strict.decode(name)) ?? decodeBytes(name)
}
