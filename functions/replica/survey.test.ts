import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import type { Storage } from '../storage/storage.ts'
import { createTestHasher } from '../storage/suite/set-up.suite.ts'
import { NOTHING_SEEN, type Survey, type SurveyLine } from '../storage/survey/survey.ts'
import {
  MAX_GLOB_LENGTH,
  MAX_GLOBS,
  MAX_GLOBS_LENGTH,
  MAX_SURVEY_BYTES,
  MAX_SURVEY_RANGES,
  MAX_SURVEYS,
} from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createReplica } from './replica.ts'

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  grain: 0,
  maxAge: null,
  match: [],
  exclude: [],
}

const memory = createMemoryStorage({ a: 'a', 'b/c': 'c', d: 'd' })

/** Sends the request of a coordinator; a body that is not text is sent as JSON. */
async function post(storage: Storage, body: unknown, fields: Record<string, string> = {}): Promise<Response> {
  return await createReplica(storage, { createHasher: createTestHasher }).request('/survey', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...fields },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function readLines(response: Response): Promise<unknown[]> {
  const lines = (await response.text()).split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => JSON.parse(line))
}

/** A storage whose survey yields these lines, and then runs `end`. */
function surveying(lines: readonly SurveyLine[], end: (signal?: AbortSignal) => Promise<void>): Storage {
  return {
    ...memory,
    async *survey(_survey, options) {
      yield* lines
      await end(options?.signal)
    },
  }
}

const SEEN: SurveyLine = { seen: { ...NOTHING_SEEN, names: 1, bytes: 2 }, of: null }

describe('POST /survey', () => {
  it('returns the files, their number, and an end', async () => {
    const response = await post(memory, { ...EVERYTHING, maxAge: 0 })
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/x-ndjson')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const file = (name: string) => ({ name, size: 1, evidence: 'read', age: 0, digest: expect.any(String) })
    expect(await readLines(response)).toMatchObject([
      { seen: { ...NOTHING_SEEN, names: 3, bytes: 3, read: 3, oldest: 0 }, of: null },
      file('a'),
      file('b/c'),
      file('d'),
      { end: true },
    ])
  })

  it('reads no faster than the rate that is asked for, and shows meanwhile that it is alive', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const storage = createMemoryStorage({ a: 'a'.repeat(4), b: 'b'.repeat(6) })
    const lines = readLines(await post(storage, { ...EVERYTHING, maxAge: 0, rate: 1 }))
    const start = performance.now()
    let took = 0
    lines.then(() => {
      took = performance.now() - start
    })
    while (took === 0) await vi.advanceTimersByTimeAsync(100)
    expect(took).toBeGreaterThanOrEqual(10_000)
    expect((await lines).length).toBeGreaterThan(8)
  })

  it('returns the spans of a grain', async () => {
    const lines = await readLines(await post(memory, { ...EVERYTHING, grain: 30 }))
    const span = { last: null, names: 3, bytes: 3, fingerprint: expect.any(String) }
    expect(lines).toEqual([expect.anything(), span, { end: true }])
  })

  const range = (after: unknown, until: unknown) => ({ after, until })
  it.each<[string, object]>([
    ['no ranges', { ranges: [] }],
    ['too many ranges', { ranges: Array.from({ length: MAX_SURVEY_RANGES + 1 }, toRange) }],
    ['ranges that are not a list', { ranges: { after: '', until: null } }],
    ['a range without an end', { ranges: [{ after: '' }] }],
    ['a range without a start', { ranges: [{ until: null }] }],
    ['a range that ends where it starts', { ranges: [range('a', 'a')] }],
    ['a range that goes back', { ranges: [range('b', 'a')] }],
    ['a range that goes back, in byte order alone', { ranges: [range('\u{10000}', '\uffff')] }],
    ['a range that ends at nothing', { ranges: [range('', '')] }],
    ['ranges that overlap', { ranges: [range('a', 'c'), range('b', 'd')] }],
    ['ranges that descend', { ranges: [range('c', 'd'), range('a', 'b')] }],
    ['a range after all names', { ranges: [range('', null), range('a', 'b')] }],
    ['the same range twice', { ranges: [range('a', 'b'), range('a', 'b')] }],
    ['an invalid name', { ranges: [range(1, null)] }],
    ['an invalid prefix', { prefix: null }],
    ['a grain below 0', { grain: -1 }],
    ['a grain above 30', { grain: 31 }],
    ['a grain that is a part', { grain: 1.5 }],
    ['a grain in words', { grain: '0' }],
    ['no age', { maxAge: undefined }],
    ['an age in words', { maxAge: '0' }],
    ['a negative age', { maxAge: -1 }],
    ['a part of a second', { maxAge: 0.5 }],
    ['an age above every other', { maxAge: 2 ** 31 }],
    ['globs that are not a list', { match: '*' }],
    ['too many globs', { exclude: Array.from({ length: MAX_GLOBS + 1 }, () => '*') }],
    ['a glob that is too long', { match: ['*'.repeat(MAX_GLOB_LENGTH + 1)] }],
    [
      'globs that are too long together',
      { match: Array.from({ length: 9 }, () => '*'.repeat(MAX_GLOB_LENGTH)) },
    ],
  ])('refuses %s', async (_what, changes) => {
    const response = await post(memory, { ...EVERYTHING, ...changes })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ type: 'invalid-body' })
  })

  it('takes as many ranges and globs as documented, together', async () => {
    const ranges = Array.from({ length: MAX_SURVEY_RANGES }, toRange)
    const match = Array.from({ length: MAX_GLOBS }, () => '*'.repeat(MAX_GLOBS_LENGTH / MAX_GLOBS))
    const response = await post(memory, { ...EVERYTHING, ranges, match, exclude: ['d'] })
    expect(response.status).toBe(200)
    expect(await readLines(response)).toHaveLength(1 + MAX_SURVEY_RANGES)
  })

  it.each<[status: number, type: string, body: string, fields: Record<string, string>]>([
    [400, 'invalid-body', '', {}],
    [400, 'invalid-body', '{', {}],
    [400, 'invalid-body', '[]', {}],
    [400, 'invalid-body', 'null', {}],
    [413, 'too-large', ' '.repeat(MAX_SURVEY_BYTES + 1), {}],
    [415, 'unsupported-media-type', JSON.stringify(EVERYTHING), { 'Content-Type': 'text/plain' }],
  ])('answers with %i %s to a question that is not valid', async (status, type, body, fields) => {
    const response = await post(memory, body, fields)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type, status })
  })

  it('rejects other methods', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await createReplica(memory).request('/survey', { method })
      expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST'])
    }
  })

  it('reports at its end why it broke off, with the message of the storage', async () => {
    const error = new StorageError('unreadable', 'the disk failed')
    const storage = surveying([SEEN], () => Promise.reject(error))
    const last = { error: { code: 'unreadable', reason: error.reason, detail: 'the disk failed' } }
    expect(await readLines(await post(storage, EVERYTHING))).toEqual([SEEN, last])
  })

  it('does not reveal an unexpected error', async () => {
    const storage = surveying([], () => Promise.reject(new Error('/srv/secret: EIO')))
    const text = await (await post(storage, EVERYTHING)).text()
    expect(text).toContain('"error"')
    expect(text).not.toContain('secret')
    expect(text).not.toContain('"end"')
  })

  it('ends a deep survey with an error when no storage can read every byte', async () => {
    const body = JSON.stringify({ ...EVERYTHING, maxAge: 0 })
    const headers = { 'Content-Type': 'application/json' }
    const app = createReplica(memory)
    const lines = await readLines(await app.request('/survey', { method: 'POST', headers, body }))
    expect(lines).toMatchObject([{ error: { code: 'unreadable' } }])
  })

  it('sends its lines with each report of progress, and ends the survey of a client that leaves', async () => {
    const [waiting, ended] = [vi.fn(), vi.fn()]
    const wait = async (signal?: AbortSignal) => {
      waiting()
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      ended()
    }
    const file: SurveyLine = { name: 'a', said: new StorageError('unreadable', 'x') }
    const response = await post(surveying([file, SEEN], wait), EVERYTHING)
    const reader = response.body?.getReader()
    const { value } = (await reader?.read()) ?? {}
    expect(new TextDecoder().decode(value).split('\n')).toHaveLength(3)
    const rest = reader?.read()
    await vi.waitFor(() => expect(waiting).toHaveBeenCalledOnce())
    expect(ended).not.toHaveBeenCalled()
    await reader?.cancel()
    await rest
    await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce())
  })

  it('runs a limited number at once, and refuses more until one was read to its end or cancelled', async () => {
    const app = createReplica(memory)
    const ask = async () =>
      await app.request('/survey', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(EVERYTHING),
      })
    const [one, other] = [await ask(), await ask()]
    const more = await Promise.all(Array.from({ length: MAX_SURVEYS - 2 }, ask))
    expect(more.map(({ status }) => status)).toEqual(more.map(() => 200))
    const refused = await ask()
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ type: 'overloaded' })
    await one.text()
    await other.body?.cancel()
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 503])
  })

  it('reads no further than its client', async () => {
    const given = vi.fn()
    const storage: Storage = {
      ...memory,
      async *survey() {
        for (let i = 0; ; i++) {
          given()
          yield { name: String(i).padStart(9, '0'), said: new StorageError('unreadable', 'x'.repeat(400)) }
        }
      },
    }
    const reader = (await post(storage, EVERYTHING)).body?.getReader()
    for (let i = 0; i < 3; i++) await reader?.read()
    await new Promise(setImmediate)
    expect(given.mock.calls.length).toBeLessThan(200)
    await reader?.cancel()
  })
})

function toRange(_: unknown, i: number) {
  const [after, until] = [i, i + 1].map((n) => String(n).padStart(3, '0'))
  return { after, until }
}

describe('arbitrary input to /survey', () => {
  it('is answered, and never with 5xx', async () => {
    const text = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('a', 'b', 'b/', '*', '**/'))
    const range = fc.record({ after: text, until: fc.oneof(fc.constant(null), text) })
    const body = fc.oneof(
      fc.json(),
      fc
        .record(
          {
            ranges: fc.oneof(fc.jsonValue(), fc.array(range, { minLength: 1, maxLength: 3 })),
            prefix: fc.oneof(text, fc.jsonValue()),
            grain: fc.oneof(fc.nat({ max: 30 }), fc.jsonValue()),
            maxAge: fc.oneof(fc.constantFrom(0, 60, null), fc.jsonValue()),
            match: fc.oneof(fc.array(text), fc.jsonValue()),
            exclude: fc.array(text),
          },
          { requiredKeys: ['ranges', 'exclude'] },
        )
        .map((survey) => JSON.stringify({ ...EVERYTHING, ...survey })),
    )
    const storage = createRemoteStorage('http://replica.test', {
      fetch: async (_url, init) => await post(memory, String(init.body)),
    })
    await fc.assert(
      fc.asyncProperty(body, async (body) => {
        const response = await post(memory, body)
        expect([200, 400]).toContain(response.status)
        if (response.status === 400) return
        expect((await readLines(response)).at(-1)).toEqual({ end: true })
        // The answer of a replica is valid for a coordinator.
        for await (const _ of storage.survey?.(JSON.parse(body)) ?? []);
      }),
      { numRuns: 1000 },
    )
  })
})
