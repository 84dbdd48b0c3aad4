import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluateConditions, isRangeFresh, type Verdict } from './conditions.ts'

const ETAG = '"e3b0"'
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'
const SAME = 'Sun, 06 Nov 1994 08:49:37 GMT'
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT'
/** Half a second later than any HTTP date can express. */
const MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37, 500)
const CURRENT = { etag: ETAG, modified: MODIFIED }

function evaluate(fields: Record<string, string>, method = 'GET', current = CURRENT): Verdict {
  return evaluateConditions(method, new Headers(fields), current)
}

describe('If-Match', () => {
  test.each([
    ['*', 'anything that exists'],
    [ETAG, 'the tag'],
    [`"a", ${ETAG}`, 'the tag among others'],
    [`"a,${ETAG.slice(1, -1)}", ${ETAG}`, 'the tag after one that holds a comma'],
    [`"a",${ETAG}`, 'no white space'],
    [`"a" \t,\t ${ETAG}`, 'white space and tabs around the comma'],
    [`, ,${ETAG},,`, 'empty elements'],
    [`"", ${ETAG}`, 'the tag after an empty one'],
    [`W/"a", ${ETAG}`, 'the tag after a weak one'],
    [`"\u00e9~!#'", ${ETAG}`, 'the tag after one of every kind of character'],
  ])('lets %s pass: %s', (field) => {
    expect(evaluate({ 'If-Match': field })).toBe('proceed')
    expect(evaluate({ 'If-Match': field }, 'PUT')).toBe('proceed')
  })

  test.each([
    ['"a"', 'another tag'],
    [`W/${ETAG}`, 'the tag, weak: comparison is strong'],
    [`"${ETAG.slice(1, -1)},a"`, 'a tag that begins alike, up to a comma'],
    [`"a,${ETAG.slice(1, -1)}"`, 'a tag that ends alike, from a comma'],
    [ETAG.slice(1, -1), 'no quotes'],
    [ETAG.toUpperCase(), 'another case'],
    ['', 'no tag at all'],
    [', ,', 'only empty elements'],
    [`${ETAG} "a"`, 'malformed: no comma'],
    [`${ETAG}, a`, 'malformed: a bare word'],
    [`${ETAG}, "a`, 'malformed: an open quote'],
    [`${ETAG}, "a b"`, 'malformed: a blank in a tag'],
    [`${ETAG}, w/"a"`, 'malformed: a small w'],
    [`${ETAG}, W/ "a"`, 'malformed: a blank after W/'],
    [`*, ${ETAG}`, 'malformed: a star in a list'],
    [`"*"`, 'a tag that is a star in quotes'],
  ])('fails on %s: %s', (field) => {
    expect(evaluate({ 'If-Match': field })).toBe('failed')
    expect(evaluate({ 'If-Match': field }, 'PUT')).toBe('failed')
  })

  test('never matches a content with a weak tag, except by a star', () => {
    const current = { etag: 'W/"a"', modified: null }
    expect(evaluateConditions('GET', new Headers({ 'If-Match': 'W/"a"' }), current)).toBe('failed')
    expect(evaluateConditions('GET', new Headers({ 'If-Match': '*' }), current)).toBe('proceed')
  })

  test('is one list, however many fields carry it', () => {
    const headers = new Headers([
      ['If-Match', '"a"'],
      ['If-Match', ETAG],
    ])
    expect(evaluateConditions('GET', headers, CURRENT)).toBe('proceed')
  })
})

describe('If-None-Match', () => {
  test.each([
    ['*', 'anything that exists'],
    [ETAG, 'the tag'],
    [`W/${ETAG}`, 'the tag, weak: comparison is weak'],
    [`"a,b", W/"c" ,, ${ETAG}`, 'the tag in a list'],
  ])('is 304 to a reader and 412 to a writer on %s: %s', (field) => {
    expect(evaluate({ 'If-None-Match': field })).toBe('not-modified')
    expect(evaluate({ 'If-None-Match': field }, 'HEAD')).toBe('not-modified')
    expect(evaluate({ 'If-None-Match': field }, 'PUT')).toBe('failed')
    expect(evaluate({ 'If-None-Match': field }, 'POST')).toBe('failed')
  })

  test.each([
    ['"a"', 'another tag'],
    ['', 'no tag'],
    [ETAG.slice(1, -1), 'malformed: no quotes'],
    [`${ETAG}, a`, 'malformed: a bare word'],
    [`${ETAG}, *`, 'malformed: a star in a list'],
  ])('lets %j pass: %s', (field) => {
    expect(evaluate({ 'If-None-Match': field })).toBe('proceed')
    expect(evaluate({ 'If-None-Match': field }, 'PUT')).toBe('proceed')
  })
})

/** Invalid dates, which must be ignored. */
const NO_DATES = [
  '',
  'yesterday',
  '1994-11-06T08:49:38Z',
  'Sun, 6 Nov 1994 08:49:38 GMT',
  `${AFTER}, ${AFTER}`,
]

describe('If-Unmodified-Since', () => {
  test('fails only on a date before the second of the last change', () => {
    expect(evaluate({ 'If-Unmodified-Since': BEFORE })).toBe('failed')
    expect(evaluate({ 'If-Unmodified-Since': BEFORE }, 'PUT')).toBe('failed')
    expect(evaluate({ 'If-Unmodified-Since': SAME })).toBe('proceed')
    expect(evaluate({ 'If-Unmodified-Since': AFTER })).toBe('proceed')
  })

  test('accepts all three formats of a date', () => {
    expect(evaluate({ 'If-Unmodified-Since': 'Sunday, 06-Nov-94 08:49:36 GMT' })).toBe('failed')
    expect(evaluate({ 'If-Unmodified-Since': 'Sun Nov  6 08:49:36 1994' })).toBe('failed')
  })

  test.each(NO_DATES)('is ignored when it is %j', (field) => {
    const current = { etag: ETAG, modified: Date.now() }
    expect(evaluateConditions('GET', new Headers({ 'If-Unmodified-Since': field }), current)).toBe('proceed')
  })
})

describe('If-Modified-Since', () => {
  test.each(['GET', 'HEAD'])('is 304 to %s on a date not before the second of the last change', (method) => {
    expect(evaluate({ 'If-Modified-Since': BEFORE }, method)).toBe('proceed')
    expect(evaluate({ 'If-Modified-Since': SAME }, method)).toBe('not-modified')
    expect(evaluate({ 'If-Modified-Since': AFTER }, method)).toBe('not-modified')
  })

  test('is ignored on other methods', () => {
    expect(evaluate({ 'If-Modified-Since': AFTER }, 'PUT')).toBe('proceed')
  })

  test.each(NO_DATES)('is ignored when it is %j', (field) => {
    const current = { etag: ETAG, modified: 0 }
    expect(evaluateConditions('GET', new Headers({ 'If-Modified-Since': field }), current)).toBe('proceed')
  })
})

test('a content without a time ignores conditions on time', () => {
  const current = { etag: ETAG, modified: null }
  for (const name of ['If-Modified-Since', 'If-Unmodified-Since']) {
    for (const date of [BEFORE, AFTER]) {
      expect(evaluateConditions('GET', new Headers({ [name]: date }), current)).toBe('proceed')
    }
  }
})

test('a content changed in the second before 1970 has that second as its time', () => {
  const current = { etag: ETAG, modified: -500 }
  const headers = new Headers({ 'If-Modified-Since': 'Wed, 31 Dec 1969 23:59:59 GMT' })
  expect(evaluateConditions('GET', headers, current)).toBe('not-modified')
})

describe('precedence (RFC 9110 §13.2.2)', () => {
  const tags = [undefined, ETAG, '"a"'] as const
  const dates = [undefined, BEFORE, AFTER] as const
  const rows = ['GET', 'HEAD', 'PUT', 'DELETE'].flatMap((method) =>
    tags.flatMap((match) =>
      dates.flatMap((unmodified) =>
        tags.flatMap((none) => dates.map((since) => ({ method, match, unmodified, none, since }))),
      ),
    ),
  )

  /** The five steps as the RFC has them, each field matching or not as in the lists above. */
  function follow({ method, match, unmodified, none, since }: (typeof rows)[number]): Verdict {
    const reads = method === 'GET' || method === 'HEAD'
    const first = match === undefined ? unmodified !== BEFORE : match === ETAG
    if (!first) return 'failed'
    if (none === undefined) return reads && since === AFTER ? 'not-modified' : 'proceed'
    if (none !== ETAG) return 'proceed'
    return reads ? 'not-modified' : 'failed'
  }

  test.each(rows)(
    '$method with If-Match $match, If-Unmodified-Since $unmodified, If-None-Match $none, If-Modified-Since $since is evaluated in that order',
    (row) => {
      const fields = Object.entries({
        'If-Match': row.match,
        'If-Unmodified-Since': row.unmodified,
        'If-None-Match': row.none,
        'If-Modified-Since': row.since,
      })
      const headers = new Headers()
      for (const [name, value] of fields) if (value !== undefined) headers.set(name, value)
      expect(evaluateConditions(row.method, headers, CURRENT)).toBe(follow(row))
    },
  )

  test('a malformed If-Match fails though If-Unmodified-Since would let it pass', () => {
    expect(evaluate({ 'If-Match': 'x', 'If-Unmodified-Since': AFTER })).toBe('failed')
  })

  test('a malformed If-None-Match passes though If-Modified-Since would be 304', () => {
    expect(evaluate({ 'If-None-Match': 'x', 'If-Modified-Since': AFTER })).toBe('proceed')
  })
})

const opaque = fc.stringMatching(/^[\x21\x23-\x7e\x80-\xff]{0,8}$/)
const tag = fc.tuple(fc.constantFrom('', 'W/'), opaque).map(([weak, text]) => `${weak}"${text}"`)
const gap = fc.constantFrom(',', ', ', ' ,\t', ',,', ', , ')

test('a tag is found in any list that holds it, and in no other', () => {
  const property = fc.property(fc.array(tag, { maxLength: 5 }), gap, opaque, (tags, comma, text) => {
    const current = { etag: `"${text}"`, modified: null }
    const field = tags.join(comma)
    const weakly = tags.some((other) => other.replace(/^W\//, '') === current.etag)
    const headers = (name: string) => new Headers({ [name]: field })
    const matched = tags.includes(current.etag) ? 'proceed' : 'failed'
    expect(evaluateConditions('GET', headers('If-Match'), current)).toBe(matched)
    const none = weakly ? 'not-modified' : 'proceed'
    expect(evaluateConditions('GET', headers('If-None-Match'), current)).toBe(none)
  })
  fc.assert(property, { examples: [[['"a,b"', 'W/"c"'], ', ', 'c']] })
})

test('no field that HTTP can carry makes evaluation throw', () => {
  const text = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,20}$/)
  const property = fc.property(text, (field) => {
    for (const name of ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']) {
      evaluate({ [name]: field })
    }
  })
  fc.assert(property)
})

describe('isRangeFresh', () => {
  test.each<[field: string | null, etag: string, fresh: boolean, why: string]>([
    [null, ETAG, true, 'no If-Range'],
    [ETAG, ETAG, true, 'the same strong tag'],
    ['"a"', ETAG, false, 'another tag'],
    [`W/${ETAG}`, ETAG, false, 'the tag, weak'],
    [`W/${ETAG}`, `W/${ETAG}`, false, 'the same weak tag on both sides'],
    [SAME, ETAG, false, 'a date'],
    [`"a", ${ETAG}`, ETAG, false, 'a list, which If-Range is not'],
    ['*', ETAG, false, 'a star, which If-Range does not accept'],
    ['', ETAG, false, 'an empty field'],
  ])('compares %j with %s as %j: %s', (field, etag, expected) => {
    expect(isRangeFresh(field, etag)).toBe(expected)
  })
})
