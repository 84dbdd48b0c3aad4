import { describe, expect, test } from 'vitest'
import { type Selection, selectParts } from './conditions.ts'

const ETAG = '"e3b0"'
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'
const SAME = 'Sun, 06 Nov 1994 08:49:37 GMT'
const CURRENT = { size: 10, etag: ETAG, modified: Date.UTC(1994, 10, 6, 8, 49, 37) }
const PART = { status: 206, ranges: [{ offset: 2, length: 3 }] }

function select(fields: Record<string, string>, method = 'GET'): Selection {
  return selectParts(method, new Headers(fields), CURRENT)
}

describe('selectParts', () => {
  test('selects the whole of a plain request', () => {
    expect(select({})).toEqual({ status: 200 })
    expect(select({ Accept: '*/*' }, 'HEAD')).toEqual({ status: 200 })
  })

  test('selects the part that Range names', () => {
    expect(select({ Range: 'bytes=2-4' })).toEqual(PART)
  })

  test.each(['HEAD', 'POST', 'PUT'])('ignores Range on %s (RFC 9110 §14.2)', (method) => {
    expect(select({ Range: 'bytes=2-4' }, method)).toEqual({ status: 200 })
    expect(select({ Range: 'bytes=99-' }, method)).toEqual({ status: 200 })
  })

  test('refuses a range outside the content', () => {
    expect(select({ Range: 'bytes=10-' })).toEqual({ status: 416 })
  })

  test('selects the whole when Range is to be ignored', () => {
    expect(select({ Range: 'bytes=5-2' })).toEqual({ status: 200 })
    expect(select({ Range: 'bytes=3-4,0-1' })).toEqual({ status: 200 })
  })

  test('never answers 206 of an empty content', () => {
    const headers = new Headers({ Range: 'bytes=0-' })
    expect(selectParts('GET', headers, { ...CURRENT, size: 0 })).toEqual({ status: 416 })
  })

  test('ignores If-Range without Range', () => {
    expect(select({ 'If-Range': '"a"' })).toEqual({ status: 200 })
  })
})

describe('the order of RFC 9110 §13.2.2', () => {
  /** In order of precedence: each row decides before the next. */
  const conditions = [
    [{ 'If-Match': '"a"' }, 412],
    [{ 'If-Unmodified-Since': BEFORE }, 412],
    [{ 'If-None-Match': ETAG }, 304],
    [{ 'If-Modified-Since': SAME }, 304],
    [{ 'If-Match': ETAG, 'If-Unmodified-Since': BEFORE }, null],
    [{ 'If-None-Match': '"a"', 'If-Modified-Since': SAME }, null],
    [{ 'If-Match': ETAG, 'If-None-Match': '"a"' }, null],
    [{}, null],
  ] as const
  const freshness = [
    [{}, true],
    [{ 'If-Range': ETAG }, true],
    [{ 'If-Range': '"a"' }, false],
    [{ 'If-Range': `W/${ETAG}` }, false],
    [{ 'If-Range': SAME }, false],
  ] as const
  const ranges = [
    [{}, { status: 200 }],
    [{ Range: 'bytes=2-4' }, PART],
    [{ Range: 'bytes=10-' }, { status: 416 }],
    [{ Range: 'bytes=5-2' }, { status: 200 }],
  ] as const
  const rows = conditions.flatMap(([condition, status]) =>
    freshness.flatMap(([ifRange, fresh]) =>
      ranges.map(([range, selection]) => {
        const otherwise = fresh ? selection : { status: 200 }
        return [{ ...condition, ...ifRange, ...range }, status === null ? otherwise : { status }] as const
      }),
    ),
  )

  test.each(rows)('answers GET with %j by %j', (fields, expected) => {
    expect(select(fields)).toEqual(expected)
  })
})
