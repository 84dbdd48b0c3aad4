import { describe, expect, it, vi } from 'vitest'
import { fromBytes, toStream } from '../bytes/chunks.ts'
import { createReplica } from '../replica/replica.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage, type SendInit } from '../storage/remote/remote.ts'
import type { Opened, Storage } from '../storage/storage.ts'
import { createTestHasher as createHasher } from '../storage/suite/set-up.suite.ts'
import { readStates, toStates } from '../storage/suite/states.suite.ts'
import { SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createCoordinator } from './coordinator.ts'
import { coordinate as coordinateAll, refusing } from './set-up.suite.ts'

/** A coordinator over these replicas, named server1, server2 and so on. */
const coordinate = (...storages: Storage[]) => coordinateAll(storages)

/** A storage like `storage`, except for `changes`. */
const but = (storage: Storage, changes: Partial<Storage>): Storage => ({ ...storage, ...changes })

async function readProblem(response: Response) {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  return (await response.json()) as Record<string, unknown>
}

describe('a compared read', () => {
  const a = () => createMemoryStorage({ 'f.txt': 'same' })
  const b = () => createMemoryStorage({ 'f.txt': 'other' })
  const empty = () => createMemoryStorage()

  it.each([
    ['unanimous', 200, [a(), a()], 'unanimous;answered=2;of=2', 'server1;state=match, server2;state=match'],
    [
      'incomplete',
      200,
      [a(), empty()],
      'incomplete;answered=2;of=2',
      'server1;state=match, server2;state=missing',
    ],
    [
      'degraded',
      200,
      [refusing, a()],
      'degraded;answered=1;of=2',
      'server1;state=error;error=connection_refused, server2;state=match',
    ],
    [
      'absent',
      404,
      [empty(), empty()],
      'absent;answered=2;of=2',
      'server1;state=missing, server2;state=missing',
    ],
    [
      'unknown',
      503,
      [empty(), refusing],
      'unknown;answered=1;of=2',
      'server1;state=missing, server2;state=error;error=connection_refused',
    ],
  ] as const)('that is %s answers %i', async (_agreement, status, storages, agreement, states) => {
    const response = await coordinate(...storages).request('/files/f.txt')
    expect(response.status).toBe(status)
    expect(response.headers.get('Replica-Agreement')).toBe(agreement)
    expect(readStates(response.headers)).toBe(states)
    if (status === 200) expect(await response.text()).toBe('same')
    else await readProblem(response)
    expect(response.headers.has('Retry-After')).toBe(status === 503)
  })

  it('answers 409 with the manifest when the copies differ', async () => {
    const response = await coordinate(a(), b(), refusing).request('/files/f.txt')
    expect(response.status).toBe(409)
    const problem = await readProblem(response)
    expect(problem).toMatchObject({
      type: 'conflict',
      status: 409,
      name: 'f.txt',
      agreement: 'conflict',
      versions: [
        { size: 4, replicas: ['server1'] },
        { size: 5, replicas: ['server2'] },
      ],
      replicas: [
        { id: 'server1', state: 'differ' },
        { id: 'server2', state: 'differ' },
        { id: 'server3', state: 'error', error: 'connection_refused' },
      ],
    })
  })

  it('delivers a version by its href, and names what the other replicas hold', async () => {
    const app = coordinate(a(), b())
    const { versions } = (await (await app.request('/files/f.txt')).json()) as {
      versions: { href: string }[]
    }
    const response = await app.request(versions[1]?.href ?? '')
    expect(await response.text()).toBe('other')
    expect(readStates(response.headers)).toMatch(
      /^server1;state=differ;version="[0-9a-f]{64}", server2;state=match$/,
    )
    const unheld = `/files/f.txt?version=${'0'.repeat(64)}`
    expect((await app.request(unheld)).status).toBe(404)
    expect((await coordinate(a(), refusing).request(unheld)).status).toBe(503)
  })

  it("delivers one replica's copy uncompared, and reports no agreement", async () => {
    const app = coordinate(a(), b(), empty(), refusing)
    const response = await app.request('/files/f.txt?replica=server2')
    expect(await response.text()).toBe('other')
    expect(readStates(response.headers)).toBe('server2;state=match')
    expect(response.headers.has('Replica-Agreement')).toBe(false)
    expect((await app.request('/files/f.txt?replica=server3')).status).toBe(404)
    expect((await app.request('/files/f.txt?replica=server4')).status).toBe(502)
  })

  it.each([
    ['all', 503],
    ['majority', 503],
    ['2', 503],
    ['1', 200],
  ])('with require=%s and one of two silent answers %i', async (require, status) => {
    const response = await coordinate(a(), refusing).request(`/files/f.txt?require=${require}`)
    expect(response.status).toBe(status)
    if (status === 503) expect(await readProblem(response)).toMatchObject({ type: 'too-few-answers' })
  })

  it.each([
    '?require=0',
    '?require=3',
    '?require=some',
    '?version=xyz',
    '?replica=nobody',
    `?replica=server1&version=${'0'.repeat(64)}`,
  ])('refuses %s, and explains what is valid', async (query) => {
    const response = await coordinate(a(), a()).request(`/files/f.txt${query}`)
    expect(response.status).toBe(400)
    expect(await readProblem(response)).toMatchObject({ type: 'invalid-parameter' })
  })

  it('lets no condition hide a conflict', async () => {
    const app = coordinate(a(), b())
    for (const headers of [{ 'If-None-Match': '*' }, { 'If-Match': '"x"' }, { Range: 'bytes=9-' }]) {
      expect((await app.request('/files/f.txt', { headers })).status).toBe(409)
    }
  })

  it('answers a condition by the content that it delivers', async () => {
    const app = coordinate(a(), a())
    const etag = (await app.request('/files/f.txt', { method: 'HEAD' })).headers.get('ETag') ?? ''
    const unchanged = await app.request('/files/f.txt', { headers: { 'If-None-Match': etag } })
    expect(unchanged.status).toBe(304)
    expect(unchanged.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect((await app.request('/files/f.txt', { headers: { 'If-Match': '"other"' } })).status).toBe(412)
  })

  it('opens nothing for HEAD, and announces what GET would send', async () => {
    const open = vi.fn()
    const response = await coordinate(but(a(), { open })).request('/files/f.txt', { method: 'HEAD' })
    expect(open).not.toHaveBeenCalled()
    expect(response.headers.get('Content-Length')).toBe('4')
    expect(await response.text()).toBe('')
  })

  it('takes the copy of another holder when the first cannot be opened, and reports it', async () => {
    const broken = but(a(), { open: () => Promise.reject(new StorageError('unreadable', 'it is broken')) })
    const response = await coordinate(broken, a()).request('/files/f.txt')
    expect(await response.text()).toBe('same')
    expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect((await coordinate(broken).request('/files/f.txt')).status).toBe(503)
  })

  it('reports a copy as corrupt when its bytes contradict its digest, and sends another', async () => {
    const lying = but(a(), { open: async (name, o) => lie(await a().open(name, o)) })
    const response = await coordinate(lying, a()).request('/files/f.txt')
    expect(await response.text()).toBe('same')
    expect(readStates(response.headers)).toMatch(/^server1;state=corrupt;/)
  })

  it('names the replicas with corrupt copies when none is left to deliver', async () => {
    const lying = () => but(a(), { open: async (name, o) => lie(await a().open(name, o)) })
    const app = coordinate(lying(), lying())
    const detail = '0 of 2 replicas answered, but 1 must; corrupt on server1; corrupt on server2'
    const response = await app.request('/files/f.txt')
    expect(await readProblem(response)).toMatchObject({ type: 'too-few-answers', detail })
  })

  it('compares again when a copy changes before it is sent, up to a limit', async () => {
    const storage = a()
    let changes = 1
    const changing = but(storage, {
      async open(name, options) {
        if (changes-- > 0) storage.set('f.txt', `changed ${changes}`)
        return await storage.open(name, options)
      },
    })
    expect(await (await coordinate(changing).request('/files/f.txt')).text()).toBe('changed 0')
    changes = 100
    const response = await coordinate(changing).request('/files/f.txt')
    expect(response.status).toBe(503)
    expect(await readProblem(response)).toMatchObject({ type: 'changed-while-reading' })
  })

  it('reports a silent replica as one that did not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const silent = but(a(), { describe: () => [new Promise(() => {})] })
      const reading = coordinate(silent, a()).request('/files/f.txt')
      const response = await passTimeUntil(reading)
      expect(readStates(response.headers)).toBe(
        'server1;state=error;error=http_response_timeout, server2;state=match',
      )
    } finally {
      vi.useRealTimers()
    }
  })

  it('waits for a replica for as long as it reports work', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const working = but(a(), {
        describe(names, options) {
          const progress = setInterval(() => options?.onProgress?.({ done: 1 }), SILENCE_MS / 2)
          const done = new Promise((resolve) => setTimeout(resolve, SILENCE_MS * 5)).then(async () => {
            const facts = (await a().describe(names)[0]) ?? null
            clearInterval(progress)
            return facts
          })
          return [done]
        },
      })
      const reading = coordinate(createRemoteStorage('http://r', { fetch: serveReplica(working) })).request(
        '/files/f.txt',
      )
      expect((await passTimeUntil(reading)).status).toBe(200)
    } finally {
      vi.useRealTimers()
    }
  })
})

function serveReplica(storage: Storage) {
  const app = createReplica(storage)
  return async (url: string, init: SendInit) => await app.fetch(new Request(url, init))
}

/** Lets simulated time pass, in small steps between which real work continues, until `promise` settles. */
async function passTimeUntil<T>(promise: Promise<T> | T): Promise<T> {
  let settled = false
  const watched = Promise.resolve(promise).finally(() => {
    settled = true
  })
  while (!settled) {
    await vi.advanceTimersByTimeAsync(SILENCE_MS / 10)
    await new Promise(setImmediate)
  }
  return await watched
}

/** The same announcement with other bytes of the same length. */
function lie(opened: Opened | null): Opened | null {
  return opened && { facts: opened.facts, body: toStream(fromBytes(new Uint8Array(opened.facts.size))) }
}

describe('a conflict', () => {
  const app = coordinate(
    createMemoryStorage({ 'a b/q".txt': 'one' }),
    createMemoryStorage({ 'a b/q".txt': 'two' }),
    createMemoryStorage({ 'a b/q".txt': 'one' }),
  )
  const path = '/files/a%20b/q%22.txt'

  it.each([
    ['multipart/mixed', 300, 'multipart/mixed'],
    ['text/html, multipart/mixed;q=0.1', 300, 'multipart/mixed'],
    ['multipart/mixed;q=0', 409, 'application/problem+json'],
    ['multipart/*', 409, 'application/problem+json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 409, 'text/html'],
    ['application/json', 409, 'application/problem+json'],
    ['*/*', 409, 'application/problem+json'],
    ['', 409, 'application/problem+json'],
    [')(garbage', 409, 'application/problem+json'],
  ])('answers Accept: %s with %i %s', async (accept, status, type) => {
    const response = await app.request(path, { headers: { Accept: accept } })
    expect(response.status).toBe(status)
    expect(response.headers.get('Content-Type')).toContain(type)
    expect(response.headers.get('Vary')).toBe('Accept')
    expect(Number(response.headers.get('Content-Length'))).toBe((await response.arrayBuffer()).byteLength)
  })

  it('has a part for the manifest and one for each version', async () => {
    const response = await app.request(path, { headers: { Accept: 'multipart/mixed' } })
    const boundary = /boundary="([^"]+)"/.exec(response.headers.get('Content-Type') ?? '')?.[1] ?? ''
    const parts = (await response.text()).split(`\r\n--${boundary}`).slice(1)
    expect(parts).toHaveLength(4)
    expect(parts[3]).toBe('--\r\n')
    expect(parts[0]).toContain('"agreement":"conflict"')
    expect(parts[1]).toContain('filename="server1_version.txt"')
    expect(toStates(parts[1] ?? '')).toContain('Replica-Status: server1;state=match, server2;state=differ')
    expect(parts[1]?.endsWith('\r\n\r\none')).toBe(true)
    expect(parts[2]?.endsWith('\r\n\r\ntwo')).toBe(true)
  })

  it('is escaped on the page', async () => {
    const name = '<img src=x onerror=alert(1)>.svg'
    const hostile = coordinate(createMemoryStorage({ [name]: '1' }), createMemoryStorage({ [name]: '2' }))
    const response = await hostile.request(`/files/${encodeURIComponent(name)}`, {
      headers: { Accept: 'text/html' },
    })
    const page = await response.text()
    expect(page).toContain('&lt;img')
    expect(page).not.toContain('<img')
  })
})

describe('a coordinator', () => {
  const app = coordinate(createMemoryStorage({ f: '1' }), refusing)

  it('names the replicas that answer, and never their addresses', async () => {
    const response = await app.request('/replicas')
    const body = await response.text()
    expect(JSON.parse(body)).toEqual({
      replicas: [
        { id: 'server1', state: 'ok', breaker: 'closed', listings: 'closed', corrupt: 0 },
        {
          id: 'server2',
          state: 'error',
          error: 'connection_refused',
          detail: 'the replica refused the connection',
          breaker: 'closed',
          listings: 'closed',
          corrupt: 0,
        },
      ],
    })
    expect(body).not.toContain('replica.invalid')
    expect((await app.request('/replicas', { headers: { Accept: 'image/png' } })).status).toBe(406)
  })

  it('is alive at /healthz', async () => {
    expect(await (await app.request('/healthz')).json()).toEqual({ status: 'ok' })
  })

  it.each([
    ['POST', '/files/f', 405, 'method-not-allowed'],
    ['DELETE', '/replicas', 405, 'method-not-allowed'],
    ['GET', '/nowhere', 404, 'no-such-resource'],
    ['GET', '/files/%2e%2e%2fsecret', 400, 'invalid-name'],
    ['GET', '/files/a%2fb', 400, 'invalid-name'],
    ['GET', '/files/%ff', 400, 'invalid-name'],
    ['GET', '/files/a%00', 400, 'invalid-name'],
    ['GET', '/files//etc/passwd', 400, 'invalid-name'],
    ['GET', '/files/.vouch/index', 400, 'invalid-name'],
    ['GET', `/files/${'a/'.repeat(5000)}b`, 414, 'uri-too-long'],
  ])('answers %s %s with %i %s', async (method, path, status, type) => {
    const response = await app.request(path, { method })
    expect(response.status).toBe(status)
    expect(await readProblem(response)).toMatchObject({ type, status })
    expect(response.headers.has('Allow')).toBe(status === 405)
  })

  it('answers a bug with a problem without details, and logs it', async () => {
    const log = vi.fn()
    const broken = but(createMemoryStorage({ f: '1' }), {
      open: () => Promise.reject(new TypeError('secret stack')),
    })
    const bug = createCoordinator([{ id: 'a', storage: broken }], { createHasher, log })
    const response = await bug.request('/files/f')
    expect(response.status).toBe(500)
    expect(JSON.stringify(await readProblem(response))).not.toContain('secret')
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ status: 500, error: expect.any(TypeError) }))
  })

  it('logs one entry a request', async () => {
    const log = vi.fn()
    const storage = createMemoryStorage({ f: '1' })
    await createCoordinator([{ id: 'a', storage }], { createHasher, log }).request('/files/f?require=1')
    expect(log.mock.calls).toEqual([
      [
        expect.objectContaining({
          method: 'GET',
          path: '/files/f?require=1',
          status: 200,
          agreement: 'unanimous',
          states: expect.stringMatching(/^a;state=match;evidence=remembered;age=\d+$/),
        }),
      ],
    ])
  })

  it.each([[[]], [['a', 'a']], [['not a token']], [['../a']]])('rejects the ids %j', (ids) => {
    const replicas = ids.map((id) => ({ id, storage: createMemoryStorage() }))
    expect(() => createCoordinator(replicas, { createHasher })).toThrow()
  })
})
