import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import type { DescribeOptions, PutOptions, Storage, WritableStorage } from '../storage/storage.ts'
import {
  BODY_MS,
  FIRST_ANSWERS_MS,
  HEARTBEAT_MS,
  MAX_DESCRIBE_BYTES,
  MAX_LISTINGS,
  MAX_NAMES_PER_DESCRIBE,
} from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createReplica } from './replica.ts'

const files = { 'a.txt': 'hello world', 'dir/b': '' }
const replica = (storage: Storage = createMemoryStorage(files)) => createReplica(storage)

async function ask(app: ReturnType<typeof replica>, names: unknown) {
  return await app.request('/describe', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ names }),
  })
}

async function readLines(response: Response) {
  return (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Lets simulated time pass, while real work continues, until `promise` settles. */
async function passTimeUntil(promise: Promise<unknown>): Promise<void> {
  let settled = false
  promise.finally(() => {
    settled = true
  })
  while (!settled) {
    await vi.advanceTimersByTimeAsync(FIRST_ANSWERS_MS)
    await new Promise(setImmediate)
  }
}

describe('POST /describe', () => {
  it('rejects a body that does not end in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const init = {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: new ReadableStream(),
        duplex: 'half',
      }
      const answer = Promise.resolve(replica().request('/describe', init))
      await vi.advanceTimersByTimeAsync(BODY_MS)
      expect((await answer).status).toBe(408)
    } finally {
      vi.useRealTimers()
    }
  })

  it('returns a line for each name: facts, absence, or its own error', async () => {
    const response = await ask(replica(), ['a.txt', 'nothing', '../up', 'a.txt'])
    expect(response.headers.get('Content-Type')).toBe('application/x-ndjson')
    const lines = await readLines(response)
    expect(lines).toHaveLength(3)
    expect(lines).toContainEqual({
      name: 'a.txt',
      size: 11,
      digest: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
      modified: expect.stringMatching(/Z$/),
      evidence: 'remembered',
      age: expect.any(Number),
    })
    expect(lines).toContainEqual({ name: 'nothing', absent: true })
    expect(lines).toContainEqual({ name: '../up', error: expect.objectContaining({ code: 'invalid-name' }) })
  })

  it('sends each answer as it is ready, and signs of life only while work makes progress', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const slow = Promise.withResolvers<null>()
      let work = () => {}
      const storage = {
        ...createMemoryStorage(),
        describe: (_names: readonly string[], options?: DescribeOptions) => {
          work = () => options?.onProgress?.({ done: 5, reading: { name: 'slow', bytes: 5, size: 10 } })
          return [slow.promise, Promise.resolve(null)]
        },
      }
      const asking = ask(replica(storage), ['slow', 'quick'])
      await passTimeUntil(asking)
      const reader = (await asking).body?.getReader()
      const next = async () => JSON.parse(new TextDecoder().decode((await reader?.read())?.value)) as unknown
      expect(await next()).toEqual({ name: 'quick', absent: true })
      work()
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 3)
      const reading = { name: 'slow', bytes: 5, size: 10 }
      expect(await next()).toEqual({ working: 1, work: 5, reading })
      work()
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 3)
      expect(await next()).toEqual({ working: 1, work: 10, reading })
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 3)
      slow.resolve(null)
      expect(await next()).toEqual({ name: 'slow', absent: true })
      expect((await reader?.read())?.done).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })

  it('sends a body that is soon complete in one piece, its length announced', async () => {
    const response = await ask(replica(), ['a.txt', 'nothing'])
    expect(Number(response.headers.get('Content-Length'))).toBe((await response.arrayBuffer()).byteLength)
  })

  it('stops the work when the client leaves', async () => {
    let signal: AbortSignal | undefined
    const storage = {
      ...createMemoryStorage(),
      describe: (_names: readonly string[], options?: { signal?: AbortSignal | undefined }) => {
        signal = options?.signal
        return [new Promise<null>(() => {})]
      },
    }
    await (await ask(replica(storage), ['slow'])).body?.cancel()
    expect(signal?.aborted).toBe(true)
  })

  it.each([
    ['no JSON', { body: '{' }, 400, 'invalid-body'],
    ['no names', { body: '{}' }, 400, 'invalid-body'],
    ['names that are not strings', { body: '{"names":[1]}' }, 400, 'invalid-body'],
    ['an empty body', {}, 400, 'invalid-body'],
    [
      'too many names',
      { body: JSON.stringify({ names: Array(MAX_NAMES_PER_DESCRIBE + 1).fill('a') }) },
      400,
      'invalid-body',
    ],
    ['too large a body', { body: ' '.repeat(MAX_DESCRIBE_BYTES + 1) }, 413, 'too-large'],
    [
      'another type',
      { body: '{}', headers: { 'Content-Type': 'text/plain' } },
      415,
      'unsupported-media-type',
    ],
    ['GET', { method: 'GET' }, 405, 'method-not-allowed'],
  ])('refuses %s', async (_what, init, status, type) => {
    const headers = { 'Content-Type': 'application/json' }
    const response = await replica().request('/describe', { method: 'POST', headers, ...init })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type, status })
  })
})

describe('GET /files/{name}', () => {
  it('sends the file with its digest', async () => {
    const response = await replica().request('/files/a.txt')
    expect(await response.text()).toBe('hello world')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '11',
      'content-type': 'text/plain',
      etag: '"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"',
      'repr-digest': 'sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
    })
  })

  it('sends a range, and refuses one outside', async () => {
    const part = await replica().request('/files/a.txt', { headers: { Range: 'bytes=6-' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('Content-Range')).toBe('bytes 6-10/11')
    expect(await part.text()).toBe('world')
    const outside = await replica().request('/files/a.txt', { headers: { Range: 'bytes=11-' } })
    expect(outside.status).toBe(416)
    expect(outside.headers.get('Content-Range')).toBe('bytes */11')
  })

  it('refuses with 412 when the file is no longer the requested one', async () => {
    const headers = { 'If-Match': `"${'0'.repeat(64)}"` }
    expect((await replica().request('/files/a.txt', { headers })).status).toBe(412)
    expect((await replica().request('/files/a.txt', { method: 'HEAD', headers })).status).toBe(412)
  })

  it.each([
    ['304', { 'If-None-Match': '*' }],
    ['412', { 'If-Match': '"x"' }],
    ['416', { Range: 'bytes=99-' }],
  ])('cancels the file it opened when it answers %s', async (status, headers) => {
    const cancel = vi.fn()
    const memory = createMemoryStorage(files)
    const open: Storage['open'] = async (name, options) => {
      const opened = await memory.open(name, options)
      return opened && { ...opened, body: new ReadableStream({ cancel }, { highWaterMark: 0 }) }
    }
    const response = await replica({ ...memory, open }).request('/files/a.txt', { headers })
    expect(String(response.status)).toBe(status)
    expect(cancel).toHaveBeenCalledOnce()
  })

  it.each([
    ['nothing', 404, 'not-found'],
    ['%2e%2e/x', 404, 'no-such-resource'],
    ['..%2fx', 400, 'invalid-name'],
    ['a%5cb', 400, 'invalid-name'],
  ])('answers %s with %i %s', async (path, status, type) => {
    const response = await replica().request(`/files/${path}`)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type })
  })

  it.each([
    ['not-a-file', 403, 'not-a-file'],
    ['unreadable', 502, 'unreadable'],
    ['unreachable', 502, 'unreachable'],
  ] as const)('answers with the store error %s as %i', async (code, status, type) => {
    const open = () => Promise.reject(new StorageError(code, 'words for people'))
    const response = await replica({ ...createMemoryStorage(files), open }).request('/files/a.txt')
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type, detail: 'words for people' })
  })
})

describe('GET /files', () => {
  it('lists in pages', async () => {
    const first = (await (await replica().request('/files?limit=1')).json()) as { next: string }
    expect(first).toMatchObject({ entries: [{ name: 'a.txt', size: 11 }], next: 'a.txt' })
    const second = await (await replica().request(`/files?limit=1&after=${first.next}`)).json()
    expect(second).toMatchObject({ entries: [{ name: 'dir/b', size: 0 }], next: null })
  })

  it.each(['0', '1001', 'x', '1.5', '-1'])('refuses limit=%s', async (limit) => {
    expect((await replica().request(`/files?limit=${limit}`)).status).toBe(400)
  })
})

describe('PUT /files/{name}', () => {
  const digest = 'sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:'
  const put = (headers: Record<string, string>, writable = true) =>
    createReplica(createMemoryStorage(files), { writable }).request('/files/new', {
      method: 'PUT',
      body: 'hello world',
      headers: { 'Content-Length': '11', 'Repr-Digest': digest, ...headers },
    })

  it('writes a file that carries its digest and names what it replaces', async () => {
    const response = await put({ 'If-None-Match': '*' })
    expect(response.status).toBe(201)
    expect(response.headers.get('Location')).toBe('/files/new')
    expect(response.headers.get('Repr-Digest')).toBe(digest)
  })

  it.each([
    ['no condition', {}, 428],
    ['If-Match: *', { 'If-Match': '*' }, 428],
    ['another content', { 'If-Match': `"${'0'.repeat(64)}"` }, 412],
    ['no digest', { 'If-None-Match': '*', 'Repr-Digest': '' }, 400],
    ['another digest', { 'If-None-Match': '*', 'Repr-Digest': `sha-256=:${'A'.repeat(43)}=:` }, 502],
  ])('refuses a write with %s', async (_what, headers, status) => {
    expect((await put(headers)).status).toBe(status)
  })

  it.each([
    ['File-Modified', 'yesterday'],
    ['File-Modified', ''],
    ['File-Modes', '4755'],
    ['File-Modes', 'rwx'],
  ])('refuses %s: %s as invalid-body, and writes nothing', async (field, value) => {
    const response = await put({ 'If-None-Match': '*', [field]: value })
    expect([response.status, await response.json()]).toMatchObject([400, { type: 'invalid-body' }])
  })

  it('passes the time and the permissions to the store, and names attributes that were not kept', async () => {
    const storage = createMemoryStorage()
    let taken: PutOptions | undefined
    const watching: WritableStorage = {
      ...storage,
      readModes: async () => [0o700, 0o640],
      async put(name, body, options) {
        taken = options
        return { ...(await storage.put(name, body, options)), unkept: ['owner', 'attributes'] }
      },
    }
    const app = createReplica(watching, { writable: true })
    const response = await app.request('/files/dir/new', {
      method: 'PUT',
      body: 'hello world',
      headers: {
        'Content-Length': '11',
        'Repr-Digest': digest,
        'If-None-Match': '*',
        'File-Modified': '1265079845.678',
        'File-Modes': '700, 640',
      },
    })
    expect([response.status, response.headers.get('Not-Kept')]).toEqual([201, 'owner, attributes'])
    expect(taken).toMatchObject({ modified: 1_265_079_845_678, modes: [0o700, 0o640] })
    const head = await app.request('/files/dir/new', { method: 'HEAD' })
    expect(head.headers.get('File-Modified')).toBe('1265079845.678')
    expect(head.headers.get('File-Modes')).toBe('700, 640')
  })

  it('is a method that a read-only replica rejects', async () => {
    const response = await put({ 'If-None-Match': '*' }, false)
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD')
  })
})

describe('a listing', () => {
  it.each(['/files', '/files?limit=1', '/kept', '/readyz'])(
    'of %s is refused to a page of another site',
    async (path) => {
      for (const site of ['cross-site', 'same-site']) {
        const response = await replica().request(path, { headers: { 'Sec-Fetch-Site': site } })
        expect(response.status).toBe(403)
        expect(await response.json()).toMatchObject({ type: 'cross-site' })
      }
      for (const site of ['none', 'same-origin']) {
        expect((await replica().request(path, { headers: { 'Sec-Fetch-Site': site } })).status).toBe(200)
      }
      expect((await replica().request(path)).status).toBe(200)
    },
  )

  it('is refused with 503 at the limit of listings, and accepted when another is cancelled', async () => {
    const left: AbortController[] = []
    const waiting = async ({ signal }: { readonly signal?: AbortSignal | undefined } = {}) =>
      await new Promise<never>((_, reject) => {
        const leave = () => reject(new StorageError('unreachable', 'it was left'))
        signal?.addEventListener('abort', leave)
      })
    const app = replica({ ...createMemoryStorage(files), list: waiting })
    const asked = Array.from({ length: MAX_LISTINGS }, () => {
      const abort = new AbortController()
      left.push(abort)
      return app.request('/files', { signal: abort.signal })
    })
    for (const path of ['/files', '/kept']) {
      const refused = await app.request(path)
      expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '1'])
    }
    left[0]?.abort()
    await asked[0]
    expect((await app.request('/kept')).status).toBe(200)
    for (const abort of left) abort.abort()
    await Promise.all(asked)
  })
})
