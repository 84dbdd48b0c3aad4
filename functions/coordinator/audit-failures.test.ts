import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readSurvey } from '../storage/read-survey.ts'
import type { Facts, Storage } from '../storage/storage.ts'
import { NOTHING_SEEN, type Progress, type Survey, type SurveyLine } from '../storage/survey.ts'
import { MAX_AUDITS, SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import {
  audit,
  coordinate,
  createTreeStorage,
  readTold,
  type Told,
  toFacts,
  toRows,
  withSurvey,
} from './audit.suite.ts'

// So small that a few dozen names are compared at every grain, and told in several batches.
vi.mock('../wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../wire/limits.ts')>()),
  SPAN_GRAINS: [3, 1],
  AUDIT_BATCH_NAMES: 3,
}))

const NAMES = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`)
const gone = new StorageError('unreachable', 'the replica is gone')
const unreadable = new StorageError('unreadable', 'the disk failed')
const silent = new StorageError('unreachable', `the replica was silent for ${SILENCE_MS / 1000} seconds`, {
  reason: 'http_response_timeout',
})
const early = new StorageError('unreachable', 'the survey ended before its range')

/** Three replicas that hold the same but for `f01`, and for `f38`, which the second lacks. */
function createStorages(): [Storage, Storage, Storage] {
  const tree = () => new Map<string, Facts>(NAMES.map((name, i) => [name, toFacts(i)]))
  const second = tree().set('f01', toFacts(99))
  second.delete('f38')
  return [createTreeStorage(tree()), createTreeStorage(second), createTreeStorage(tree())]
}

/** The first `most` files or spans of the storage's survey, and what it passed over before them. */
async function* take(storage: Storage, survey: Survey, most: number): AsyncGenerator<SurveyLine> {
  if (most === 0) return
  let given = 0
  for await (const line of readSurvey(storage, survey)) {
    if ('seen' in line) continue
    yield line
    if (!('passed' in line) && ++given === most) return
  }
}

function failing(
  storage: Storage,
  from: number,
  lines: number,
  end: (signal?: AbortSignal) => Promise<void>,
): Storage {
  return withSurvey(storage, async function* (survey, nth, signal) {
    if (nth < from) return yield* take(storage, survey, Number.POSITIVE_INFINITY)
    if (nth === from) yield* take(storage, survey, lines)
    await end(signal)
  })
}

/** Falls silent, until it is left. */
function createSilence() {
  let isSilent = false

  async function wait(signal: AbortSignal | undefined): Promise<void> {
    isSilent = true
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  }

  /** Silence passes whenever there is nothing else that is waited for. */
  async function pass<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    while (!isDone) {
      await new Promise(setImmediate)
      if (!isSilent || vi.getTimerCount() !== 1) continue
      isSilent = false
      await vi.advanceTimersByTimeAsync(SILENCE_MS)
    }
    return await promise
  }

  return { wait, pass }
}

/** What holds of an audit in which the third replica, which holds every name, was left out. */
function expectLeftOut(told: Told, error: StorageError): void {
  const { agreement, names, agreements, replicas } = told.summary
  expect(replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'error'])
  expect(replicas[2]).toMatchObject({ error: error.reason, detail: error.message })
  expect({ agreement, names, conflict: agreements.conflict }).toEqual({
    agreement: 'conflict',
    names: 40,
    conflict: 1,
  })
  expect(told.manifests.map(({ replicas }) => replicas[2]?.state)).not.toContain('missing')
  const row = toRows(told).find((row) => row.startsWith('f01'))
  expect(row).toMatch(/^f01: differ differ (error|differ)$/)
}

const ENDS: [how: string, end: () => Promise<void>, error: StorageError][] = [
  ['fails', () => Promise.reject(gone), gone],
  ['cannot read its files', () => Promise.reject(unreadable), unreadable],
]

describe('a replica that cannot go on is left out, and the others are compared:', () => {
  describe.each([
    ['as soon as it is asked', 1, 0],
    ['midway', 1, 2],
    ['when it is looked at more closely', 2, 0],
    ['midway, when it is looked at more closely', 2, 1],
    ['when its files are looked at', 3, 0],
    ['midway through its files', 3, 1],
  ])('%s,', (_when, from, lines) => {
    it.each(ENDS)('it %s', async (_how, end, error) => {
      const [first, second, third] = createStorages()
      const told = await audit([first, second, failing(third, from, lines, end)])
      expectLeftOut(told, error)
      expect(toRows(told).at(-1)).toBe('f38: match missing error')
      expect(told.summary.agreements.incomplete).toBeUndefined()
    })

    it('it falls silent', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const { wait, pass } = createSilence()
      const [first, second, third] = createStorages()
      const told = await pass(audit([first, second, failing(third, from, lines, wait)]))
      expectLeftOut(told, silent)
      expect(toRows(told).at(-1)).toBe('f38: match missing error')
    })
  })

  it('it ends before it has said anything', async () => {
    const [first, second, third] = createStorages()
    expectLeftOut(await audit([first, second, failing(third, 1, 0, async () => {})]), early)
  })
})

afterEach(() => void vi.useRealTimers())

describe('a replica that cannot go on in an audit of every name is left out from there on:', () => {
  describe.each([
    ['at once', 0],
    ['midway', 20],
    ['after its last file', 40],
  ])('%s', (_when, lines) => {
    it.each(ENDS)('it %s', async (_how, end, error) => {
      const [first, second, third] = createStorages()
      const told = await audit([first, second, failing(third, 1, lines, end)], '?all')
      expectLeftOut(told, error)
      const states = told.manifests.map(({ replicas }) => replicas[2]?.state)
      // Those of the batch that was being collected were asked for again, or were alike as far as anybody knew.
      expect(states.slice(lines)).toEqual(NAMES.slice(lines).map(() => 'error'))
    })
  })

  it.each(ENDS)('after all names of the others it %s', async (_how, end, error) => {
    const tree = (names: string[]) => createTreeStorage(new Map(names.map((name) => [name, toFacts(1)])))
    const longer = failing(tree(['a', 'b', 'c', 'd']), 1, 2, end)
    for (const query of ['?all', '?deep']) {
      const { summary } = await audit([tree(['a', 'b']), longer], query.replace('?deep', '?all&prefix='))
      expect(summary).toMatchObject({ agreement: 'degraded', names: 2 })
      expect(summary.replicas[1]).toMatchObject({ state: 'error', error: error.reason })
    }
  })
})

describe('an audit in which a replica was left out', () => {
  it('is degraded at best, though the others hold the same', async () => {
    const same = new Map(NAMES.map((name) => [name, toFacts(1)]))
    const lost = failing(createTreeStorage(same), 1, 0, () => Promise.reject(gone))
    const { manifests, summary } = await audit([createTreeStorage(same), lost, createTreeStorage(same)])
    expect(manifests).toEqual([])
    expect(summary).toMatchObject({ agreement: 'degraded', names: 40, agreements: { degraded: 40 } })
  })

  it.each([
    ['as soon as it is asked', 0],
    ['midway', 1],
  ])('%s asks it for nothing more', async (_when, lines) => {
    const [first, second, third] = createStorages()
    const describe = vi.fn(third.describe)
    const broken = failing({ ...third, describe }, 1, lines, () => Promise.reject(unreadable))
    const survey = vi.fn(broken.survey)
    await audit([first, second, { ...broken, survey }])
    expect(survey).toHaveBeenCalledOnce()
    expect(describe).toHaveBeenCalledTimes(lines)
  })

  it('knows nothing when all were', async () => {
    const lost = createStorages().map((storage) => failing(storage, 1, 0, () => Promise.reject(gone)))
    for (const query of ['', '?all', '?deep']) {
      const { manifests, summary } = await audit(lost, query)
      expect(manifests).toEqual([])
      expect(summary).toMatchObject({ agreement: 'unknown', names: 0, agreements: {} })
      expect(summary.replicas.map(({ state }) => state)).toEqual(['error', 'error', 'error'])
    }
  })

  it('is one in which a store says of a single file that it cannot be reached', async () => {
    const [first, second, third] = createStorages()
    const describe: Storage['describe'] = (names) =>
      names.map((name) =>
        name === 'f20' ? Promise.reject(gone) : (third.describe([name])[0] ?? Promise.resolve(null)),
      )
    expectLeftOut(await audit([first, second, { ...third, describe }]), gone)
  })
})

describe('a name that only the others list, once a replica cannot be reached for a later file,', () => {
  /** Of three replicas the last lacks `f01` in its listing, and cannot be reached for `f02` or for anything after it. */
  function createStorages(others: number): Storage[] {
    const tree = () =>
      new Map<string, Facts | StorageError>([NAMES[1], NAMES[2], NAMES[3]].map((n = '') => [n, toFacts(1)]))
    const broken = tree().set('f02', gone)
    broken.delete('f01')
    return [...Array.from({ length: others }, () => createTreeStorage(tree())), createTreeStorage(broken)]
  }

  it.each([
    [1, 'f01: match error'],
    [2, 'f01: match match error'],
  ])("is that replica's error, and never missing there (of %i others)", async (others, row) => {
    for (const query of ['', '?all', '?match=f*']) {
      const told = await audit(createStorages(others), query)
      expect(toRows(told)).toContain(row)
      expect(told.summary).toMatchObject({ agreement: 'degraded', names: 3 })
      expect(told.summary.agreements.incomplete).toBeUndefined()
    }
  })

  it('is not planned to be written there', async () => {
    const response = await coordinate(createStorages(1)).request('/plan', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] }),
    })
    expect(await response.json()).toMatchObject({ steps: [], summary: { steps: 0, left: 1 } })
  })
})

it('an audit of which nobody was left out says how much each saw, whatever it looked at more closely', async () => {
  const { summary } = await audit(createStorages())
  expect(summary.replicas.map(({ seen }) => seen.names)).toEqual([40, 39, 40])
})

describe('a replica that breaks off and goes on', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))

  const rows = ['f01: differ differ differ', 'f38: match missing match']

  it.each([
    ['by spans', '', rows],
    ['name by name', '?all&match=f01&match=f38', rows],
  ])('is not left out of an audit %s', async (_how, query, rows) => {
    const { wait, pass } = createSilence()
    for (const end of [wait, () => Promise.reject(gone)]) {
      const [first, second, third] = createStorages()
      const begun = vi.fn()
      const breaking = withSurvey(third, async function* (survey, _nth, signal) {
        begun(survey.ranges)
        for await (const line of take(third, survey, 1)) {
          yield line
          if (!('passed' in line)) await end(signal)
        }
      })
      const told = await pass(audit([first, second, breaking], query))
      expect(toRows(told)).toEqual(rows)
      expect(told.summary.replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
      // Each time from where it was.
      expect(new Set(begun.mock.calls.map((call) => JSON.stringify(call))).size).toBeGreaterThan(1)
    }
  })
})

describe('a replica whose survey reports progress', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  const STEP = SILENCE_MS / 2

  /** How many surveys wait to report progress. */
  let reporting = 0

  async function waitToReport(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, STEP)
    signal?.addEventListener('abort', () => resolve(), { once: true })
    reporting++
    await promise
    reporting--
    clearTimeout(timer)
  }

  /** A storage whose survey gives such a line of progress every `STEP`, so many times, and then its other lines. */
  function createReporting(
    storage: Storage,
    toProgress: (nth: number) => Progress,
    times = Number.POSITIVE_INFINITY,
  ): Storage {
    return withSurvey(storage, async function* (survey, _nth, signal) {
      for (let nth = 1; nth <= times && !signal?.aborted; nth++) {
        await waitToReport(signal)
        yield toProgress(nth)
      }
      yield* readSurvey(storage, survey)
    })
  }

  /** Lets time pass whenever nothing is waited for but progress, by a timer here and one of who watches. */
  async function pass<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    while (!isDone) {
      await new Promise(setImmediate)
      if (reporting > 0 && vi.getTimerCount() === 2 * reporting) await vi.advanceTimersByTimeAsync(STEP)
    }
    return await promise
  }

  const seen = (names: number, bytes: number) => ({ seen: { ...NOTHING_SEEN, names, bytes }, of: null })

  it.each<[how: string, toProgress: (nth: number) => Progress]>([
    ['never grows', () => seen(0, 0)],
    ['never grows from where it began', () => ({ ...seen(5, 5), work: 100 })],
    ['goes to and fro', (nth) => seen(nth % 2, (nth + 1) % 2)],
  ])(
    'that %s is left out as silent, and four of those close no audit to others',
    async (_how, toProgress) => {
      const [first, second, third] = createStorages()
      const app = coordinate([first, second, createReporting(third, toProgress)])
      const audits = Array.from({ length: MAX_AUDITS }, async () => readTold(await app.request('/audit')))
      for (const told of await pass(Promise.all(audits))) expectLeftOut(told, silent)
      const next = await app.request('/audit')
      expect(next.status).toBe(200)
      await next.body?.cancel()
    },
  )

  it.each<[what: string, toProgress: (nth: number) => Progress]>([
    ['names', (nth) => seen(nth, 0)],
    ['bytes', (nth) => seen(0, nth)],
    ['work, of which nothing is seen yet', (nth) => ({ ...seen(0, 0), work: nth })],
  ])('of more and more %s is waited for', async (_what, toProgress) => {
    const [first, second, third] = createStorages()
    const told = await pass(audit([first, second, createReporting(third, toProgress, 10)]))
    expect(told.summary.replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
  })
})
