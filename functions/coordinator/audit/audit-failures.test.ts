import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import type { Storage } from '../../storage/storage.ts'
import { readSurvey } from '../../storage/survey/read-survey.ts'
import { NOTHING_SEEN, type Progress, type Survey, type SurveyLine } from '../../storage/survey/survey.ts'
import { MAX_AUDITS, SILENCE_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'
import {
  type AuditResult,
  audit,
  createTreeStorage,
  readResult,
  toFacts,
  toRows,
  withSurvey,
} from './audit.suite.ts'

// So small that a few dozen names are compared at every grain, and reported in several batches.
vi.mock('../../wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../wire/limits.ts')>()),
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

/** Three replicas that hold the same, except `f01`, which differs, and `f38`, which the second lacks. */
function createStorages(): [Storage, Storage, Storage] {
  const tree = () => new Map<string, Facts>(NAMES.map((name, i) => [name, toFacts(i)]))
  const second = tree().set('f01', toFacts(99))
  second.delete('f38')
  return [createTreeStorage(tree()), createTreeStorage(second), createTreeStorage(tree())]
}

/** The first `most` files or spans of the storage's survey, and what it skipped before them. */
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

/** Falls silent until it is aborted. */
function createSilence() {
  let isSilent = false

  async function wait(signal: AbortSignal | undefined): Promise<void> {
    isSilent = true
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  }

  /** Lets the silence deadline pass whenever nothing else is pending. */
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
function expectLeftOut(result: AuditResult, error: StorageError): void {
  const { agreement, names, agreements, replicas } = result.summary
  expect(replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'error'])
  expect(replicas[2]).toMatchObject({ error: error.reason, detail: error.message })
  expect({ agreement, names, conflict: agreements.conflict }).toEqual({
    agreement: 'conflict',
    names: 40,
    conflict: 1,
  })
  expect(result.manifests.map(({ replicas }) => replicas[2]?.state)).not.toContain('missing')
  const row = toRows(result).find((row) => row.startsWith('f01'))
  expect(row).toMatch(/^f01: differ differ (error|differ)$/)
}

const ENDS: [how: string, end: () => Promise<void>, error: StorageError][] = [
  ['fails', () => Promise.reject(gone), gone],
  ['cannot read its files', () => Promise.reject(unreadable), unreadable],
]

describe('an audit excludes a replica that cannot continue, and compares the others:', () => {
  describe.each([
    ['at once', 1, 0],
    ['midway', 1, 2],
    ['when smaller spans are requested', 2, 0],
    ['midway through smaller spans', 2, 1],
    ['when its files are requested', 3, 0],
    ['midway through its files', 3, 1],
  ])('%s,', (_when, from, lines) => {
    it.each(ENDS)('it %s', async (_how, end, error) => {
      const [first, second, third] = createStorages()
      const result = await audit([first, second, failing(third, from, lines, end)])
      expectLeftOut(result, error)
      expect(toRows(result).at(-1)).toBe('f38: match missing error')
      expect(result.summary.agreements.incomplete).toBeUndefined()
    })

    it('it stops answering', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const { wait, pass } = createSilence()
      const [first, second, third] = createStorages()
      const result = await pass(audit([first, second, failing(third, from, lines, wait)]))
      expectLeftOut(result, silent)
      expect(toRows(result).at(-1)).toBe('f38: match missing error')
    })
  })

  it('it ends before its first line', async () => {
    const [first, second, third] = createStorages()
    expectLeftOut(await audit([first, second, failing(third, 1, 0, async () => {})]), early)
  })
})

afterEach(() => void vi.useRealTimers())

describe('an audit of every name excludes a replica that cannot continue from there on:', () => {
  describe.each([
    ['at once', 0],
    ['midway', 20],
    ['after its last file', 40],
  ])('%s', (_when, lines) => {
    it.each(ENDS)('it %s', async (_how, end, error) => {
      const [first, second, third] = createStorages()
      const result = await audit([first, second, failing(third, 1, lines, end)], '?all')
      expectLeftOut(result, error)
      const states = result.manifests.map(({ replicas }) => replicas[2]?.state)
      // Those of the batch that was being collected were asked for again, or were alike as far as was known.
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

describe('an audit that excluded a replica', () => {
  it('is degraded at best, even if the others hold the same', async () => {
    const same = new Map(NAMES.map((name) => [name, toFacts(1)]))
    const lost = failing(createTreeStorage(same), 1, 0, () => Promise.reject(gone))
    const { manifests, summary } = await audit([createTreeStorage(same), lost, createTreeStorage(same)])
    expect(manifests).toEqual([])
    expect(summary).toMatchObject({ agreement: 'degraded', names: 40, agreements: { degraded: 40 } })
  })

  it.each([
    ['at once', 0],
    ['midway', 1],
  ])('%s asks it nothing more', async (_when, lines) => {
    const [first, second, third] = createStorages()
    const describe = vi.fn(third.describe)
    const broken = failing({ ...third, describe }, 1, lines, () => Promise.reject(unreadable))
    const survey = vi.fn(broken.survey)
    await audit([first, second, { ...broken, survey }])
    expect(survey).toHaveBeenCalledOnce()
    expect(describe).toHaveBeenCalledTimes(lines)
  })

  it('is unknown when it excluded all replicas', async () => {
    const lost = createStorages().map((storage) => failing(storage, 1, 0, () => Promise.reject(gone)))
    for (const query of ['', '?all', '?deep']) {
      const { manifests, summary } = await audit(lost, query)
      expect(manifests).toEqual([])
      expect(summary).toMatchObject({ agreement: 'unknown', names: 0, agreements: {} })
      expect(summary.replicas.map(({ state }) => state)).toEqual(['error', 'error', 'error'])
    }
  })

  it('is one whose store cannot be reached for a single file', async () => {
    const [first, second, third] = createStorages()
    const describe: Storage['describe'] = (names) =>
      names.map((name) =>
        name === 'f20' ? Promise.reject(gone) : (third.describe([name])[0] ?? Promise.resolve(null)),
      )
    expectLeftOut(await audit([first, second, { ...third, describe }]), gone)
  })
})

describe('a name that only the others list, when a replica is unreachable for a later file,', () => {
  /** The last replica does not list `f01`, and is unreachable from `f02` on. */
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
  ])("is reported as that replica's error, never as missing there (of %i others)", async (others, row) => {
    for (const query of ['', '?all', '?match=f*']) {
      const result = await audit(createStorages(others), query)
      expect(toRows(result)).toContain(row)
      expect(result.summary).toMatchObject({ agreement: 'degraded', names: 3 })
      expect(result.summary.agreements.incomplete).toBeUndefined()
    }
  })

  it('is not written there by a plan', async () => {
    const response = await coordinate(createStorages(1)).request('/plan', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prefix: '', match: [], exclude: [], rules: [] }),
    })
    expect(await response.json()).toMatchObject({ steps: [], summary: { steps: 0, left: 1 } })
  })
})

it('an audit that excluded no replica reports how much each saw, even after comparing names', async () => {
  const { summary } = await audit(createStorages())
  expect(summary.replicas.map(({ seen }) => seen.names)).toEqual([40, 39, 40])
})

describe('a replica that breaks off and continues', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))

  const rows = ['f01: differ differ differ', 'f38: match missing match']

  it.each([
    ['by spans', '', rows],
    ['name by name', '?all&match=f01&match=f38', rows],
  ])('is not excluded from an audit %s', async (_how, query, rows) => {
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
      const result = await pass(audit([first, second, breaking], query))
      expect(toRows(result)).toEqual(rows)
      expect(result.summary.replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
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

  /** A storage whose survey yields such a line of progress every `STEP`, so many times, then its others. */
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

  /** Lets time pass whenever only progress is awaited, by a timer here and one of the watchdog. */
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
      const audits = Array.from({ length: MAX_AUDITS }, async () => readResult(await app.request('/audit')))
      for (const result of await pass(Promise.all(audits))) expectLeftOut(result, silent)
      const next = await app.request('/audit')
      expect(next.status).toBe(200)
      await next.body?.cancel()
    },
  )

  it.each<[what: string, toProgress: (nth: number) => Progress]>([
    ['names', (nth) => seen(nth, 0)],
    ['bytes', (nth) => seen(0, nth)],
    ['work without anything seen yet', (nth) => ({ ...seen(0, 0), work: nth })],
  ])('of more and more %s is not excluded', async (_what, toProgress) => {
    const [first, second, third] = createStorages()
    const result = await pass(audit([first, second, createReporting(third, toProgress, 10)]))
    expect(result.summary.replicas.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
  })
})
