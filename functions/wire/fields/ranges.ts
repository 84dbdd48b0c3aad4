import { MAX_RANGES } from '../limits.ts'

/** A part of a content: `length` bytes, at least one, from `offset`. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** RFC 9110 §14.1.1: a list of range-specs, with the empty elements that recipients accept (§5.6.1.2). */
const RANGE_SET = /^bytes=(?![ \t]+[\d-])(?<set>.*)(?<![\d-][ \t]+)$/i
const RANGE_SPEC = /^(?:(?<first>\d+)-(?<last>\d*)|-(?<suffix>\d+))$/

/**
 * The parts of a content of `size` bytes that a `Range` field requests (RFC 9110 §14.1.2, §14.2), cut to it:
 * at least one, in ascending order, none overlapping another.
 *
 * `null` when the field must be ignored, and the whole answered with 200: it is malformed or in another unit,
 * or its ranges overlap, descend or are more than `MAX_RANGES`, which §14.2 lets a server ignore.
 * `'unsatisfiable'` when the answer must be 416: every range begins at or after the end, or is `-0`. In an
 * empty content that is every range: §14.1.2 counts its suffixes as satisfiable, but no `Content-Range` can
 * express an empty range.
 */
export function parseRanges(field: string, size: number): readonly ByteRange[] | 'unsatisfiable' | null {
  const set = RANGE_SET.exec(field)?.groups?.['set']
  if (set === undefined) return null
  const specs = set.split(',').flatMap((element) => element.replace(/^[ \t]+|[ \t]+$/g, '') || [])
  if (specs.length === 0 || specs.length > MAX_RANGES) return null
  const ranges: ByteRange[] = []
  let end = 0
  for (const spec of specs) {
    const range = parseSpec(spec, size)
    if (range === null) return null
    if (range === 'unsatisfiable') continue
    if (range.offset < end) return null
    ranges.push(range)
    end = range.offset + range.length
  }
  return ranges.length === 0 ? 'unsatisfiable' : ranges
}

function parseSpec(spec: string, size: number): ByteRange | 'unsatisfiable' | null {
  const groups = RANGE_SPEC.exec(spec)?.groups
  if (groups === undefined) return null
  const { first, last = '', suffix = '' } = groups
  if (first === undefined) return toRange(Math.max(size - Number(suffix), 0), size, size)
  if (last === '') return toRange(Number(first), size, size)
  return isBelow(last, first) ? null : toRange(Number(first), Number(last) + 1, size)
}

// Digits beyond 2^53 lose precision in Number, but land at or above 2^53, which is above every size.
function toRange(start: number, end: number, size: number): ByteRange | 'unsatisfiable' {
  return start < size ? { offset: start, length: Math.min(end, size) - start } : 'unsatisfiable'
}

/** Whether one string of digits is a smaller number than another, of any length. */
function isBelow(a: string, b: string): boolean {
  const x = a.replace(/^0+/, '')
  const y = b.replace(/^0+/, '')
  return x.length === y.length ? x < y : x.length < y.length
}

/** `Range` of a request for `range` alone (RFC 9110 §14.2). */
export function toRangeField({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`
}

/** `Content-Range` of a 206 (RFC 9110 §14.4): `range` of a content of `size` bytes. */
export function toContentRange(range: ByteRange, size: number): string {
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`
}

/** `Content-Range` of a 416 (RFC 9110 §15.5.17): the size of the content in bytes. */
export function toUnsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/**
 * The part that `Content-Range` names (RFC 9110 §14.4), and the size of the whole; `null` when it is
 * malformed, in another unit, contradicts itself, omits the size, or has a number beyond 2^53 - 1.
 */
export function parseContentRange(field: string): (ByteRange & { readonly size: number }) | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(field)
  if (match === null) return null
  const [first = 0, last = 0, size = 0] = match.slice(1).map(Number)
  if (first > last || last >= size || !Number.isSafeInteger(size)) return null
  return { offset: first, length: last - first + 1, size }
}
