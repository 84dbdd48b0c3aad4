import { beforeEach, describe, expect, it } from 'vitest'
import { createReplica } from '../../replica/replica.ts'
import type { Facts } from '../../storage/facts.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { createRemoteStorage } from '../../storage/remote/remote.ts'
import type { Storage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import type { Digest } from '../../wire/digest.ts'
import type { MadePlan } from '../../wire/schemas/plan.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'

const SAME = 'the same text'

/** A list of digests, without sizes. */
function createList(digests: Readonly<Record<string, Digest>>): Storage {
  return {
    describe: (names) =>
      names.map(async (name) => {
        const digest = digests[name]
        if (digest === undefined) return null
        return { digest, size: null, modified: null, evidence: 'recorded' as const, age: null }
      }),
    async open() {
      throw new StorageError('unreadable', 'a list keeps no bytes')
    },
    async list({ after = '' } = {}) {
      const names = Object.keys(digests).filter((name) => name > after)
      return { entries: names.sort().map((name) => ({ name, size: null, modified: null })), next: null }
    },
  }
}

/** The same, seen through a replica server. */
function createRemoteList(digests: Readonly<Record<string, Digest>>): Storage {
  const app = createReplica(createList(digests))
  return createRemoteStorage('http://list.example', {
    fetch: async (url, { body, ...init }) => await app.request(url, { ...init, body: body ?? null }),
  })
}

it('a name that a list lacks is not copied to it', async () => {
  const list: Storage = { ...createList({}), isRecord: true }
  const app = coordinate([list, createMemoryStorage({ a: SAME }), createMemoryStorage()], { writable: true })
  const plan = await app.request('/plan', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prefix: '', match: [], exclude: [], rules: [], moves: true }),
  })
  expect(((await plan.json()) as MadePlan).steps.map(({ to }) => to)).toEqual(['server3'])
})

it.each([
  ['a sum that is no SHA-256', { digest: `md5:${'0'.repeat(32)}` }],
  ['no size', { size: null }],
])('a server that has read %s is not believed', async (_, change) => {
  const memory = createMemoryStorage({ a: SAME })
  const liar: Storage = {
    ...memory,
    describe: (names, options) =>
      memory.describe(names, options).map(async (facts) => ({ ...((await facts) as Facts), ...change })),
  }
  const app = createReplica(liar)
  const remote = createRemoteStorage('http://liar.example', {
    fetch: async (url, { body, ...init }) => await app.request(url, { ...init, body: body ?? null }),
  })
  const { headers } = await coordinate([memory, remote]).request('/files/a')
  expect(headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
})

describe.each([
  ['a list', createList],
  ['a list behind a replica server', createRemoteList],
])('%s', (_, create) => {
  let same: Digest
  beforeEach(async () => {
    same = await hash(toBytes(SAME))
  })

  it('agrees without a size, and is never asked for bytes, even if it is the first', async () => {
    const app = coordinate([create({ a: same }), createMemoryStorage({ a: SAME })])
    const response = await app.request('/files/a')
    expect([response.status, await response.text()]).toEqual([200, SAME])
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect(response.headers.get('Replica-Status')).toBe(
      'server1;state=match;evidence=recorded, server2;state=match;evidence=remembered;age=0',
    )
  })

  it('that differs makes a conflict, of which only the copy is sent', async () => {
    const app = coordinate([create({ a: 'b'.repeat(64) }), createMemoryStorage({ a: SAME })])
    const problem = await app.request('/files/a')
    expect(problem.status).toBe(409)
    expect(await problem.json()).toMatchObject({ versions: [{ size: null }, { size: SAME.length }] })
    const all = await app.request('/files/a', { headers: { Accept: 'multipart/mixed' } })
    const text = await all.text()
    expect([all.status, text.match(/^--vouch-/gm)?.length]).toEqual([300, 3])
    expect(text.length).toBe(Number(all.headers.get('Content-Length')))
  })

  it('of other sums that no copy has makes a conflict', async () => {
    const app = coordinate([create({ a: `md5:${'0'.repeat(32)}` }), createMemoryStorage({ a: SAME })])
    expect((await app.request('/files/a')).status).toBe(409)
  })

  it.each(['GET', 'HEAD'])('that alone knows the file answers %s with an error', async (method) => {
    const app = coordinate([create({ a: same }), createMemoryStorage()])
    for (const path of ['/files/a', '/files/a?replica=server1', `/files/a?version=${same}`]) {
      const response = await app.request(path, { method })
      expect([path, response.status]).toEqual([path, 502])
      if (method === 'HEAD') continue
      expect(await response.json()).toMatchObject({
        type: 'unreadable',
        detail: 'only lists have a digest of this file, and no bytes: server1',
      })
    }
  })

  it('is compared in an audit by spans, with differences by name', async () => {
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, `content ${i}`]))
    const digests: Record<string, Digest> = {}
    for (const [name, content] of Object.entries(files)) digests[name] = await hash(toBytes(content))
    const other = { ...digests, f7: same, gone: same }
    const app = coordinate([create(other), createMemoryStorage({ ...files, more: SAME })])
    const lines = (await (await app.request('/audit')).text()).trim().split('\n')
    const found = lines.map((line) => JSON.parse(line)).filter(({ name }) => name !== undefined)
    expect(found.map(({ name, agreement }) => [name, agreement])).toEqual([
      ['f7', 'conflict'],
      ['gone', 'incomplete'],
      ['more', 'incomplete'],
    ])
  })

  it('shows by which digest it differs, also where only lists know the file', async () => {
    const app = coordinate([create({ a: same }), createMemoryStorage()])
    for (const path of ['/files/a', '/files/a?replica=server1']) {
      const { headers } = await app.request(path)
      expect(headers.get('Replica-Status')).toContain(`server1;state=differ;version="${same}"`)
    }
  })

  it('is not written to, and no step copies what only it knows', async () => {
    const app = coordinate([create({ a: 'b'.repeat(64), b: same }), createMemoryStorage({ a: SAME })], {
      writable: true,
    })
    const rules = [{ prefix: '', policy: { keep: 'server2' } }]
    const plan = await app.request('/plan', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prefix: '', match: [], exclude: [], rules }),
    })
    expect((await plan.text()).includes('"to":')).toBe(false)
  })
})
