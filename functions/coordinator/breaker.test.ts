import { describe, expect, it, vi } from 'vitest'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { BREAKER_FAILURES, BREAKER_OPEN_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import { createBreaker } from './breaker.ts'
import { createCoordinator } from './coordinator.ts'

const failure = new StorageError('unreachable', 'refused', { reason: 'connection_refused' })

function createTime() {
  let time = 0
  function pass(ms: number): void {
    time += ms
  }
  return { now: () => time, pass }
}

describe('a breaker', () => {
  it('opens after failures in a row, and answers with the last one', () => {
    const { now } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES - 1; i++) breaker.note(failure)
    breaker.note(null)
    for (let i = 0; i < BREAKER_FAILURES; i++) {
      expect(breaker.refuse()).toBeNull()
      breaker.note(failure)
    }
    expect(breaker.state()).toBe('open')
    expect(breaker.refuse()).toMatchObject({ code: 'unreachable', reason: 'connection_refused' })
  })

  it('lets one question through after a while, and closes when that is answered', () => {
    const { now, pass } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES; i++) breaker.note(failure)
    pass(BREAKER_OPEN_MS)
    expect(breaker.state()).toBe('half-open')
    expect(breaker.refuse()).toBeNull()
    expect(breaker.refuse()).not.toBeNull()
    breaker.note(failure)
    expect(breaker.state()).toBe('open')
    pass(BREAKER_OPEN_MS)
    expect(breaker.refuse()).toBeNull()
    breaker.note(null)
    expect(breaker.state()).toBe('closed')
    expect(breaker.refuse()).toBeNull()
  })

  it('lets another through when nobody says what came of that one', () => {
    const { now, pass } = createTime()
    const breaker = createBreaker({ now })
    for (let i = 0; i < BREAKER_FAILURES; i++) breaker.note(failure)
    pass(BREAKER_OPEN_MS)
    expect(breaker.refuse()).toBeNull()
    pass(BREAKER_OPEN_MS)
    expect(breaker.refuse()).toBeNull()
    expect(breaker.refuse()).not.toBeNull()
  })
})

describe('a coordinator', () => {
  it('asks a replica no more that failed several times in a row, says so, and asks again later', async () => {
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

  it('never takes what it did not ask for absent', async () => {
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

  it('makes an error of a file that somebody lacks', async () => {
    const app = createCoordinator([full(), empty()], { createHasher })
    expect((await app.request('/files/f')).status).toBe(200)
    const response = await app.request('/files/f', strict)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ type: 'incomplete', detail: 'no copy on empty' })
  })

  it('makes an error of a replica that does not answer', async () => {
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
