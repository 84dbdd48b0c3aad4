import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createTestHasher as createHasher } from '../../storage/suite/set-up.suite.ts'
import { BREAKER_FAILURES, BREAKER_OPEN_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createCoordinator } from '../coordinator.ts'
import { createBreaker } from './breaker.ts'

const failure = new StorageError('unreachable', 'refused', { reason: 'connection_refused' })

function createTime() {
  let time = 0
  function pass(ms: number): void {
    time += ms
  }
  return { now: () => time, pass }
}

describe('a breaker', () => {
  it('opens after failures in a row, and rejects with the last error', () => {
    const { now } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES - 1; i++) breaker.note(failure)
    breaker.note(null)
    for (let i = 0; i < BREAKER_FAILURES; i++) {
      expect(breaker.check()).toBeNull()
      breaker.note(failure)
    }
    expect(breaker.state()).toBe('open')
    expect(breaker.check()).toMatchObject({ code: 'unreachable', reason: 'connection_refused' })
  })

  it('lets one request through after a while, and closes when that succeeds', () => {
    const { now, pass } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES; i++) breaker.note(failure)
    pass(BREAKER_OPEN_MS)
    expect(breaker.state()).toBe('half-open')
    expect(breaker.check()).toBeNull()
    expect(breaker.check()).not.toBeNull()
    breaker.note(failure)
    expect(breaker.state()).toBe('open')
    pass(BREAKER_OPEN_MS)
    expect(breaker.check()).toBeNull()
    breaker.note(null)
    expect(breaker.state()).toBe('closed')
    expect(breaker.check()).toBeNull()
  })

  it('lets another request through when the result of a probe is never reported', () => {
    const { now, pass } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES; i++) breaker.note(failure)
    pass(BREAKER_OPEN_MS)
    expect(breaker.check()).toBeNull()
    pass(BREAKER_OPEN_MS)
    expect(breaker.check()).toBeNull()
    expect(breaker.check()).not.toBeNull()
  })
})

describe('a coordinator', () => {
  it('does not ask a replica that failed several times in a row, reports it, and asks again later', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const dead = createMemoryStorage({ f: 'x' })
      let isDead = true
      const describeOnce = vi.fn<typeof dead.describe>((names, options) =>
        isDead ? names.map(() => Promise.reject(failure)) : dead.describe(names, options),
      )
      const app = createCoordinator(
        [
          { id: 'dead', storage: { ...dead, describe: describeOnce } },
          { id: 'alive', storage: createMemoryStorage({ f: 'x' }) },
        ],
        { createHasher },
      )
      const agreement = async () =>
        (await app.request('/files/f')).headers.get('Replica-Agreement')?.split(';')[0]
      for (let i = 0; i < 2 * BREAKER_FAILURES; i++) expect(await agreement()).toBe('degraded')
      expect(describeOnce).toHaveBeenCalledTimes(BREAKER_FAILURES)
      expect(await (await app.request('/replicas')).json()).toMatchObject({
        replicas: [{ state: 'error', error: 'connection_refused', breaker: 'open' }, { breaker: 'closed' }],
      })
      isDead = false
      vi.advanceTimersByTime(BREAKER_OPEN_MS)
      expect(await agreement()).toBe('unanimous')
    } finally {
      vi.useRealTimers()
    }
  })

  it('never reports a file as missing on a replica that it skipped', async () => {
    const storage = createMemoryStorage()
    const dead = { ...storage, describe: () => [Promise.reject(failure)] }
    const app = createCoordinator([{ id: 'dead', storage: dead }], { createHasher })
    for (let i = 0; i < 2 * BREAKER_FAILURES; i++) {
      expect((await app.request('/files/f')).status).toBe(503)
    }
  })
})

describe('Prefer: handling=strict', () => {
  const strict = { headers: { Prefer: 'respond-async, handling=strict' } }
  const full = () => ({ id: 'full', storage: createMemoryStorage({ f: 'x' }) })
  const empty = () => ({ id: 'empty', storage: createMemoryStorage() })

  it('returns an error for a file that is missing on a replica', async () => {
    const app = createCoordinator([full(), empty()], { createHasher })
    expect((await app.request('/files/f')).status).toBe(200)
    const response = await app.request('/files/f', strict)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ type: 'incomplete', detail: 'missing on empty' })
  })

  it('returns an error when a replica does not answer', async () => {
    const dead = {
      id: 'dead',
      storage: { ...createMemoryStorage(), describe: () => [Promise.reject(failure)] },
    }
    const app = createCoordinator([full(), dead], { createHasher })
    expect((await app.request('/files/f')).status).toBe(200)
    const response = await app.request('/files/f', strict)
    expect(await response.json()).toMatchObject({ status: 503, type: 'too-few-answers' })
  })

  it('changes nothing for copies that agree, differ or are all absent', async () => {
    const other = { id: 'other', storage: createMemoryStorage({ f: 'y' }) }
    const status = async (...replicas: Parameters<typeof createCoordinator>[0]) =>
      (await createCoordinator(replicas, { createHasher }).request('/files/f', strict)).status
    expect(await status(full(), { ...full(), id: 'again' })).toBe(200)
    expect(await status(full(), other)).toBe(409)
    expect(await status(empty())).toBe(404)
  })
})
