import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Chunks, toStream } from '../../bytes/chunks.ts'
import { HEARTBEAT_MS, MAX_LISTING_PAGE } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createMemoryStorage } from '../memory.ts'
import type { Storage } from '../storage.ts'
import { createTestHasher, hash, toBytes } from '../suite/set-up.suite.ts'
import { describeOne } from '../suite/suite-tools.suite.ts'
import { readSurvey } from './read-survey.ts'
import { type Found, NOTHING_SEEN, type Span, type Survey, type SurveyLine } from './survey.ts'

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  grain: 0,
  maxAge: null,
  match: [],
  exclude: [],
}
const OPTIONS = { createHasher: createTestHasher }

async function read(storage: Storage, survey: Partial<Survey> = {}): Promise<SurveyLine[]> {
  const lines: SurveyLine[] = []
  for await (const line of readSurvey(storage, { ...EVERYTHING, ...survey }, OPTIONS)) lines.push(line)
  return lines
}

async function find(storage: Storage, survey: Partial<Survey> = {}): Promise<Found[]> {
  return (await read(storage, survey)).filter((line) => 'said' in line)
}

async function readSpans(storage: Storage, survey: Partial<Survey>): Promise<Span[]> {
  return (await read(storage, survey)).filter((line) => 'last' in line)
}

const TWO_RANGES = [
  { after: '', until: 'b' },
  { after: 'b', until: null },
]

describe('a survey of a store that has none', () => {
  const memory = createMemoryStorage({ a: 'a', b: 'b', c: 'c' })
  const describing = (name: string, answer: () => Promise<null>): Storage => ({
    ...memory,
    describe: (names) => names.map((one) => (one === name ? answer() : describeOne(memory, one))),
  })

  it('reports the error of one file with the facts of the others', async () => {
    const error = new StorageError('unreadable', 'the disk failed')
    const found = await find(describing('b', () => Promise.reject(error)))
    const of = async (name: string) => ({ name, said: await describeOne(memory, name) })
    expect(found).toEqual([await of('a'), { name: 'b', said: error }, await of('c')])
  })

  it('returns no fingerprint for the span of a file with an error, and those of the others', async () => {
    const troubled = describing('b', () => Promise.reject(new Error('a bug of the store')))
    const ranges = TWO_RANGES
    const [first, second] = await readSpans(troubled, { ranges, grain: 30 })
    expect(first).toEqual({ last: 'b', names: 2, bytes: 1, fingerprint: null })
    expect(second).toEqual((await readSpans(memory, { ranges, grain: 30 }))[1])
  })

  it('omits a file that was removed after it was listed', async () => {
    const found = await find(describing('b', async () => null))
    expect(found.map(({ name }) => name)).toEqual(['a', 'c'])
  })

  it('lists page by page, and none beyond the end of a range', async () => {
    const names = Array.from({ length: 3 * MAX_LISTING_PAGE }, (_, i) => String(i).padStart(4, '0'))
    const many = createMemoryStorage(Object.fromEntries(names.map((name) => [name, name])))
    expect((await find(many)).map(({ name }) => name)).toEqual(names)
    const list = vi.fn(many.list)
    const ranges = [
      { after: '0002', until: '0005' },
      { after: '0990', until: '1010' },
    ]
    const found = await find({ ...many, list }, { ranges })
    expect(found.map(({ name }) => name)).toEqual([...names.slice(3, 6), ...names.slice(991, 1011)])
    expect(list).toHaveBeenCalledTimes(2)
  })

  it('rejects with the error of a listing that breaks off, and does not end', async () => {
    const error = new StorageError('unreachable', 'the bucket is gone')
    const page = await memory.list({ limit: 2 })
    const list: Storage['list'] = async ({ after } = {}) => {
      if (after === 'b') throw error
      return page
    }
    const lines = readSurvey({ ...memory, list }, EVERYTHING)[Symbol.asyncIterator]()
    expect((await lines.next()).value).toMatchObject({ seen: { names: 2 } })
    expect((await lines.next()).value).toMatchObject({ name: 'a' })
    expect((await lines.next()).value).toMatchObject({ name: 'b' })
    await expect(lines.next()).rejects.toBe(error)
  })

  it('rejects with the reason of its signal, and does not report that as an error of the files', async () => {
    const abort = new AbortController()
    const reason = new Error('the client went away')
    const describe: Storage['describe'] = (names, { signal } = {}) => {
      const { promise, reject } = Promise.withResolvers<null>()
      signal?.addEventListener('abort', () => reject(signal.reason))
      abort.abort(reason)
      return names.map(() => promise)
    }
    const survey = readSurvey({ ...memory, describe }, EVERYTHING, { signal: abort.signal })
    await expect(survey[Symbol.asyncIterator]().next()).rejects.toBe(reason)
  })
})

describe('a deep survey of a store that has none', () => {
  const memory = createMemoryStorage({ a: 'a', b: 'b' })
  /** The bytes of `b` are no longer those of its digest. */
  const rotted: Storage = {
    ...memory,
    async open(name, options) {
      const opened = await memory.open(name, options)
      return opened && name === 'b' ? { ...opened, body: new Blob(['B']).stream() } : opened
    },
  }

  it('reports the digest of the bytes, and the one expected', async () => {
    const [a, b] = await find(rotted, { maxAge: 0 })
    expect(a).toEqual({ name: 'a', said: (await memory.describe(['a'], { maxAge: 0 })[0]) ?? null })
    const digest = await hash(toBytes('B'))
    const rottedFrom = await hash(toBytes('b'))
    expect(b).toMatchObject({ name: 'b', said: { size: 1, digest }, rottedFrom })
  })

  it('returns no fingerprint for the span of a rotted file', async () => {
    const survey = { maxAge: 0, ranges: TWO_RANGES, grain: 30 }
    const [first, second] = await readSpans(rotted, survey)
    expect(first).toMatchObject({ last: 'b', names: 2, fingerprint: null })
    expect(second).toMatchObject({ last: null, names: 0, fingerprint: await hash(toBytes('')) })
  })

  it('is refused without a hasher', async () => {
    const lines = readSurvey(memory, { ...EVERYTHING, maxAge: 0 })[Symbol.asyncIterator]()
    await expect(lines.next()).rejects.toMatchObject({ code: 'unreadable' })
  })

  it('reports the error of a file that breaks off, and omits one that was removed', async () => {
    const error = new StorageError('unreachable', 'the copy broke off')
    const open: Storage['open'] = async (name, options) => {
      const opened = await memory.open(name, options)
      const start = (controller: ReadableStreamDefaultController) => controller.error(error)
      return name === 'a' ? null : opened && { ...opened, body: new ReadableStream({ start }) }
    }
    expect(await find({ ...memory, open }, { maxAge: 0 })).toEqual([{ name: 'b', said: error }])
  })
})

describe('a slow store', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  const memory = createMemoryStorage({ a: 'a', b: 'b' })
  const signOfLife = { value: { seen: NOTHING_SEEN, of: null }, done: false }

  /** Sends one byte of each file, then waits until it is cancelled. */
  function createSlow() {
    const [opened, freed]: string[][] = [[], []]
    const open: Storage['open'] = async (name, options) => {
      opened?.push(name)
      const gone = Promise.withResolvers<never>()
      let hasGiven = false
      const chunks: Chunks = {
        async next() {
          if (hasGiven) await gone.promise
          hasGiven = true
          return { done: false, value: toBytes('x') }
        },
        cancel: async () => void freed?.push(name),
      }
      const facts = await describeOne(memory, name)
      const size = facts?.size ?? 0
      return facts && { facts: { ...facts, size }, body: toStream(chunks, options?.signal) }
    }
    return { storage: { ...memory, open }, opened, freed }
  }

  it('sends heartbeats as long as the store works, and none when it does not', async () => {
    const works: (() => void)[] = []
    const describe: Storage['describe'] = (names, options) => {
      works.push(() => options?.onProgress?.({ done: 1 }))
      return names.map(() => new Promise(() => {}))
    }
    const lines = readSurvey({ ...memory, describe }, EVERYTHING)[Symbol.asyncIterator]()
    for (let i = 0; i < 3; i++) {
      const next = lines.next()
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
      works[0]?.()
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS)
      expect(await next).toMatchObject(signOfLife)
    }
    const said = vi.fn()
    lines.next().then(said)
    await vi.advanceTimersByTimeAsync(10 * HEARTBEAT_MS)
    expect(said).not.toHaveBeenCalled()
  })

  it('has the file being read cancelled when the caller leaves the survey, and is asked for no other', async () => {
    const { storage, opened, freed } = createSlow()
    const lines = readSurvey(storage, { ...EVERYTHING, maxAge: 0 }, OPTIONS)[Symbol.asyncIterator]()
    const next = lines.next()
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS)
    expect(await next).toMatchObject(signOfLife)
    await lines.return?.()
    await vi.waitFor(() => expect(freed).toEqual(['a']))
    expect(opened).toEqual(['a'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has the file being read cancelled when the signal is aborted, and the survey rejects with its reason', async () => {
    const { storage, opened, freed } = createSlow()
    const abort = new AbortController()
    const options = { ...OPTIONS, signal: abort.signal }
    const lines = readSurvey(storage, { ...EVERYTHING, maxAge: 0 }, options)[Symbol.asyncIterator]()
    const next = lines.next()
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    const reason = new Error('the client went away')
    abort.abort(reason)
    await expect(next).rejects.toBe(reason)
    expect({ opened, freed }).toEqual({ opened: ['a'], freed: ['a'] })
    expect(vi.getTimerCount()).toBe(0)
  })
})
