import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_RANGES } from '../limits.ts'
import {
  type ByteRange,
  parseContentRange,
  parseRanges,
  toContentRange,
  toUnsatisfiedRange,
} from './ranges.ts'

const NONE = 'unsatisfiable'
const BEYOND = '99999999999999999999'
type Pair = readonly [offset: number, length: number]
type Row = [
  field: string,
  size: number,
  expected: Pair | readonly Pair[] | 'unsatisfiable' | null,
  why: string,
]

const ROWS: readonly Row[] = [
  // RFC 9110 §14.1.2: int-range
  ['bytes=0-0', 10, [0, 1], 'first and last position are both included'],
  ['bytes=0-499', 10000, [0, 500], 'the first 500 bytes, the example of the RFC'],
  ['bytes=500-999', 10000, [500, 500], 'the second 500 bytes, the example of the RFC'],
  ['bytes=9500-', 10000, [9500, 500], 'an open range ends with the content, the example of the RFC'],
  ['bytes=0-', 10, [0, 10], 'an open range from 0 is the whole, as a part'],
  ['bytes=0-9', 10, [0, 10], 'the whole, named exactly, is a part too'],
  ['bytes=9-9', 10, [9, 1], 'the last byte has position size - 1'],
  ['bytes=9-', 10, [9, 1], 'an open range from the last byte is one byte'],
  ['bytes=5-5', 10, [5, 1], 'a range of one byte'],
  ['bytes=5-10', 10, [5, 5], 'a last position at the size is cut to the end'],
  ['bytes=5-99', 10, [5, 5], 'a last position past the end is cut'],
  ['bytes=0-0', 1, [0, 1], 'the only byte'],
  ['bytes=1-1', 1, NONE, 'the only byte has position 0'],
  ['bytes=10-', 10, NONE, 'a first position at the size lies outside'],
  ['bytes=10-10', 10, NONE, 'a first position at the size lies outside, closed'],
  ['bytes=11-20', 10, NONE, 'a first position past the end lies outside'],
  ['bytes=5-2', 10, null, 'a last position below the first is invalid (§14.1.1), not unsatisfiable'],
  ['bytes=20-15', 10, null, 'invalid comes before unsatisfiable'],
  ['bytes=1-0', 0, null, 'invalid, in an empty content too'],
  ['bytes=000-001', 10, [0, 2], 'first-pos = 1*DIGIT, zeros in front included'],
  ['bytes=0010-0009', 10, null, 'zeros in front do not change an order'],
  ['bytes=09-9', 10, [9, 1], 'zeros in front do not change a value'],
  // §14.1.2: suffix-range
  ['bytes=-3', 10, [7, 3], 'the last three bytes, not the first'],
  ['bytes=-500', 10000, [9500, 500], 'the last 500 bytes, the example of the RFC'],
  ['bytes=-1', 10, [9, 1], 'the last byte'],
  ['bytes=-10', 10, [0, 10], 'a suffix of the size is the whole'],
  ['bytes=-11', 10, [0, 10], 'a suffix longer than the content is the whole'],
  ['bytes=-003', 10, [7, 3], 'suffix-length = 1*DIGIT'],
  ['bytes=-0', 10, NONE, 'a suffix of length 0 is valid and never satisfiable'],
  ['bytes=-000', 10, NONE, 'a suffix of length 0, however written'],
  ['bytes=-', 10, null, 'a suffix-length has a digit'],
  ['bytes=--1', 10, null, 'a length has no sign'],
  // an empty content has no part
  ['bytes=0-', 0, NONE, 'position 0 is outside an empty content'],
  ['bytes=0-0', 0, NONE, 'position 0 is outside an empty content, closed'],
  ['bytes=-5', 0, NONE, 'no Content-Range can say an empty part'],
  ['bytes=-0', 0, NONE, 'a suffix of length 0'],
  ['bytes=x', 0, null, 'malformed is ignored in an empty content too'],
  // numbers of any length
  [`bytes=${BEYOND}-`, 10, NONE, 'a first position beyond 2^53 lies outside'],
  [`bytes=0-${BEYOND}`, 10, [0, 10], 'a last position beyond 2^53 is cut'],
  [`bytes=-${BEYOND}`, 10, [0, 10], 'a suffix beyond 2^53 is the whole'],
  ['bytes=9007199254740993-9007199254740992', 10, null, 'last below first, where Number sees them equal'],
  ['bytes=9007199254740992-9007199254740993', 10, NONE, 'first below last, where Number sees them equal'],
  [`bytes=${'9'.repeat(400)}-`, 10, NONE, 'a first position that Number sees as Infinity'],
  [`bytes=0-${'9'.repeat(400)}`, 10, [0, 10], 'a last position that Number sees as Infinity'],
  [`bytes=-${'9'.repeat(400)}`, 10, [0, 10], 'a suffix that Number sees as Infinity'],
  [`bytes=${'9'.repeat(400)}-${'9'.repeat(399)}`, 10, null, 'last below first, both Infinity to Number'],
  ['bytes=9007199254740990-', 2 ** 53 - 1, [2 ** 53 - 2, 1], 'the last byte of the greatest size'],
  ['bytes=9007199254740991-', 2 ** 53 - 1, NONE, 'the greatest size itself lies outside'],
  ['bytes=5368709119-', 5368709120, [5368709119, 1], 'positions beyond 2^32'],
  // §14.1: the unit
  ['BYTES=0-1', 10, [0, 2], 'range units are case-insensitive'],
  ['Bytes=0-1', 10, [0, 2], 'range units are case-insensitive'],
  ['items=0-1', 10, null, 'an unknown unit is ignored (§14.2)'],
  ['byte=0-1', 10, null, 'another unit, however alike'],
  ['xbytes=0-1', 10, null, 'another unit that ends alike'],
  ['=0-1', 10, null, 'no unit'],
  ['0-1', 10, null, 'no unit and no equals sign'],
  ['bytes', 10, null, 'nothing but a unit'],
  ['bytes 0-1', 10, null, 'that is how Content-Range begins'],
  ['bytes:0-1', 10, null, 'no equals sign'],
  ['', 10, null, 'an empty field'],
  // malformed
  ['bytes=', 10, null, 'a range set has a member'],
  ['bytes=1', 10, null, 'a range has a hyphen'],
  ['bytes=0-1-2', 10, null, 'one hyphen'],
  ['bytes=0--1', 10, null, 'no sign'],
  ['bytes=+0-1', 10, null, 'no plus sign in front of a first position'],
  ['bytes=0-+1', 10, null, 'no plus sign in front of a last position'],
  ['bytes=-+1', 10, null, 'no plus sign in front of a suffix'],
  ['bytes=0x0-0x1', 10, null, 'no hexadecimal'],
  ['bytes=a-f', 10, null, 'no letters'],
  ['bytes=0-1.5', 10, null, 'no decimals'],
  ['bytes=1e0-1e1', 10, null, 'no exponents'],
  ['bytes=0_0-1', 10, null, 'no separators of digits'],
  ['bytes=٠-١', 10, null, 'no digits but ASCII ones'],
  ['bytes=0\u20131', 10, null, 'no dash but the hyphen'],
  ['bytes=*', 10, null, 'a valid other-range in another unit; bytes has none'],
  ['bytes=0-1\n', 10, null, 'no line end, which $ may let pass elsewhere'],
  // white space: only around the commas of a list (§5.6.1)
  ['bytes =0-1', 10, null, 'none before the equals sign'],
  ['bytes= 0-1', 10, null, 'none between the equals sign and the first member'],
  ['bytes=0 -1', 10, null, 'none before the hyphen'],
  ['bytes=0- 1', 10, null, 'none after the hyphen'],
  ['bytes=- 1', 10, null, 'none in a suffix'],
  // §5.6.1.2: recipients take empty members
  ['bytes=,0-1', 10, [0, 2], 'an empty member before'],
  ['bytes=0-1,', 10, [0, 2], 'an empty member after'],
  ['bytes=,0-1,', 10, [0, 2], 'empty members around'],
  ['bytes=, ,\t,0-1 \t, ,', 10, [0, 2], 'empty members with white space around'],
  ['bytes= ,0-1', 10, [0, 2], 'white space belongs to the comma'],
  ['bytes=,-3,', 10, [7, 3], 'empty members around a suffix'],
  ['bytes=,', 10, null, 'at least one member is not empty'],
  ['bytes=, ,', 10, null, 'at least one member is not empty'],
  ['bytes=,0-1,x', 10, null, 'a malformed member spoils the list'],
  ['bytes=,0-1;', 10, null, 'a semicolon separates nothing'],
  // several ranges: parts, where they ascend and do not overlap; else the whole (§14.2)
  [
    'bytes=0-1,3-4',
    10,
    [
      [0, 2],
      [3, 2],
    ],
    'two ranges',
  ],
  [
    'bytes=0-0,-1',
    10,
    [
      [0, 1],
      [9, 1],
    ],
    'the first byte and the last, the example of the RFC',
  ],
  ['bytes= 0-999, 4500-5499, -1000', 10_000, null, 'white space without a comma before it'],
  [
    'bytes=0-999, 4500-5499, -1000',
    10_000,
    [
      [0, 1000],
      [4500, 1000],
      [9000, 1000],
    ],
    'an example of the RFC',
  ],
  [
    'bytes=0-1,2-3',
    10,
    [
      [0, 2],
      [2, 2],
    ],
    'two ranges that touch',
  ],
  ['bytes=0-0,0-0', 10, null, 'the same range twice'],
  ['bytes=500-700,601-999', 10_000, null, 'two that overlap, an example of the RFC'],
  ['bytes=3-4,0-1', 10, null, 'two that descend'],
  ['bytes=0-,-1', 10, null, 'the whole and its end'],
  ['bytes=0-1,20-30', 10, [[0, 2]], 'two ranges, one outside'],
  ['bytes=20-30,40-50', 10, NONE, 'two ranges, both outside'],
  ['bytes=-0,20-', 10, NONE, 'two ranges, both outside'],
  ['bytes=0-1,5-2', 10, null, 'two ranges, one invalid'],
  ['bytes=0-1,bytes=3-4', 10, null, 'two fields joined'],
  [
    `bytes=${toMany(MAX_RANGES)}`,
    1000,
    Array.from({ length: MAX_RANGES }, (_, i) => [2 * i, 1] as const),
    'as many as are allowed',
  ],
  [`bytes=${toMany(MAX_RANGES + 1)}`, 1000, null, 'one more'],
]

/** Ranges of one byte, apart by one. */
function toMany(count: number): string {
  return Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`).join(',')
}

function toRanges(expected: Row[2]): ReturnType<typeof parseRanges> {
  if (expected === null || expected === NONE) return expected
  const pairs = typeof expected[0] === 'number' ? [expected as Pair] : (expected as readonly Pair[])
  return pairs.map(([offset, length]) => ({ offset, length }))
}

describe('parseRanges', () => {
  test.each(ROWS)('reads %j of %d bytes as %j: %s', (field, size, expected) => {
    expect(parseRanges(field, size)).toEqual(toRanges(expected))
  })

  const sizes = fc.oneof(fc.nat({ max: 20 }), fc.maxSafeNat())
  const digits = fc.oneof(
    fc.nat({ max: 25 }).map(String),
    fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }).map(String),
    fc.stringMatching(/^[0-9]{1,30}$/),
  )
  const positions = fc.oneof(digits, fc.constant(''))
  const lists = fc.constantFrom('', ',', ', ', ' ,', '\t, ,')
  const fields = fc.oneof(
    fc.tuple(lists, positions, positions, lists).map(([a, x, y, b]) => `bytes=${a}${x}-${y}${b}`),
    fc
      .array(fc.tuple(lists, positions, positions), { minLength: 1, maxLength: 4 })
      .map((specs) => `bytes=${specs.map(([list, x, y]) => `${list}${x}-${y}`).join(',')}`),
    fc.stringMatching(/^bytes=[-, \t0-9x+]{0,12}$/),
    fc.string({ unit: 'binary' }),
  )

  test('returns only parts that lie within the content, and never throws', () => {
    const property = fc.property(fields, sizes, (field, size) => {
      const ranges = parseRanges(field, size)
      if (ranges === null || ranges === NONE) return
      let end = 0
      for (const range of ranges) {
        expect(range.offset).toBeGreaterThanOrEqual(end)
        expect(range.length).toBeGreaterThanOrEqual(1)
        end = range.offset + range.length
      }
      expect(end).toBeLessThanOrEqual(size)
      expect(ranges.length).toBeGreaterThanOrEqual(1)
    })
    fc.assert(property, { numRuns: 5000 })
  })

  test('agrees with a literal implementation of the RFC', () => {
    const property = fc.property(fields, sizes, (field, size) => {
      expect(parseRanges(field, size)).toEqual(readSlowly(field, size))
    })
    fc.assert(property, { numRuns: 5000 })
  })

  test('returns exactly the requested part', () => {
    const parts = fc.tuple(fc.nat(), fc.nat(), fc.nat())
    const property = fc.property(parts, ([offset, more, rest]) => {
      const range = { offset, length: more + 1 }
      const size = offset + range.length + rest
      expect(parseRanges(`bytes=${offset}-${offset + more}`, size)).toEqual([range])
    })
    fc.assert(property)
  })
})

/** RFC 9110 §14.1.1, §14.1.2 and §5.6.1.2, step by step, with whole numbers of any size. */
function readSlowly(field: string, size: number): ReturnType<typeof parseRanges> {
  const [unit = '', ...rest] = field.split('=')
  if (unit.toLowerCase() !== 'bytes' || rest.length !== 1) return null
  // The x at either end keeps the white space there, which no comma excuses.
  const members = `x${rest[0]}x`.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const specs = members.join(',').slice(1, -1).split(',').filter(Boolean)
  if (specs.length === 0 || specs.length > MAX_RANGES) return null
  const parts: Row[2][] = []
  for (const spec of specs) {
    if (!/^\d*-\d*$/.test(spec) || spec === '-') return null
    const [first = '', last = ''] = spec.split('-')
    if (first !== '' && last !== '' && BigInt(last) < BigInt(first)) return null
    parts.push(cutSlowly(first, last, BigInt(size)))
  }
  const pairs = parts.filter((part): part is Pair => part !== NONE)
  if (pairs.length === 0) return NONE
  const isApart = pairs.every(([offset], i) => pairs.slice(0, i).every(([o, l]) => o + l <= offset))
  return isApart ? toRanges(pairs) : null
}

function cutSlowly(first: string, last: string, size: bigint): Pair | 'unsatisfiable' {
  const suffix = BigInt(last) > size ? size : BigInt(last)
  const start = first === '' ? size - suffix : BigInt(first)
  const closed = first !== '' && last !== '' && BigInt(last) < size
  const end = closed ? BigInt(last) : size - 1n
  return start > end ? NONE : [Number(start), Number(end - start) + 1]
}

const ranges: fc.Arbitrary<ByteRange & { size: number }> = fc
  .tuple(fc.nat(), fc.nat(), fc.oneof(fc.nat(), fc.constant(2 ** 52)))
  .map(([offset, more, rest]) => ({ offset, length: more + 1, size: offset + more + 1 + rest }))

describe('Content-Range', () => {
  test('names first and last position and the size', () => {
    expect(toContentRange({ offset: 0, length: 1 }, 1)).toBe('bytes 0-0/1')
    expect(toContentRange({ offset: 7, length: 3 }, 10)).toBe('bytes 7-9/10')
  })

  test('names the size alone when the range lies outside', () => {
    expect(toUnsatisfiedRange(10)).toBe('bytes */10')
    expect(toUnsatisfiedRange(0)).toBe('bytes */0')
  })

  test('is parsed as it was written', () => {
    const property = fc.property(ranges, ({ size, ...range }) => {
      expect(parseContentRange(toContentRange(range, size))).toEqual({ ...range, size })
    })
    fc.assert(property)
  })

  test('is read with its unit in any case', () => {
    expect(parseContentRange('BYTES 0-0/1')).toEqual({ offset: 0, length: 1, size: 1 })
  })

  test.each([
    ['bytes */10', 'no range'],
    ['bytes 0-9/*', 'no size'],
    ['bytes 5-4/10', 'last before first'],
    ['bytes 0-10/10', 'last at the size'],
    ['bytes 0-0/0', 'a byte of nothing'],
    ['bytes=0-9/10', 'an equals sign, as in Range'],
    ['bytes  0-9/10', 'two blanks'],
    ['bytes 0-9/10 ', 'a blank at the end'],
    ['bytes 0-9', 'no size at all'],
    ['bytes -9/10', 'no first position'],
    ['bytes 0-/10', 'no last position'],
    ['items 0-9/10', 'another unit'],
    ['bytes 0-9/9007199254740992', 'a size that Number cannot distinguish from its neighbours'],
    ['bytes 9007199254740993-9007199254740993/9007199254740994', 'positions beyond 2^53'],
    ['bytes 0-0/1,bytes 0-0/1', 'two fields joined'],
    ['', 'empty'],
  ])('is refused when it is %j: %s', (field) => {
    expect(parseContentRange(field)).toBeNull()
  })

  test('is a part within its size for any field, and never throws', () => {
    const fields = fc.oneof(fc.string(), fc.stringMatching(/^bytes [0-9]{1,3}-[0-9]{1,3}\/[0-9*]{1,3}$/))
    const property = fc.property(fields, (field) => {
      const range = parseContentRange(field)
      if (range === null) return
      expect(range.length).toBeGreaterThanOrEqual(1)
      expect(range.offset + range.length).toBeLessThanOrEqual(range.size)
    })
    fc.assert(property, { numRuns: 2000 })
  })
})
