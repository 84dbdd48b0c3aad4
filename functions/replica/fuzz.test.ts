import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import { EVIDENCES } from '../wire/schemas/values.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createReplica } from './replica.ts'

const app = createReplica(createMemoryStorage({ f: 'x' }))
const bytes = fc.uint8Array({ maxLength: 300 })
const digest = fc
  .array(fc.constantFrom(...'0123456789abcdef'), { minLength: 64, maxLength: 64 })
  .map((hex) => hex.join(''))

/** JSON that is nearly valid, or anything. */
const question = fc.oneof(
  fc.json(),
  fc
    .record({ names: fc.array(fc.oneof(fc.string(), fc.constant('f'), fc.jsonValue())) })
    .map((body) => JSON.stringify(body)),
)
const line = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      name: fc.oneof(fc.constant('f'), fc.string()),
      size: fc.oneof(fc.integer(), fc.double()),
      digest: fc.oneof(digest, fc.string()),
      modified: fc.oneof(fc.constant(null), fc.string(), fc.constant('2020-01-01T00:00:00.000Z')),
      evidence: fc.oneof(fc.constantFrom(...EVIDENCES), fc.string()),
      age: fc.oneof(fc.constantFrom(null, 0, 5), fc.integer(), fc.double()),
      absent: fc.oneof(fc.constant(true), fc.jsonValue()),
      error: fc.oneof(
        fc.jsonValue(),
        fc.record({ code: fc.string(), reason: fc.string(), detail: fc.string() }),
      ),
      working: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
)

test('a replica answers any input to describe, and never with 5xx', async () => {
  const body = fc.oneof(
    question.map((text) => new TextEncoder().encode(text)),
    bytes,
  )
  const type = fc.constantFrom('application/json', 'application/json; charset=x', 'text/plain', '')
  await fc.assert(
    fc.asyncProperty(body, type, async (body, type) => {
      const headers = { 'Content-Type': type }
      const response = await app.request('/describe', { method: 'POST', headers, body: new Uint8Array(body) })
      expect([200, 400, 413, 415]).toContain(response.status)
      await response.text()
    }),
    { numRuns: 3000 },
  )
})

test('any answer to describe is read as facts, absence or a StorageError', async () => {
  const answer = fc.oneof(
    fc
      .array(line, { maxLength: 4 })
      .map((lines) => new TextEncoder().encode(lines.map((one) => `${JSON.stringify(one)}\n`).join(''))),
    bytes,
  )
  const status = fc.constantFrom(200, 200, 200, 204, 301, 400, 404, 500, 503)
  const type = fc.constantFrom('application/x-ndjson', 'application/problem+json', 'text/html')
  await fc.assert(
    fc.asyncProperty(answer, status, type, async (answer, status, type) => {
      const body = status === 204 ? null : new Uint8Array(answer)
      const fetch = async () => new Response(body, { status, headers: { 'Content-Type': type } })
      const said = await createRemoteStorage('http://replica.test', { fetch })
        .describe(['f'])[0]
        ?.catch((error) => error)
      if (said === null) return
      if (said instanceof StorageError) return
      expect(said).toEqual({
        size: expect.any(Number),
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        modified: said.modified === null ? null : expect.any(Number),
        evidence: expect.stringMatching(/^(read|remembered|stored|recorded)$/),
        age: said.age === null ? null : expect.any(Number),
      })
      expect(Number.isSafeInteger(said.size) && said.size >= 0).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

test('any answer to open is read as a stream of the requested content, or a StorageError', async () => {
  const field = (...known: string[]) =>
    fc.option(fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'grapheme-ascii' })), { nil: undefined })
  const headers = fc.record({
    'Content-Length': field('0', '3', '5', '-1', '1e3'),
    'Content-Range': field('bytes 0-2/5', 'bytes 1-3/5', 'bytes */5', 'bytes 0-2/*'),
    'Content-Type': field('application/problem+json'),
    'Repr-Digest': field(`sha-256=:${'A'.repeat(43)}=:`, 'sha-256=:x:'),
    'Last-Modified': field('Sun, 06 Nov 1994 08:49:37 GMT', 'x'),
  })
  const status = fc.constantFrom(200, 206, 301, 401, 404, 412, 416, 500)
  await fc.assert(
    fc.asyncProperty(headers, status, bytes, fc.boolean(), async (fields, status, body, isPart) => {
      const given = Object.fromEntries(
        Object.entries(fields).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, value.trim()]],
        ),
      )
      const fetch = async () => new Response(new Uint8Array(body), { status, headers: given })
      const range = isPart ? { offset: 0, length: 3 } : undefined
      try {
        const opened = await createRemoteStorage('http://replica.test', { fetch }).open('f', { range })
        if (opened === null) return
        const read = await new Response(opened.body).bytes()
        expect(read.length).toBe(range ? 3 : opened.facts.size)
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError)
      }
    }),
    { numRuns: 3000 },
  )
})
