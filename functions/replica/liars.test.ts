import { describe, expect, it, vi } from 'vitest'
import { createCoordinator } from '../coordinator/coordinator.ts'
import { coordinate as coordinateAll } from '../coordinator/set-up.suite.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage, type Send } from '../storage/remote/remote.ts'
import type { Storage } from '../storage/storage.ts'
import { createTestHasher as createHasher } from '../storage/suite/set-up.suite.ts'
import { readStates } from '../storage/suite/states.suite.ts'
import { HEARTBEAT_MS, MAX_PROBLEM_BYTES, SILENCE_MS } from '../wire/limits.ts'
import { createReplica } from './replica.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const remote = (fetch: Send) => createRemoteStorage('http://liar.invalid', { fetch })
const problem = { status: 500, headers: { 'Content-Type': 'application/problem+json' } }
const facts = {
  name: 'f',
  size: 1,
  digest: '0'.repeat(64),
  modified: '2026-01-01T00:00:00.000Z',
  evidence: 'read',
  age: 0,
}

/** An endless stream of `chunk` that counts how often it is read. */
function createFlood(chunk: Uint8Array<ArrayBuffer>) {
  const flood = { asked: 0, cancelled: false, body: new ReadableStream<Uint8Array<ArrayBuffer>>() }
  flood.body = new ReadableStream(
    {
      pull(controller) {
        flood.asked++
        controller.enqueue(chunk)
      },
      cancel() {
        flood.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return flood
}

describe('a replica that sends an invalid answer', () => {
  const line = (changes: object) => `${JSON.stringify({ ...facts, ...changes })}\n`
  const error = (changes: object) =>
    `${JSON.stringify({ name: 'f', error: { code: 'unreadable', reason: 'proxy_internal_error', detail: 'x', ...changes } })}\n`

  it.each([
    ['an invalid time', line({ modified: '9999-99-99T00:00:00.000Z' })],
    ['an invalid size', line({ size: -1 })],
    ['an invalid digest', line({ digest: 'x' })],
    ['a reason of any length', error({ reason: 'a'.repeat(40_000) })],
    ['a reason that is not a token', error({ reason: 'a\r\nb' })],
    ['a detail of any length', error({ detail: 'a'.repeat(40_000) })],
    ['text that is not JSON', 'hello\n'],
    ['a line of any length', `${JSON.stringify({ ...facts, more: 'a'.repeat(40_000) })}\n`],
    ['nothing', ''],
    ['another name', line({ name: 'g' })],
  ])('is unreachable when it sends %s', async (_what, text) => {
    const [answer] = remote(async () => new Response(text)).describe(['f'])
    await expect(answer).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('is cut off at a line without end', async () => {
    const flood = createFlood(encode('a'.repeat(4096)))
    const [answer] = remote(async () => new Response(flood.body)).describe(['f'])
    await expect(answer).rejects.toMatchObject({ code: 'unreachable' })
    expect(flood.cancelled).toBe(true)
  })

  it('is cut off at a problem document without end', async () => {
    const flood = createFlood(encode(' '.repeat(4096)))
    await expect(remote(async () => new Response(flood.body, problem)).open('f')).rejects.toThrow()
    expect(flood.cancelled).toBe(true)
    expect(flood.asked * 4096).toBeLessThan(2 * MAX_PROBLEM_BYTES)
  })

  it('is cut off after its last answer', async () => {
    const flood = createFlood(encode(line({})))
    const [answer] = remote(async () => new Response(flood.body)).describe(['f'])
    expect(await answer).toMatchObject({ size: 1 })
    await vi.waitFor(() => expect(flood.cancelled).toBe(true))
  })

  it('is cut off when it does not end after its last answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const cancel = vi.fn()
      const open = new ReadableStream({ start: (controller) => controller.enqueue(encode(line({}))), cancel })
      const [answer] = remote(async () => new Response(open)).describe(['f'])
      expect(await answer).toMatchObject({ size: 1 })
      await new Promise(setImmediate)
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS)
      expect(cancel).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    ['goes back', { entries: [{ name: 'b' }, { name: 'a' }], next: null }],
    ['never ends', { entries: [], next: 'a' }],
    ['leads elsewhere', { entries: [{ name: 'b' }], next: 'a' }],
    ['lists an invalid name', { entries: [{ name: '../a' }], next: null }],
  ])('does not list: a page that %s', async (_what, { entries, next }) => {
    const page = { entries: entries.map((entry) => ({ ...entry, size: 1, modified: null })), next }
    await expect(remote(async () => Response.json(page)).list()).rejects.toMatchObject({
      code: 'unreachable',
    })
  })
})

describe('a coordinator with one good copy', () => {
  const bytes = new Uint8Array(200_000).fill(7)
  const good = () => createMemoryStorage({ f: bytes })
  const read = (first: Storage, init?: RequestInit) => coordinate(first).request('/files/f', init)
  function coordinate(first: Storage) {
    return coordinateAll([first, good()], {}, (i) => `r${i}`)
  }
  const lying = (): Storage => ({
    ...good(),
    open: async (name, options) => {
      const opened = await good().open(name, { ...options, range: undefined })
      const length = options?.range?.length ?? bytes.length
      await opened?.body.cancel()
      return opened && { ...opened, body: new Response(new Uint8Array(length)).body ?? opened.body }
    },
  })

  it('delivers it when the other can never be opened', async () => {
    const response = await read({ ...good(), open: async () => null })
    expect(response.status).toBe(200)
    expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect((await response.arrayBuffer()).byteLength).toBe(bytes.length)
  })

  it('verifies a range that is the whole', async () => {
    const response = await read(lying(), { headers: { Range: 'bytes=0-' } })
    const body = await response.arrayBuffer().catch(() => null)
    expect(body === null || new Uint8Array(body)[0] === 7).toBe(true)
  })

  it('remembers which replica was corrupt, in the cache too', async () => {
    const app = coordinate(lying())
    await (await app.request('/files/f')).arrayBuffer().catch(() => {})
    for (let i = 0; i < 2; i++) {
      const response = await app.request('/files/f')
      expect(readStates(response.headers)).toMatch(/^r0;state=corrupt;.*, r1;state=match$/)
      expect(new Uint8Array(await response.arrayBuffer())[0]).toBe(7)
    }
  })

  it('cancels a copy that falls silent in the middle', async () => {
    const cancel = vi.fn()
    const storage = good()
    // Hashed before time is simulated: hashing takes real time.
    await storage.describe(['f'])[0]
    const open: Storage['open'] = async (name, options) => {
      const opened = await storage.open(name, options)
      const start = (controller: ReadableStreamDefaultController) => controller.enqueue(bytes.slice(0, 1000))
      return opened && { ...opened, body: new ReadableStream({ start, cancel }) }
    }
    const app = createCoordinator([{ id: 'r', storage: { ...storage, open } }], { createHasher })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const reading = Promise.resolve(app.request('/files/f'))
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
      await vi.advanceTimersByTimeAsync(SILENCE_MS)
      expect((await reading).status).toBe(503)
      expect(cancel).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })

  it('cancels the part of a conflict that is being opened when the client leaves', async () => {
    const cancelled: string[] = []
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const replicas = ['1', '2'].map((content) => {
      const storage = createMemoryStorage({ f: content.repeat(100_000) })
      const open: Storage['open'] = async (name, options) => {
        asked.resolve()
        await answered.promise
        const opened = await storage.open(name, options)
        const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(encode(content))
        const cancel = () => void cancelled.push(content)
        return opened && { ...opened, body: new ReadableStream({ pull, cancel }) }
      }
      return { id: `r${content}`, storage: { ...storage, open } }
    })
    const headers = { Accept: 'multipart/mixed' }
    const response = await createCoordinator(replicas, { createHasher }).request('/files/f', { headers })
    const reader = response.body?.getReader()
    for (let i = 0; i < 3; i++) await reader?.read()
    const opening = reader?.read()
    await asked.promise
    await reader?.cancel()
    answered.resolve()
    await opening
    await vi.waitFor(() => expect(cancelled).toEqual(['1']))
  })
})

it('a replica reports the same as the storage behind it', async () => {
  const app = createReplica(createMemoryStorage({ f: 'x' }))
  const storage = remote(async (url, init) => await app.fetch(new Request(url, init)))
  expect(await storage.describe(['f'])[0]).toMatchObject({ size: 1 })
})
