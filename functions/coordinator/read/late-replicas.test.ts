import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { readStates } from '../../storage/suite/states.suite.ts'
import { BREAKER_FAILURES, BREAKER_OPEN_MS, BRIEF_MS, SILENCE_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate, createHasher } from '../set-up.suite.ts'

/** A storage that has hashed its one file, so that no answer takes real time; and what it answers. */
async function createHolder(text: string): Promise<{ storage: Storage; facts: Facts }> {
  const storage = createMemoryStorage({ f: text })
  const facts = await storage.describe(['f'])[0]
  if (!facts) throw new Error('the storage lacks its file')
  return { storage, facts }
}

const [one, two, three] = await Promise.all([createHolder('one'), createHolder('two'), createHolder('three')])
const [ONE, TWO, THREE] = [one, two, three].map(({ facts }) => facts.digest)

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => void vi.useRealTimers())

/**
 * A replica that answers each question after `delay` milliseconds; it records how long each was waited for.
 */
function createFrozen({ storage, facts }: Partial<typeof one> = {}) {
  const frozen = { delay: Number.POSITIVE_INFINITY, waits: [] as number[] }
  const describe: Storage['describe'] = (names, { signal } = {}) => {
    const start = Date.now()
    const { promise, resolve } = Promise.withResolvers<Facts | null>()
    const end = () => void frozen.waits.push(Date.now() - start)
    signal?.addEventListener('abort', end)
    if (Number.isFinite(frozen.delay)) {
      const answer = () => {
        if (signal?.aborted) return
        end()
        resolve(facts ?? null)
      }
      setTimeout(answer, frozen.delay)
    }
    return names.map(() => promise)
  }
  return Object.assign(frozen, { storage: { ...(storage ?? createMemoryStorage()), describe } })
}

/** Resolves as `asked` does; simulated time passes, to the next timer each time, while it waits. */
async function settle<T>(asked: T | Promise<T>): Promise<T> {
  let isSettled = false
  const settled = Promise.resolve(asked).finally(() => {
    isSettled = true
  })
  while (!isSettled) {
    for (let turn = 0; turn < 20 && !isSettled; turn++) await new Promise(setImmediate)
    if (!isSettled) await vi.advanceTimersToNextTimerAsync()
  }
  return await settled
}

/** A coordinator of two versions and a frozen replica, and its answers to GET with this query. */
function start(frozen: ReturnType<typeof createFrozen>, ...first: Storage[]) {
  const holders = first.length > 0 ? first : [one.storage, two.storage]
  const app = coordinate([...holders, frozen.storage], { createHasher })
  return async (query = '') => await settle(app.request(`/files/f${query}`))
}

describe('a conflict with a frozen replica', () => {
  it('costs its first read a deadline, and the reads of its versions next to none', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    expect((await get()).status).toBe(409)
    for (const [digest, text] of [
      [ONE, 'one'],
      [TWO, 'two'],
    ]) {
      const response = await get(`?version=${digest}`)
      expect(await response.text()).toBe(text)
      expect(response.headers.get('Replica-Agreement')).toBe('conflict;answered=2;of=3')
      expect(readStates(response.headers)).toMatch(/, server3;state=error;error=http_response_timeout$/)
    }
    expect(frozen.waits).toEqual([SILENCE_MS, BRIEF_MS, BRIEF_MS])
  })

  it('costs a deadline once when the replica freezes after the first read', async () => {
    const frozen = createFrozen()
    frozen.delay = 0
    const get = start(frozen)
    await get()
    frozen.delay = Number.POSITIVE_INFINITY
    for (const digest of [ONE, TWO, ONE]) expect((await get(`?version=${digest}`)).status).toBe(200)
    expect(frozen.waits).toEqual([0, SILENCE_MS, BRIEF_MS, BRIEF_MS])
  })

  it('is still compared within the whole deadline', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    for (let i = 0; i < BREAKER_FAILURES - 1; i++) await get()
    await get(`?version=${ONE}`)
    await get()
    expect(frozen.waits).toEqual([SILENCE_MS, SILENCE_MS, BRIEF_MS, SILENCE_MS])
  })

  it('reports the replica again as soon as it answers in time', async () => {
    const frozen = createFrozen(three)
    const get = start(frozen)
    await get()
    frozen.delay = BRIEF_MS - 1
    const response = await get(`?version=${ONE}`)
    expect(response.headers.get('Replica-Agreement')).toBe('conflict;answered=3;of=3')
    expect(readStates(response.headers)).toContain(`server3;state=differ;version="${THREE}"`)
    frozen.delay = SILENCE_MS - 1
    expect((await get(`?version=${ONE}`)).headers.get('Replica-Agreement')).toBe('conflict;answered=3;of=3')
  })
})

describe('the read of a version waits for a late replica within the whole deadline', () => {
  it('before it reports that it found no holder', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    await get()
    expect((await get(`?version=${THREE}`)).status).toBe(503)
    frozen.delay = SILENCE_MS - 1
    expect((await get(`?version=${THREE}`)).status).toBe(404)
    expect(frozen.waits).toEqual([SILENCE_MS, BRIEF_MS, SILENCE_MS, BRIEF_MS, SILENCE_MS - 1])
  })

  it('when only that one holds it', async () => {
    const frozen = createFrozen(three)
    const get = start(frozen)
    await get()
    frozen.delay = SILENCE_MS - 1
    expect(await (await get(`?version=${THREE}`)).text()).toBe('three')
    expect(frozen.waits).toEqual([SILENCE_MS, BRIEF_MS, SILENCE_MS - 1])
  })

  it('when it must answer', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    await get()
    expect((await get(`?version=${ONE}&require=2`)).status).toBe(200)
    expect((await get(`?version=${ONE}&require=all`)).status).toBe(503)
    frozen.delay = SILENCE_MS - 1
    const response = await get(`?version=${ONE}&require=all`)
    expect([response.status, response.headers.get('Replica-Agreement')]).toEqual([
      200,
      'conflict;answered=3;of=3',
    ])
  })

  it('when the other holder cannot open it', async () => {
    const error = new StorageError('unreadable', 'it is broken')
    const broken = { ...one.storage, open: () => Promise.reject(error) }
    const frozen = createFrozen()
    const get = start(frozen, broken, two.storage)
    await get()
    expect((await get(`?version=${ONE}`)).status).toBe(503)
    expect(frozen.waits).toEqual([SILENCE_MS, BRIEF_MS, SILENCE_MS])
  })
})

describe('a replica that is late in the read of a version', () => {
  it('is not counted as failed by that, so that its breaker stays closed', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    await get()
    for (let i = 0; i < 2 * BREAKER_FAILURES; i++) await get(`?version=${ONE}`)
    frozen.delay = SILENCE_MS - 1
    expect((await get()).headers.get('Replica-Agreement')).toBe('conflict;answered=3;of=3')
  })

  it('is not asked while its breaker is open, and takes no probe from compared reads afterwards', async () => {
    const frozen = createFrozen()
    const get = start(frozen)
    for (let i = 0; i < BREAKER_FAILURES; i++) await get()
    frozen.waits.length = 0
    await get(`?version=${ONE}`)
    expect(frozen.waits).toEqual([])
    vi.setSystemTime(Date.now() + BREAKER_OPEN_MS)
    await get(`?version=${ONE}`)
    frozen.delay = SILENCE_MS - 1
    expect((await get()).headers.get('Replica-Agreement')).toBe('conflict;answered=3;of=3')
    expect(frozen.waits).toEqual([BRIEF_MS, SILENCE_MS - 1])
  })

  it('is reported with the error for which it was waited', async () => {
    const frozen = createFrozen()
    const { storage } = frozen
    const dropping = new StorageError('unreachable', 'the connection timed out', {
      reason: 'connection_timeout',
    })
    let asked = 0
    const describe: Storage['describe'] = (names, options) =>
      asked++ === 0 ? [Promise.reject(dropping)] : storage.describe(names, options)
    const get = start({ ...frozen, storage: { ...storage, describe } })
    await get()
    const response = await get(`?version=${ONE}`)
    expect(readStates(response.headers)).toMatch(/, server3;state=error;error=connection_timeout$/)
    expect(frozen.waits).toEqual([BRIEF_MS])
  })
})

it('a copy that changes before it is sent makes no read wait for a silent replica twice', async () => {
  const open = vi.fn<Storage['open']>().mockResolvedValueOnce(null).mockImplementation(one.storage.open)
  const frozen = createFrozen()
  const response = await start(frozen, { ...one.storage, open })()
  expect(await response.text()).toBe('one')
  expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
  expect([open.mock.calls.length, frozen.waits]).toEqual([2, [SILENCE_MS]])
})
