import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import { createTestHasher as createHasher } from '../storage/suite/set-up.suite.ts'
import { isDigest } from '../wire/digest.ts'
import { createCoordinator } from './coordinator.ts'
import { parseReadParameters, parseRequire, toCount } from './parameters.ts'

const RUNS = 3000
const DIGEST = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'

const require = fc.oneof(
  fc.constantFrom('all', 'majority', 'ALL', '0', '1', '2', '3', '4', '01', '-1', '1.0', '1e0', ' 1', '٣', ''),
  fc.integer().map(String),
  fc.string({ unit: 'binary' }),
)
const version = fc.oneof(fc.constantFrom(DIGEST, DIGEST.toUpperCase(), `${DIGEST}\n`, ''), fc.string())
const replica = fc.oneof(fc.constantFrom('r0', 'r1', 'R0', 'r0 ', '__proto__', 'length', ''), fc.string())
const query = fc.record({ require, version, replica }, { requiredKeys: [] })

describe('the parameters of a read', () => {
  it('are parsed, or rejected with a sentence', () => {
    const ids = ['r0', 'r1', 'r2']
    const property = fc.property(query, (query) => {
      const read = parseReadParameters(query, ids)
      if (typeof read === 'string') {
        expect(read).toMatch(/takes|exclude/)
        return
      }
      const count = toCount(read.require ?? 1, ids.length)
      expect(Number.isInteger(count) && count >= 1 && count <= ids.length).toBe(true)
      expect(read.version === undefined || read.replica === undefined).toBe(true)
      expect(read.version).toBe(query.version)
      expect(read.replica).toBe(query.replica)
      if (read.version !== undefined) expect(isDigest(read.version)).toBe(true)
      if (read.replica !== undefined) expect(ids).toContain(read.replica)
    })
    fc.assert(property, { numRuns: RUNS })
  })

  it('take a number of replicas literally, and a majority is more than half', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: -3, max: 300 }),
      (of, n) => {
        expect(parseRequire(String(n), of)).toBe(n >= 1 && n <= of ? n : null)
        const majority = toCount('majority', of)
        expect(2 * majority > of && 2 * (majority - 1) <= of).toBe(true)
      },
    )
    fc.assert(property, { numRuns: RUNS })
  })
})

describe('a read with arbitrary input', () => {
  const app = createCoordinator(
    ['hello world', 'hello world', 'other'].map((content, i) => {
      const differing = { same: 'hello world', empty: '', differ: content }
      return { id: `r${i}`, storage: createMemoryStorage(i === 2 ? differing : { ...differing, some: '1' }) }
    }),
    { createHasher },
  )
  const etag = fc.constantFrom(`"${DIGEST}"`, `W/"${DIGEST}"`, '*', '"', '""', 'W/', `"${DIGEST}`, ', ,')
  // The possible values of a field behind a server: bytes except controls.
  const anything = fc
    .string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)) })
    .map((text) => text.replaceAll('\x7f', ''))
  const list = fc.array(fc.oneof(etag, anything), { maxLength: 4 }).map((tags) => tags.join(','))
  const media = fc.constantFrom(
    'text/html',
    'multipart/mixed',
    '*/*',
    'q=0',
    ';q=1.5',
    ';q=x',
    '/',
    ';',
    ',',
    '"',
    '*',
  )
  const date = fc.constantFrom('Thu, 01 Jan 2026 00:00:00 GMT', 'Thu, 99 Jan 2026 00:00:00 GMT', '0')
  const range = fc.constantFrom(
    'bytes=0-',
    'bytes=5-2',
    'bytes=-0',
    'bytes=0-0,2-3',
    `bytes=${'9'.repeat(400)}-`,
  )
  const headers = fc.record(
    {
      Accept: fc.oneof(
        fc.array(media).map((some) => some.join('')),
        anything,
      ),
      Range: fc.oneof(range, anything),
      'If-Match': list,
      'If-None-Match': list,
      'If-Range': fc.oneof(etag, date, anything),
      'If-Modified-Since': fc.oneof(date, anything),
      'If-Unmodified-Since': fc.oneof(date, anything),
    },
    { requiredKeys: [] },
  )
  const path = fc.oneof(
    fc.constantFrom(
      'same',
      'same',
      'empty',
      'differ',
      'some',
      'none',
      '..',
      '%',
      '%ff',
      '%00',
      'a%2fb',
      '\u{1f600}',
    ),
    fc.string({ unit: 'grapheme' }).map(encodeURIComponent),
    anything,
  )
  const method = fc.constantFrom('GET', 'HEAD', 'GET', 'PUT', 'DELETE', 'OPTIONS')

  it('never fails with 5xx, and announces its exact length', async () => {
    const property = fc.asyncProperty(path, query, headers, method, async (path, query, headers, method) => {
      const url = `http://coordinator.invalid/files/${path}?${new URLSearchParams(query)}`
      const response = await app.request(new Request(url, { method, headers }))
      expect([200, 206, 300, 304, 400, 404, 405, 406, 409, 412, 416]).toContain(response.status)
      const { byteLength } = await response.arrayBuffer()
      if (method !== 'HEAD' && response.status !== 304) {
        expect(response.headers.get('Content-Length')).toBe(String(byteLength))
      }
    })
    await fc.assert(property, { numRuns: RUNS })
  })

  it('is a conflict under any condition when the copies differ', async () => {
    const property = fc.asyncProperty(headers, fc.constantFrom('GET', 'HEAD'), async (headers, method) => {
      const response = await app.request('/files/differ', { method, headers })
      expect([300, 409]).toContain(response.status)
      await response.body?.cancel()
    })
    await fc.assert(property, { numRuns: RUNS })
  })
})
