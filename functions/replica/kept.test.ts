import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import { hash, toBytes } from '../storage/suite/set-up.suite.ts'
import { createSource, expectTrouble, toPut } from '../storage/suite/suite-tools.suite.ts'
import { MAX_RESTORE_BYTES } from '../wire/limits.ts'
import { createReplica } from './replica.ts'

const [OLD, NEW] = [await hash(toBytes('old')), await hash(toBytes('new'))]

/** A replica on which `a` held 'old', and `dir/b` too, and both hold 'new'. */
async function createWritten(writable = true) {
  const storage = createMemoryStorage({ a: 'old', 'dir/b': 'old' })
  for (const name of ['a', 'dir/b']) {
    await storage.put(name, createSource(toBytes('new')).body, await toPut(toBytes('new'), OLD))
  }
  return createReplica(storage, { writable })
}

type App = ReturnType<typeof createReplica>

async function restore(app: App, body: unknown, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return await app.request('/restore', { method: 'POST', headers: { 'Content-Type': type }, body: text })
}

const readJson = async (response: Response) => (await response.json()) as Record<string, unknown>

describe('GET /kept', () => {
  it('returns the replaced contents, in order, and the next page', async () => {
    const app = await createWritten()
    const response = await app.request('/kept?limit=1')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const kept = expect.stringMatching(/^\d{4}-.*Z$/)
    const next = `${OLD}/a`
    expect(await readJson(response)).toEqual({ entries: [{ name: 'a', digest: OLD, size: 3, kept }], next })
    const rest = await readJson(await app.request(`/kept?after=${encodeURIComponent(next)}`))
    expect(rest).toMatchObject({ entries: [{ name: 'dir/b' }], next: null })
    const ofOne = await readJson(await app.request('/kept?name=dir%2Fb'))
    expect(ofOne).toMatchObject({ entries: [{ name: 'dir/b' }], next: null })
  })

  it('answers on a read-only replica too', async () => {
    const { entries } = await readJson(await (await createWritten(false)).request('/kept'))
    expect(entries).toHaveLength(2)
  })

  it.each([
    ['limit=0', 'invalid-parameter'],
    ['limit=1001', 'invalid-parameter'],
    ['limit=x', 'invalid-parameter'],
    ['name=', 'invalid-name'],
    ['name=..%2Fx', 'invalid-name'],
    ['name=.vouch%2Fkept', 'invalid-name'],
  ])('refuses ?%s as %s', async (query, type) => {
    const response = await (await createWritten()).request(`/kept?${query}`)
    expect(response.status).toBe(400)
    expect(await readJson(response)).toMatchObject({ type })
  })

  it('does not show kept contents as files', async () => {
    const app = await createWritten()
    expect((await app.request(`/files/.vouch/kept/${OLD}/a`)).status).toBe(400)
    const { entries } = await readJson(await app.request('/files'))
    expect(entries).toMatchObject([{ name: 'a' }, { name: 'dir/b' }])
  })
})

describe('POST /restore', () => {
  it('restores a content and returns the facts of the file', async () => {
    const app = await createWritten()
    const response = await restore(app, { name: 'dir/b', digest: OLD, replaces: NEW })
    expect(response.status).toBe(200)
    expect(await readJson(response)).toMatchObject({
      name: 'dir/b',
      digest: OLD,
      size: 3,
      evidence: 'read',
      age: 0,
    })
    expect(await (await app.request('/files/dir/b')).text()).toBe('old')
  })

  it.each([
    [412, 'precondition-failed', { name: 'a', digest: OLD, replaces: null }],
    [412, 'precondition-failed', { name: 'a', digest: OLD, replaces: OLD }],
    [404, 'not-kept', { name: 'a', digest: NEW, replaces: NEW }],
    [404, 'not-kept', { name: 'b', digest: OLD, replaces: null }],
    [400, 'invalid-name', { name: '../a', digest: OLD, replaces: null }],
    [400, 'invalid-body', { name: 'a', digest: OLD }],
    [400, 'invalid-body', { name: 'a', digest: OLD.slice(1), replaces: NEW }],
    [400, 'invalid-body', { name: 'a', digest: OLD.toUpperCase(), replaces: NEW }],
    [400, 'invalid-body', { name: ['a'], digest: OLD, replaces: NEW }],
    [400, 'invalid-body', '{'],
    [413, 'too-large', { name: 'a'.repeat(MAX_RESTORE_BYTES), digest: OLD, replaces: NEW }],
  ])('answers %d %s to an invalid restore', async (status, type, body) => {
    const app = await createWritten()
    const response = await restore(app, body)
    expect(response.status).toBe(status)
    expect(await readJson(response)).toMatchObject({ type, status })
    expect(await (await app.request('/files/a')).text()).toBe('new')
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])(
    'rejects a body of type %j, which a page of another site could send',
    async (type) => {
      const app = await createWritten()
      const response = await restore(app, { name: 'a', digest: OLD, replaces: NEW }, type)
      expect(response.status).toBe(415)
      expect(await (await app.request('/files/a')).text()).toBe('new')
    },
  )

  it('is refused by a read-only replica, even over a writable storage', async () => {
    const app = await createWritten(false)
    const response = await restore(app, { name: 'a', digest: OLD, replaces: NEW })
    expect(response.status).toBe(403)
    expect(await readJson(response)).toMatchObject({ type: 'read-only' })
    expect(await (await app.request('/files/a')).text()).toBe('new')
  })

  it('rejects other methods', async () => {
    const app = await createWritten()
    for (const [path, allowed] of [
      ['/restore', 'POST'],
      ['/kept', 'GET, HEAD'],
    ] as const) {
      const response = await app.request(path, { method: 'DELETE' })
      expect([response.status, response.headers.get('Allow')]).toEqual([405, allowed])
    }
    expect((await app.request('/restore')).status).toBe(405)
  })
})

describe('a replica that violates the protocol', () => {
  const entry = (name: string, digest = OLD) => ({ name, digest, size: 3, kept: null })

  function ask(body: unknown, status = 200) {
    return createRemoteStorage('http://replica.test', { fetch: async () => Response.json(body, { status }) })
  }

  it.each([
    ['a page without entries', { entries: 1 }, {}],
    ['an invalid digest', { entries: [entry('a', 'x')], next: null }, {}],
    ['an invalid name', { entries: [entry('../a')], next: null }, {}],
    ['names out of order', { entries: [entry('b'), entry('a')], next: null }, {}],
    ['one content twice', { entries: [entry('a'), entry('a')], next: null }, {}],
    ['digests out of order', { entries: [entry('a', 'f'.repeat(64)), entry('b')], next: null }, {}],
    ['another name than requested', { entries: [entry('a')], next: null }, { name: 'b' }],
    ['an entry before the page', { entries: [entry('a')], next: null }, { after: `${OLD}/a` }],
    ['more than requested', { entries: [entry('a'), entry('b')], next: null }, { limit: 1 }],
    ['an invalid end', { entries: [entry('a')], next: `${OLD}/b` }, {}],
    ['no end', { entries: [], next: `${OLD}/b` }, {}],
  ])('with %s is unreachable', async (_, page, options) => {
    await expectTrouble(ask(page).listKept(options), 'unreachable')
  })

  it('that restores something else is unreachable', async () => {
    const facts = { name: 'a', digest: OLD, size: 3, modified: null, evidence: 'read', age: 0 }
    const options = { digest: OLD, replaces: NEW }
    expect(await ask(facts).restore('a', options)).toMatchObject({ digest: OLD, size: 3 })
    for (const other of [
      { ...facts, name: 'b' },
      { ...facts, digest: NEW },
      { ...facts, size: -1 },
      {},
      null,
    ])
      await expectTrouble(ask(other).restore('a', options), 'unreachable')
  })

  it('that is older and has neither route is unreachable', async () => {
    const storage = createRemoteStorage('http://replica.test', {
      fetch: async () =>
        new Response(JSON.stringify({ type: 'no-such-resource', title: 'x', status: 404 }), {
          status: 404,
          headers: { 'Content-Type': 'application/problem+json' },
        }),
    })
    await expectTrouble(storage.listKept(), 'unreachable')
    await expectTrouble(storage.restore('a', { digest: OLD, replaces: null }), 'unreachable')
  })
})
