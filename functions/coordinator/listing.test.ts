import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createReplica } from '../replica/replica.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { compareNames, parseName } from '../storage/names.ts'
import { createRemoteStorage } from '../storage/remote.ts'
import type { Storage } from '../storage/storage.ts'
import type { MergedListing } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { createCoordinator } from './coordinator.ts'

const name = fc
  .oneof(
    fc.stringMatching(/^[a-c\-/]{1,4}$/),
    fc.constantFrom('a/b', 'a-b', 'a', 'é', '\uffef', '\u{10000}', 'a%2Fb', 'a b'),
  )
  .filter((text) => parseName(text) !== null)
const trees = fc.array(fc.uniqueArray(name, { maxLength: 12 }), { minLength: 1, maxLength: 4 })

/** A tree in which one name is below another cannot be; in memory it can. */
function createTree(names: readonly string[]) {
  return createMemoryStorage(Object.fromEntries(names.map((name) => [name, name])))
}

function createApp(storages: readonly Storage[]) {
  const replicas = storages.map((storage, i) => ({ id: `r${i}`, storage }))
  return createCoordinator(replicas, { createHasher, deadlines: { silence: 1000 } })
}

async function readAll(app: ReturnType<typeof createApp>, prefix: string, limit: number) {
  const entries: MergedListing['entries'] = []
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({ prefix, after, limit: String(limit) })
    const page: MergedListing = await (await app.request(`/files?${query}`)).json()
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    entries.push(...page.entries)
    after = page.next
  }
  return entries
}

function createFailing(): Storage {
  return {
    ...createMemoryStorage(),
    list: async () => Promise.reject(new StorageError('unreachable', 'gone')),
  }
}

describe('the listing of a coordinator', () => {
  it('is that of all replicas together, whatever the pages, over the wire as well', async () => {
    await fc.assert(
      fc.asyncProperty(
        trees,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom('', 'a', 'a/'),
        async (trees, limit, prefix) => {
          const storages = trees.map((names, i) =>
            i % 2 === 0 ? createTree(names) : overWire(createTree(names)),
          )
          const entries = await readAll(createApp(storages), prefix, limit)
          const names = [...new Set(trees.flat())]
            .filter((name) => name.startsWith(prefix))
            .sort(compareNames)
          expect(entries.map(({ name }) => name)).toEqual(names)
          for (const { name, copies } of entries) {
            const holders = trees.flatMap((names, i) => (names.includes(name) ? `r${i}` : []))
            expect(copies.map(({ id }) => id)).toEqual(holders)
            for (const { size } of copies) expect(size).toBe(new TextEncoder().encode(name).length)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('tells who did not answer, and goes on with the others', async () => {
    const answer = await createApp([createTree(['a']), createFailing()]).request('/files')
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      entries: [{ name: 'a', copies: [{ id: 'r0' }] }],
      next: null,
      replicas: [
        { id: 'r0', state: 'ok' },
        { id: 'r1', state: 'error', detail: 'gone' },
      ],
    })
  })

  it('is refused when nobody answers, and for a limit that is none', async () => {
    const nobody = await createApp([createFailing()]).request('/files')
    expect([nobody.status, (await nobody.json()).type]).toEqual([503, 'too-few-answers'])
    for (const limit of ['0', '1001', 'x', '']) {
      const answer = await createApp([createTree([])]).request(`/files?limit=${limit}`)
      expect([answer.status, (await answer.json()).type]).toEqual([400, 'invalid-parameter'])
    }
    expect((await createApp([createTree([])]).request('/files', { method: 'POST' })).status).toBe(405)
  })
})

function overWire(storage: Storage): Storage {
  const app = createReplica(storage)
  return createRemoteStorage('http://replica', { fetch: async (url, init) => app.request(url, init) })
}
