import { afterEach, expect, it, vi } from 'vitest'
import { fromBytes, toStream } from '../bytes/chunks.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { createTestHasher as createHasher } from '../storage/suite/set-up.suite.ts'
import { NOTHING_SEEN } from '../storage/survey/survey.ts'
import { BREAKER_FAILURES, BREAKER_OPEN_MS, MAX_CACHED_CONTENT_BYTES } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createCoordinator } from './coordinator.ts'
import type { Observer } from './observer.ts'

afterEach(() => void vi.useRealTimers())

/** A coordinator of replicas `a`, `b` and so on, and the notifications of its observer. */
function observe(...storages: Storage[]) {
  const heard: string[] = []
  const observer: Observer = {
    onAsked: (id, ms) => void heard.push(`${id} asked ${ms >= 0}`),
    onFailed: (id, { reason }) => void heard.push(`${id} failed ${reason}`),
    onBreaker: (id, isOpen) => void heard.push(`${id} ${isOpen ? 'open' : 'closed'}`),
    onAudited: ({ isWhole, summary }) => void heard.push(`audit ${isWhole} ${summary?.agreement}`),
  }
  const replicas = storages.map((storage, i) => ({ id: String.fromCharCode(97 + i), storage }))
  return { app: createCoordinator(replicas, { createHasher, observer }), heard }
}

const dead: Storage = {
  ...createMemoryStorage(),
  describe: (names) =>
    names.map(() =>
      Promise.reject(new StorageError('unreachable', 'gone', { reason: 'connection_refused' })),
    ),
  list: () => Promise.reject(new StorageError('unreachable', 'gone', { reason: 'dns_error' })),
}

it('an observer is notified of each request and its error, and once when a breaker opens', async () => {
  const { app, heard } = observe(createMemoryStorage({ f: 'text' }), dead)
  for (let i = 0; i < BREAKER_FAILURES + 2; i++) await app.request('/files/f')
  expect(heard.filter((one) => one === 'a asked true')).toHaveLength(BREAKER_FAILURES + 2)
  expect(heard.filter((one) => one === 'b asked true')).toHaveLength(BREAKER_FAILURES)
  expect(heard.filter((one) => one === 'b failed connection_refused')).toHaveLength(BREAKER_FAILURES)
  expect(heard.filter((one) => one === 'b open')).toHaveLength(1)
})

it('an observer is notified when a skipped replica is asked again', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  let isBack = false
  const memory = createMemoryStorage()
  const describe: Storage['describe'] = (names) => (isBack ? memory : dead).describe(names)
  const { app, heard } = observe({ ...memory, describe })
  for (let i = 0; i < BREAKER_FAILURES; i++) await app.request('/files/f')
  expect(heard.at(-1)).toBe('a open')
  isBack = true
  vi.setSystemTime(Date.now() + BREAKER_OPEN_MS)
  await app.request('/files/f')
  expect(heard.slice(-2)).toEqual(['a asked true', 'a closed'])
})

it('an observer is notified of a failed listing', async () => {
  const { app, heard } = observe(dead)
  await app.request('/files')
  expect(heard).toEqual(['a failed dns_error'])
})

it('an observer is notified of a copy that breaks off, and of one that cannot be opened', async () => {
  const bytes = new Uint8Array(2 * MAX_CACHED_CONTENT_BYTES).fill(1)
  const memory = createMemoryStorage({ f: bytes })
  const breaking: Storage = {
    ...memory,
    async open(name, options) {
      const opened = await memory.open(name, options)
      const chunks = fromBytes(bytes.subarray(0, 100))
      let isGiven = false
      const body = toStream({
        ...chunks,
        async next() {
          if (isGiven) throw new StorageError('unreachable', 'broke off', { reason: 'connection_terminated' })
          isGiven = true
          return await chunks.next()
        },
      })
      return opened && { ...opened, body }
    },
  }
  const closed: Storage = {
    ...memory,
    open: () => Promise.reject(new StorageError('unreadable', 'cannot', { reason: 'proxy_internal_error' })),
  }
  const { app, heard } = observe(breaking, closed)
  const response = await app.request('/files/f')
  await response.bytes().catch(() => {})
  expect(heard).toContain('a failed connection_terminated')
  expect(heard).toContain('b failed proxy_internal_error')
})

it('an observer is notified of the result of an audit, of its coverage, and of one that was not read to its end', async () => {
  const { app, heard } = observe(createMemoryStorage({ f: '1' }), createMemoryStorage())
  await (await app.request('/audit')).text()
  expect(heard.at(-1)).toBe('audit true incomplete')
  await (await app.request('/audit?prefix=g')).text()
  expect(heard.at(-1)).toBe('audit false absent')
  await (await app.request('/audit?match=*.txt')).text()
  expect(heard.at(-1)).toBe('audit false absent')
  const endless = observe({
    ...createMemoryStorage(),
    async *survey(_survey, { signal } = {}) {
      for (;;) {
        signal?.throwIfAborted()
        yield { seen: NOTHING_SEEN, of: null }
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  })
  const cancelled = await endless.app.request('/audit')
  await cancelled.body?.cancel()
  await expect.poll(() => endless.heard).toContain('audit true undefined')
})
