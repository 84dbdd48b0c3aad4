import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../storage/memory.ts'
import { createTestHasher as createHasher } from '../../../storage/suite/set-up.suite.ts'
import { MAX_FORM_BYTES } from '../../../wire/limits.ts'
import { createCoordinator } from '../../coordinator.ts'
import { coordinate, refusing } from '../../set-up.suite.ts'

function createCluster(writable = true) {
  const storages = ['one', 'other'].map((content) => createMemoryStorage({ f: content, g: content }))
  const replicas = storages.map((storage, i) => ({ id: `server${i + 1}`, storage }))
  return { app: createCoordinator(replicas, { createHasher, writable }), storages }
}

type App = ReturnType<typeof createCluster>['app']

async function get(app: App, path: string): Promise<string> {
  return await (await app.request(path)).text()
}

async function post(app: App, path: string, form: Record<string, string>) {
  const response = await app.request(path, { method: 'POST', body: new URLSearchParams(form) })
  return { status: response.status, text: await response.text() }
}

/** Follows the pages to the form that keeps the version of that letter. */
async function readChoice(app: App, letter: 'A' | 'B'): Promise<string> {
  const links = [...(await get(app, '/compare/f')).matchAll(/href="(\/keep\/[^"]+)"/g)].map(
    (match) => match[1],
  )
  const page = await get(app, links[letter === 'A' ? 0 : 1] ?? '')
  return (/name="choice" value="([^"]+)"/.exec(page)?.[1] ?? '').replaceAll('&quot;', '"')
}

async function readCopies(app: App, name = 'f') {
  return await Promise.all(['server1', 'server2'].map((id) => get(app, `/files/${name}?replica=${id}`)))
}

describe('keeping a version', () => {
  it.each([
    ['A', 'one'],
    ['B', 'other'],
  ] as const)('shows the planned writes, and makes them: %s', async (letter, content) => {
    const { app } = createCluster()
    const text = await readChoice(app, letter)
    expect(await readCopies(app)).toEqual(['one', 'other'])
    const { status, text: page } = await post(app, '/keep/f', { choice: text })
    expect(status).toBe(200)
    expect(page).toContain('All replicas hold the version that you chose.')
    expect(await readCopies(app)).toEqual([content, content])
    expect(await readCopies(app, 'g')).toEqual(['one', 'other'])
  })

  it('copies a file to the replicas that lack it, which it names', async () => {
    const { app, storages } = createCluster()
    for (const one of storages) one.delete('f')
    storages[0]?.set('f', 'one')
    const page = await get(app, '/compare/f')
    expect(page).toContain('>Copy to server2 &hellip;</a>')
    const path = /href="(\/keep\/[^"]+)"/.exec(page)?.[1] ?? ''
    const plan = await get(app, path)
    expect(plan).toContain('<h1>Copy <bdi class="name">f</bdi> to server2?</h1>')
    const choice = (/name="choice" value="([^"]+)"/.exec(plan)?.[1] ?? '').replaceAll('&quot;', '"')
    await post(app, '/keep/f', { choice })
    expect(await readCopies(app)).toEqual(['one', 'one'])
  })

  it('does not overwrite a copy that changed since it was shown', async () => {
    const { app, storages } = createCluster()
    const text = await readChoice(app, 'B')
    storages[0]?.set('f', 'newer')
    const { text: page } = await post(app, '/keep/f', { choice: text })
    expect(page).toContain('skipped: server1 holds another content than the plan saw')
    expect(page).toContain('Not every replica was written.')
    expect(await readCopies(app)).toEqual(['newer', 'other'])
  })

  it('may be sent twice', async () => {
    const { app } = createCluster()
    const text = await readChoice(app, 'B')
    await post(app, '/keep/f', { choice: text })
    expect((await post(app, '/keep/f', { choice: text })).text).toContain('already held it')
  })

  it('writes nothing when all copies are the same', async () => {
    const { app } = createCluster()
    const text = await readChoice(app, 'B')
    await post(app, '/keep/f', { choice: text })
    const page = await get(app, '/compare/f')
    expect(page).not.toContain('/keep/')
    const digest = /version=([0-9a-f]{64})/.exec(page)?.[1]
    expect(await get(app, `/keep/f?version=${digest}`)).toContain('there is nothing to do')
  })

  it('requires the state seen of each replica, and at least one write', async () => {
    const { app } = createCluster()
    const good = await readChoice(app, 'B')
    const { digest, size, seen } = JSON.parse(good)
    const { server1, ...rest } = seen
    for (const bad of [
      '',
      '{',
      '{}',
      JSON.stringify({ digest: 'x', size, seen }),
      JSON.stringify({ digest, size, seen: rest }),
      JSON.stringify({ digest, size, seen: { ...rest, server3: server1 } }),
      JSON.stringify({ digest, size, seen: { ...seen, server3: server1 } }),
      JSON.stringify({ digest, size, seen: { server1: digest, server2: digest } }),
    ]) {
      expect([bad, (await post(app, '/keep/f', { choice: bad })).status]).toEqual([bad, 400])
    }
    expect((await app.request('/keep/f', { method: 'POST', body: good })).status).toBe(415)
    expect((await post(app, '/keep/f', { choice: good.padEnd(MAX_FORM_BYTES) })).status).toBe(413)
    expect(await readCopies(app)).toEqual(['one', 'other'])
  })

  it('writes only the file of its URL, and no content that no replica holds', async () => {
    const { app } = createCluster()
    const choice = JSON.parse(await readChoice(app, 'B'))
    for (const changed of [
      { ...choice, digest: 'f'.repeat(64) },
      { ...choice, size: 6 },
      { ...choice, seen: { ...choice.seen, server1: null } },
    ]) {
      const { text } = await post(app, '/keep/f', { choice: JSON.stringify(changed) })
      expect(text).toContain('Not every replica was written.')
    }
    await post(app, '/keep/g', { choice: JSON.stringify(choice) })
    expect(await readCopies(app)).toEqual(['one', 'other'])
    expect(await readCopies(app, 'g')).toEqual(['other', 'other'])
  })

  it('is neither offered nor done by a read-only coordinator', async () => {
    const text = await readChoice(createCluster().app, 'B')
    const { app } = createCluster(false)
    expect(await get(app, '/compare/f')).toContain('This coordinator takes no writes')
    expect(await get(app, '/compare/f')).not.toContain('/keep/')
    expect((await app.request('/keep/f?version=x')).status).toBe(403)
    expect((await post(app, '/keep/f', { choice: text })).status).toBe(403)
    expect(await readCopies(app)).toEqual(['one', 'other'])
  })
})

describe('restoring a replaced content', () => {
  const KEPT = 'keeps no replaced content of this file'

  /** The choice of the form that restores the only kept content. */
  async function keepAndRead(app: App): Promise<string> {
    expect(await get(app, '/restore/f')).toContain(KEPT)
    await post(app, '/keep/f', { choice: await readChoice(app, 'B') })
    return (/name="choice" value="([^"]+)"/.exec(await get(app, '/restore/f'))?.[1] ?? '').replaceAll(
      '&quot;',
      '"',
    )
  }

  it('writes it again, and keeps what it replaces', async () => {
    const { app } = createCluster()
    expect(await get(app, '/compare/f')).toContain('href="/restore/f"')
    const choice = await keepAndRead(app)
    expect(JSON.parse(choice)).toMatchObject({ replica: 'server1', name: 'f' })
    const { status, text } = await post(app, '/restore/f', { choice })
    expect([status, text.includes('holds <code>')]).toEqual([200, true])
    expect(await readCopies(app)).toEqual(['one', 'other'])
    expect(await get(app, '/restore/f')).toContain('it holds this now')
  })

  it('overwrites no copy that has changed since, and no other file', async () => {
    const { app, storages } = createCluster()
    const choice = await keepAndRead(app)
    expect((await app.request('/restore/none')).status).toBe(404)
    const [storage = refusing] = storages
    const half = coordinate([storage, refusing], { writable: true })
    expect((await half.request('/restore/none')).status).toBe(503)
    expect(await get(half, '/restore/f')).toContain('server2 cannot be used')
    expect((await post(app, '/restore/g', { choice })).status).toBe(400)
    expect((await post(app, '/restore/f', { choice: '{' })).status).toBe(400)
    const unknown = JSON.stringify({ ...JSON.parse(choice), replica: 'server3' })
    expect((await post(app, '/restore/f', { choice: unknown })).status).toBe(400)
    storages[0]?.set('f', 'newer')
    expect((await post(app, '/restore/f', { choice })).status).toBe(412)
    expect(await readCopies(app)).toEqual(['newer', 'other'])
  })

  it('is neither offered nor done by a read-only coordinator', async () => {
    const choice = await keepAndRead(createCluster().app)
    const { app } = createCluster(false)
    expect(await get(app, '/compare/f')).not.toContain('/restore/')
    expect((await app.request('/restore/f')).status).toBe(403)
    expect((await post(app, '/restore/f', { choice })).status).toBe(403)
  })
})

describe('a request that changes something or costs much', () => {
  const json = { 'Content-Type': 'application/json' }
  const routes = [
    ['POST', '/plan', json],
    ['POST', '/apply', json],
    ['POST', '/restore', json],
    ['POST', '/keep/f', {}],
    ['POST', '/copy', {}],
    ['POST', '/restore/f', {}],
    ['GET', '/copy', {}],
    ['GET', '/audit', {}],
    ['GET', '/check?run=yes', {}],
    ['GET', '/?show=conflicts', {}],
  ] as const
  const foreign = [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://localhost' },
    { Origin: 'http://localhost:81' },
    { Origin: 'https://elsewhere.test' },
    { Origin: 'null' },
  ]
  const own = [
    {},
    { Origin: 'http://localhost' },
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
    // Behind a proxy the browser may use another address than the one in the request.
    { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://vouch.example' },
  ]

  it.each(routes)('%s %s is refused to a page of another site only', async (method, path, type) => {
    const { app } = createCluster()
    for (const headers of foreign) {
      const response = await app.request(path, { method, headers: { ...type, ...headers } })
      expect([headers, response.status]).toEqual([headers, 403])
    }
    for (const headers of own) {
      const response = await app.request(path, { method, headers: { ...type, ...headers } })
      expect([headers, response.status]).not.toEqual([headers, 403])
      await response.body?.cancel()
    }
  })

  it('is distinguished from one that only reads', async () => {
    const { app } = createCluster()
    for (const path of ['/', '/compare/f', '/check', '/files/f?replica=server1']) {
      expect((await app.request(path, { headers: foreign[0] ?? {} })).status).toBe(200)
    }
  })
})
