import { describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { createTestHasher } from '../../storage/suite/set-up.suite.ts'
import { readSurvey } from '../../storage/survey/read-survey.ts'
import type { Survey, SurveyLine } from '../../storage/survey/survey.ts'
import { MAX_AUDITS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createCoordinator } from '../coordinator.ts'
import { coordinate } from '../set-up.suite.ts'
import {
  audit,
  createTreeStorage,
  readResult,
  type Tree,
  toDigest,
  toFacts,
  toRows,
  withSurvey,
} from './audit.suite.ts'

type Said = Facts | StorageError
const unreadable = new StorageError('unreadable', 'the disk failed')

/** A storage whose survey shows `then`, and that describes names as `now`. */
function changing(then: Record<string, Said>, now: Record<string, Said>): Storage {
  return withSurvey(createTreeStorage(new Map(Object.entries(now))), async function* ({ grain }) {
    if (grain > 0) yield { last: null, names: Object.keys(then).length, bytes: 0, fingerprint: null }
    else for (const [name, said] of Object.entries(then)) yield { name, said }
  })
}

describe('a name that differed in the survey', () => {
  const [one, two, three] = [toFacts(1), toFacts(2), toFacts(3)]

  it.each<[string, rows: string[], agreements: object, first: [object, object], second: [object, object]]>([
    ['agrees now', [], { unanimous: 1 }, [{ a: one }, { a: two }], [{ a: two }, { a: two }]],
    ['is on every replica now', [], { unanimous: 1 }, [{ a: one }, { a: one }], [{}, { a: one }]],
    ['is on no replica now', [], {}, [{ a: one }, {}], [{}, {}]],
    [
      'differs in another way now',
      ['a: match missing'],
      { incomplete: 1 },
      [{ a: one }, { a: two }],
      [{ a: three }, {}],
    ],
    ['can be read now', [], { unanimous: 1 }, [{ a: unreadable }, { a: one }], [{ a: one }, { a: one }]],
    [
      'cannot be read now',
      ['a: error match'],
      { degraded: 1 },
      [{ a: one }, { a: unreadable }],
      [{ a: two }, { a: two }],
    ],
  ])('and %s is reported as it is now', async (_how, rows, agreements, ...replicas) => {
    const [first, second] = replicas as [
      [Record<string, Said>, Record<string, Said>],
      [Record<string, Said>, Record<string, Said>],
    ] // as above
    const result = await audit([changing(...first), changing(...second)])
    expect(toRows(result)).toEqual(rows)
    expect(result.summary.agreements).toEqual(agreements)
  })

  it('is reported with the current facts of its holders', async () => {
    const { manifests } = await audit([changing({ a: one }, { a: three }), changing({ a: two }, { a: two })])
    const versions = manifests[0]?.versions.map(({ digest, replicas }) => [digest, replicas])
    expect(versions).toEqual([
      [three.digest, ['server1']],
      [two.digest, ['server2']],
    ])
  })

  it('that could not be read, and that no replica holds, is reported with its error', async () => {
    const result = await audit([changing({ a: unreadable }, {}), changing({}, {})])
    expect(toRows(result)).toEqual(['a: error missing'])
    expect(result.summary).toMatchObject({ agreement: 'degraded', names: 1, agreements: { unknown: 1 } })
  })
})

describe('a folder in which a replica had nothing', () => {
  const then = { 'd/x': toFacts(1), 'd/y': toFacts(2) }

  it.each<[string, now: Record<string, Said>, folders: object]>([
    ['is reported as missing whole', {}, { 'd/x': 'd/', 'd/y': 'd/' }],
    ['and has a file now is not', { 'd/y': toFacts(2) }, { 'd/x': undefined }],
    ['and has a file now that cannot be read is not', { 'd/y': unreadable }, { 'd/x': undefined }],
  ])('%s', async (_how, now, folders) => {
    const { manifests } = await audit([changing(then, then), changing({}, now)])
    const missing = manifests.filter(({ agreement }) => agreement === 'incomplete')
    expect(
      Object.fromEntries(missing.map(({ name, replicas }) => [name, replicas[1]?.missingFolder])),
    ).toEqual(folders)
  })
})

describe('a directory that cannot be read', () => {
  it('is reported with its error, and its other names as they are', async () => {
    const facts = toFacts(1)
    const now = { 'd/x': unreadable, e: facts }
    const storages = [
      changing({ 'd/': unreadable, e: facts }, now),
      changing({ 'd/x': facts, e: facts }, { 'd/x': facts, e: facts }),
    ]
    const result = await audit(storages)
    expect(toRows(result)).toEqual(['d/: error missing', 'd/x: error match'])
    expect(result.manifests[0]?.replicas[0]).toMatchObject({ detail: 'the disk failed' })
    expect(result.summary.agreements).toEqual({ unknown: 1, degraded: 1, unanimous: 1 })
  })
})

describe('a copy that rotted', () => {
  const tree: Tree = new Map(['a', 'b', 'c'].map((name, i) => [name, toFacts(i)]))

  /** Its survey reports that `b` rotted. */
  const rotting = withSurvey(createTreeStorage(tree), async function* (survey) {
    for await (const line of readSurvey(createTreeStorage(tree), { ...survey, maxAge: null })) {
      yield 'said' in line && line.name === 'b' ? { ...line, rottedFrom: toDigest(9) } : line
    }
  })
  const sound = withSurvey(createTreeStorage(tree), (survey) =>
    readSurvey(createTreeStorage(tree), { ...survey, maxAge: null }),
  )

  it.each([
    ['?deep', ['b: match match']],
    ['?deep&all', ['a: match match', 'b: match match', 'c: match match']],
  ])('is reported by %s, even where all agree', async (query, rows) => {
    const result = await audit([rotting, sound], query)
    expect(toRows(result)).toEqual(rows)
    const manifest = result.manifests.find(({ name }) => name === 'b')
    expect(manifest?.replicas.map(({ rottedFrom }) => rottedFrom)).toEqual([toDigest(9), undefined])
    expect(
      result.manifests.filter(({ replicas }) => replicas.some(({ rottedFrom }) => rottedFrom)),
    ).toHaveLength(1)
    expect(result.summary).toMatchObject({ rotten: 1, agreements: { unanimous: 3 } })
  })

  it('is counted once for each replica that holds one', async () => {
    expect((await audit([rotting, rotting, sound], '?deep')).summary.rotten).toBe(2)
  })

  it('is found by reading every byte when the store has no survey of its own', async () => {
    const memory = createMemoryStorage({ a: 'a', b: 'b' })
    const open: Storage['open'] = async (name, options) => {
      const opened = await memory.open(name, options)
      return opened && name === 'b' ? { ...opened, body: new Blob(['B']).stream() } : opened
    }
    const storages = [{ ...memory, open }, memory]
    expect(toRows(await audit(storages))).toEqual([])
    const result = await audit(storages, '?deep')
    // Asked again, the store reports the earlier digest.
    expect(toRows(result)).toEqual(['b: differ differ'])
    expect(result.manifests[0]?.replicas[0]?.rottedFrom).toBe(result.manifests[0]?.versions[1]?.digest)
    expect(result.summary).toMatchObject({ agreement: 'conflict', rotten: 1 })
  })
})

/** A storage whose surveys yield `lines`, and then wait until they are aborted. */
function createWaiting(lines: (survey: Survey) => Iterable<SurveyLine> = () => []) {
  const [begun, left] = [vi.fn(), vi.fn()]
  const storage = withSurvey(createMemoryStorage(), async function* (survey, _nth, signal) {
    begun(survey.grain)
    signal?.addEventListener('abort', left)
    yield* lines(survey)
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  })
  return { storage, begun, left }
}

function* toDiffering({ grain }: Survey, size: number): Generator<SurveyLine> {
  yield grain > 0 ? toSpan(null, size) : { name: 'a', said: toFacts(size) }
}

function toSpan(last: string | null, size: number): SurveyLine {
  return { last, names: 1, bytes: size, fingerprint: toDigest(size) }
}

describe('a client that leaves', () => {
  it.each<[string, (size: number) => (survey: Survey) => Iterable<SurveyLine>, grain: number]>([
    ['before the first line', () => () => [], 12],
    ['while spans are compared', (size) => () => [toSpan('a', size)], 12],
    ['while names are compared', (size) => (survey) => toDiffering(survey, size), 0],
  ])('%s stops every survey', async (_when, toLines, grain) => {
    const replicas = [1, 2].map((size) => createWaiting(toLines(size)))
    const response = await coordinate(replicas.map(({ storage }) => storage)).request('/audit')
    const reader = response.body?.getReader()
    const reading = reader?.read()
    await vi.waitFor(() => {
      for (const { begun } of replicas) expect(begun).toHaveBeenLastCalledWith(grain)
    })
    await new Promise(setImmediate)
    await reader?.cancel()
    await reading
    await vi.waitFor(() => {
      for (const { begun, left } of replicas) expect(left.mock.calls.length).toBe(begun.mock.calls.length)
    })
  })

  const given = vi.fn()
  const endless = withSurvey(createMemoryStorage(), async function* () {
    for (let i = 0; i < 50_000; i++) {
      given()
      yield { name: `${i}`.padStart(9, '0'), said: unreadable }
    }
  })

  it('that reads nothing pauses the surveys', async () => {
    given.mockClear()
    const response = await coordinate([endless]).request('/audit?all')
    const before = await settle(given)
    const reader = response.body?.getReader()
    await reader?.read()
    // It continues as soon as there is room.
    await vi.waitFor(() => expect(given.mock.calls.length).toBeGreaterThan(before))
    expect(await settle(given)).toBeLessThan(5 * before)
    await reader?.cancel()
    expect(await settle(given)).toBe(given.mock.calls.length)
  })

  it('after it read nothing frees its place for another', async () => {
    const app = coordinate([endless])
    for (let i = 0; i <= MAX_AUDITS; i++) {
      const response = await app.request('/audit?all')
      expect(response.status).toBe(200)
      await settle(given)
      await response.body?.cancel()
      await settle(given)
    }
  })

  /** The number of calls once there are no more. */
  async function settle(mock: { mock: { calls: unknown[] } }): Promise<number> {
    for (let calls = -1; calls !== mock.mock.calls.length; ) {
      calls = mock.mock.calls.length
      for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    }
    return mock.mock.calls.length
  }
})

it('an audit that ends closes every survey that it began', async () => {
  const replicas = [1, 2].map((size) => createWaiting((survey) => toDiffering(survey, size)))
  // The third is silent about files, and is excluded.
  const lost = createWaiting(({ grain }) => (grain > 0 ? [toSpan(null, 1)] : []))
  const ended = replicas.map(({ storage }) => withEnd(storage))
  const app = createCoordinator(
    [...ended, lost.storage].map((storage, i) => ({ id: `r${i}`, storage })),
    { createHasher: createTestHasher, deadlines: { silence: 50 } },
  )
  const { summary } = await readResult(await app.request('/audit'))
  expect(summary.replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'error'])
  for (const { begun, left } of [...replicas, lost])
    expect(left.mock.calls.length).toBe(begun.mock.calls.length)
})

/** A storage whose surveys of files end, and whose others do not. */
function withEnd(storage: Storage): Storage {
  return withSurvey(storage, async function* (survey, _nth, signal) {
    for await (const line of storage.survey?.(survey, { signal }) ?? []) {
      yield line
      if (survey.grain === 0) return
    }
  })
}

describe('audits beyond the limit of a coordinator', () => {
  it('are refused until another ends, fails or is cancelled', async () => {
    const { storage, begun } = createWaiting()
    const app = coordinate([storage, createMemoryStorage()])
    for (let i = 0; i <= MAX_AUDITS; i++) expect((await app.request('/audit?no')).status).toBe(400)
    const under = await Promise.all(Array.from({ length: MAX_AUDITS }, () => app.request('/audit')))
    expect(under.map(({ status }) => status)).toEqual(under.map(() => 200))
    const refused = await app.request('/audit')
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ type: 'overloaded' })
    expect(begun).toHaveBeenCalledTimes(MAX_AUDITS)
    await under[0]?.body?.cancel()
    await vi.waitFor(async () => {
      const next = await app.request('/audit')
      expect(next.status).toBe(200)
      await next.body?.cancel()
    })
    for (const { body } of under.slice(1)) await body?.cancel()
  })

  it('are accepted once the others were read', async () => {
    const app = coordinate([createMemoryStorage({ a: 'a' })])
    for (let i = 0; i < 3 * MAX_AUDITS; i++) {
      const { summary } = await readResult(await app.request('/audit'))
      expect(summary.agreement).toBe('unanimous')
    }
  })
})
