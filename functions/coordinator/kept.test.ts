import { describe, expect, it, vi } from 'vitest'
import { createReplica } from '../replica/replica.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import type { Storage, WritableStorage } from '../storage/storage.ts'
import { hash, toBytes } from '../storage/suite/set-up.suite.ts'
import { createSource, readBytes, toPut } from '../storage/suite/suite-tools.suite.ts'
import { ANSWER_MS, SILENCE_MS } from '../wire/limits.ts'
import { coordinate as coordinateAll } from './set-up.suite.ts'

const [OLD, NEW] = [await hash(toBytes('old')), await hash(toBytes('new'))]

async function createWritten() {
  const storage = createMemoryStorage({ a: 'old' })
  await storage.put('a', createSource(toBytes('new')).body, await toPut(toBytes('new'), OLD))
  return storage
}

function coordinate(replicas: Record<string, Storage>, writable = true) {
  const ids = Object.keys(replicas)
  return coordinateAll(Object.values(replicas), { writable }, (i) => ids[i] ?? '')
}

async function restore(app: ReturnType<typeof coordinate>, body: unknown) {
  const headers = { 'Content-Type': 'application/json' }
  return await app.request('/restore', { method: 'POST', headers, body: JSON.stringify(body) })
}

const readJson = async (response: Response) => (await response.json()) as Record<string, unknown>

const readText = async (storage: Storage) => new TextDecoder().decode(await readBytes(storage, 'a'))

describe('GET /kept', () => {
  it('returns the kept contents of one replica', async () => {
    const app = coordinate({ server1: createMemoryStorage(), server2: await createWritten() }, false)
    expect(await readJson(await app.request('/kept?replica=server1'))).toEqual({ entries: [], next: null })
    const page = { entries: [{ name: 'a', digest: OLD, size: 3 }], next: null }
    expect(await readJson(await app.request('/kept?replica=server2'))).toMatchObject(page)
    expect(await readJson(await app.request('/kept?replica=server2&name=a&limit=1'))).toMatchObject(page)
    expect(await readJson(await app.request('/kept?replica=server2&name=b'))).toMatchObject({ entries: [] })
    expect(await readJson(await app.request(`/kept?replica=server2&after=${OLD}/a`))).toMatchObject({
      entries: [],
    })
  })

  it.each([
    ['', 'invalid-parameter', "replica takes one of server1, got ''"],
    ['?replica=nas', 'invalid-parameter', "replica takes one of server1, got 'nas'"],
    ['?replica=server1&limit=0', 'invalid-parameter', "limit takes 1 to 1000, got '0'"],
    ['?replica=server1&name=..', 'invalid-name', expect.stringContaining('a name is')],
  ])('refuses %j as %s', async (query, type, detail) => {
    const response = await coordinate({ server1: await createWritten() }).request(`/kept${query}`)
    expect(response.status).toBe(400)
    expect(await readJson(response)).toMatchObject({ type, detail })
  })

  it('reports a replica that does not answer in time as unreachable', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const silent = { ...createMemoryStorage(), listKept: () => new Promise<never>(() => {}) }
      const answer = Promise.resolve(coordinate({ server1: silent }).request('/kept?replica=server1'))
      await vi.advanceTimersByTimeAsync(SILENCE_MS)
      expect(await readJson(await answer)).toMatchObject({ type: 'unreachable', status: 502 })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('POST /restore', () => {
  it('restores a content on the named replica, and on no other', async () => {
    const [server1, server2] = [await createWritten(), await createWritten()]
    const remote = createReplica(server2, { writable: true })
    const fetch = async (url: string, init: object) => await remote.fetch(new Request(url, init))
    const app = coordinate({ server1, server2: createRemoteStorage('http://replica.test', { fetch }) })
    const response = await restore(app, { replica: 'server2', name: 'a', digest: OLD, replaces: NEW })
    expect(response.status).toBe(200)
    expect(await readJson(response)).toMatchObject({ name: 'a', digest: OLD, size: 3 })
    expect([await readText(server1), await readText(server2)]).toEqual(['new', 'old'])
  })

  it.each([
    [412, 'precondition-failed', { replica: 'server1', name: 'a', digest: OLD, replaces: null }],
    [404, 'not-kept', { replica: 'server1', name: 'a', digest: NEW, replaces: NEW }],
    [400, 'invalid-name', { replica: 'server1', name: '.vouch/x', digest: OLD, replaces: NEW }],
    [400, 'invalid-body', { replica: 'nas', name: 'a', digest: OLD, replaces: NEW }],
    [400, 'invalid-body', { replica: '../x', name: 'a', digest: OLD, replaces: NEW }],
    [400, 'invalid-body', { name: 'a', digest: OLD, replaces: NEW }],
    [403, 'read-only', { replica: 'reading', name: 'a', digest: OLD, replaces: NEW }],
  ])('answers %d %s to an invalid restore', async (status, type, body) => {
    const storage = await createWritten()
    const reading = createReplica(storage)
    const fetch = async (url: string, init: object) => await reading.fetch(new Request(url, init))
    const replicas = { server1: storage, reading: createRemoteStorage('http://replica.test', { fetch }) }
    const response = await restore(coordinate(replicas), body)
    expect(response.status).toBe(status)
    expect(await readJson(response)).toMatchObject({ type, status })
    expect(await readText(storage)).toBe('new')
  })

  it('is refused by a read-only coordinator', async () => {
    const server1 = await createWritten()
    const body = { replica: 'server1', name: 'a', digest: OLD, replaces: NEW }
    const response = await restore(coordinate({ server1 }, false), body)
    expect(response.status).toBe(403)
    expect(await readJson(response)).toMatchObject({ type: 'read-only' })
    expect(await readText(server1)).toBe('new')
  })

  it('accepts only JSON, and no other method', async () => {
    const app = coordinate({ server1: await createWritten() })
    const body = JSON.stringify({ replica: 'server1', name: 'a', digest: OLD, replaces: NEW })
    expect((await app.request('/restore', { method: 'POST', body })).status).toBe(415)
    expect((await app.request('/restore')).status).toBe(405)
    expect((await app.request('/kept', { method: 'POST', body })).status).toBe(405)
  })

  it('waits for a replica that copies as long as for one that hashes, then cancels', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const asked = Promise.withResolvers<AbortSignal | undefined>()
      const slow: WritableStorage = {
        ...createMemoryStorage(),
        restore(_name, { signal }) {
          asked.resolve(signal)
          return new Promise(() => {})
        },
      }
      const body = { replica: 'server1', name: 'a', digest: OLD, replaces: NEW }
      const answer = restore(coordinate({ server1: slow }), body)
      const signal = await asked.promise
      await vi.advanceTimersByTimeAsync(ANSWER_MS - 1)
      expect(signal?.aborted).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect((await answer).status).toBe(502)
      expect(signal?.aborted).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })
})
