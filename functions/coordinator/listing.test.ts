import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createReplica } from '../replica/replica.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { compareNames, parseName } from '../storage/names.ts'
import { createRemoteStorage } from '../storage/remote/remote.ts'
import type { Storage } from '../storage/storage.ts'
import { parseJson } from '../wire/json/parse.ts'
import { BREAKER_FAILURES, BREAKER_OPEN_MS } from '../wire/limits.ts'
import { type MergedListing, mergedListing } from '../wire/schemas/listings.ts'
import { StorageError } from '../wire/storage-error.ts'
import { coordinate } from './set-up.suite.ts'

const name = fc
  .oneof(
    fc.stringMatching(/^[a-c\-/]{1,4}$/),
    fc.constantFrom('a/b', 'a-b', 'a', 'é', '\uffef', '\u{10000}', 'a%2Fb', 'a b'),
  )
  .filter((text) => parseName(text) !== null)
const tree = fc.record({
  names: fc.uniqueArray(name, { maxLength: 12 }),
  /** Entries in one page. */
  most: fc.integer({ min: 1, max: 8 }),
})
/** UTF-16 orders these in another way than their bytes. */
const highNames = [
  { names: ['\uffef', '\ufff0'], most: 1 },
  { names: ['\u{10000}', '\u{10001}'], most: 1 },
]
const trees = fc.array(tree, { minLength: 1, maxLength: 4 })

/** A tree in which one name is below another cannot be; in memory it can. */
function createTree(names: readonly string[]) {
  return createMemoryStorage(Object.fromEntries(names.map((name) => [name, name])))
}

const DEADLINE_MS = 1000

function createApp(storages: readonly Storage[]) {
  return coordinate(storages, { deadlines: { silence: DEADLINE_MS } }, (i) => `r${i}`)
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

const gone = new StorageError('unreachable', 'gone', { reason: 'connection_refused' })

/** A storage that lists as `list` does, and counts the calls. */
function createLister(list: Storage['list']) {
  const asked = vi.fn(list)
  return { ...createMemoryStorage(), list: asked }
}

function createFailing(error: Error = gone) {
  return createLister(() => Promise.reject(error))
}

async function readListing(app: ReturnType<typeof createApp>): Promise<MergedListing> {
  const page = parseJson(mergedListing, await (await app.request('/files')).text())
  if (!page.success) throw new Error(page.wrong)
  return page.output
}

afterEach(() => void vi.useRealTimers())

describe('the listing of a coordinator', () => {
  it('counts what each replica has and does not list, over the wire as well', async () => {
    const passed = [{ kind: 'backslash', count: 2, examples: ['a\\', 'b\\'] }] as const
    const lister = createLister(async () => ({ entries: [], next: null, passed }))
    const app = createReplica(lister)
    const remote = createRemoteStorage('http://r.test', {
      fetch: async (url, init) => await app.fetch(new Request(url, init)),
    })
    const { replicas } = await readListing(createApp([lister, remote, createTree([])]))
    expect(replicas).toEqual([
      { id: 'r0', state: 'ok', passed },
      { id: 'r1', state: 'ok', passed },
      { id: 'r2', state: 'ok' },
    ])
  })

  it('merges all replicas, in pages of any size, over HTTP as well', async () => {
    await fc.assert(
      fc.asyncProperty(
        trees,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom('', 'a', 'a/'),
        async (trees, limit, prefix) => {
          const storages = trees.map(({ names, most }, i) => {
            const tree = withShortPages(createTree(names), most)
            return i % 2 === 0 ? tree : overWire(tree)
          })
          const entries = await readAll(createApp(storages), prefix, limit)
          const names = [...new Set(trees.flatMap(({ names }) => names))]
            .filter((name) => name.startsWith(prefix))
            .sort(compareNames)
          expect(entries.map(({ name }) => name)).toEqual(names)
          for (const { name, copies } of entries) {
            const holders = trees.flatMap(({ names }, i) => (names.includes(name) ? `r${i}` : []))
            expect(copies.map(({ id }) => id)).toEqual(holders)
            for (const { size } of copies) expect(size).toBe(new TextEncoder().encode(name).length)
          }
        },
      ),
      { numRuns: 200, examples: [[highNames, 8, '']] },
    )
  })

  it('reports which replicas did not answer and why, and continues with the others', async () => {
    const broken = createFailing(new TypeError('of no table: /srv/secret'))
    expect(await readListing(createApp([createTree(['a']), createFailing(), broken]))).toEqual({
      entries: [{ name: 'a', copies: [{ id: 'r0', size: 1, modified: expect.any(String) }] }],
      next: null,
      replicas: [
        { id: 'r0', state: 'ok' },
        { id: 'r1', state: 'error', error: 'connection_refused', detail: 'gone' },
        {
          id: 'r2',
          state: 'error',
          error: 'proxy_internal_error',
          detail: expect.not.stringContaining('srv'),
        },
      ],
    })
  })

  it('waits for a silent replica until its deadline, and the next time not at all', async () => {
    vi.useFakeTimers()
    const silent = createLister(() => new Promise(() => {}))
    // Not one in memory, which hashes in real time.
    const prompt = createLister(async () => ({
      entries: [{ name: 'a', size: 1, modified: null }],
      next: null,
    }))
    const app = createApp([prompt, silent])
    for (let i = 0; i < BREAKER_FAILURES; i++) {
      const listing = readListing(app)
      await vi.advanceTimersByTimeAsync(DEADLINE_MS)
      expect((await listing).replicas[1]).toMatchObject({ state: 'error', error: 'http_response_timeout' })
    }
    const listing = await readListing(app)
    expect(listing.replicas[1]?.detail).toMatch(/silent.*not asked again yet$/)
    expect(listing.entries).toHaveLength(1)
    expect(silent.list).toHaveBeenCalledTimes(BREAKER_FAILURES)
  })

  it('asks a failed replica again later, and each time once it answers', async () => {
    vi.useFakeTimers()
    const tree = createTree(['a'])
    const back = createFailing()
    const app = createApp([back])
    for (let i = 0; i < BREAKER_FAILURES; i++) await app.request('/files')
    back.list.mockImplementation(tree.list)
    expect((await app.request('/files')).status).toBe(503)
    await vi.advanceTimersByTimeAsync(BREAKER_OPEN_MS)
    for (let i = 0; i < 2; i++) expect((await readListing(app)).replicas).toEqual([{ id: 'r0', state: 'ok' }])
  })

  it('still asks a replica that failed listings for files, but for no listing for a while', async () => {
    const [away, troubled] = [createFailing(), createFailing(new StorageError('unreadable', 'a bad sector'))]
    const app = createApp([createTree(['a']), away, troubled])
    for (let i = 0; i < BREAKER_FAILURES; i++) await app.request('/files')
    const { replicas } = await (await app.request('/replicas')).json()
    const states = replicas.map(({ breaker, listings }: Record<string, string>) => [breaker, listings])
    expect(states).toEqual([
      ['closed', 'closed'],
      ['closed', 'open'],
      ['closed', 'closed'],
    ])
  })

  it('continues where a replica continues, although its page was empty', async () => {
    const empty = createLister(async ({ after = '' } = {}) =>
      after < 'm'
        ? { entries: [], next: 'm' }
        : { entries: [{ name: 'z', size: 1, modified: null }], next: null },
    )
    const entries = await readAll(createApp([createTree(['a', 'q']), empty]), '', 5)
    expect(entries.map(({ name }) => name)).toEqual(['a', 'q', 'z'])
  })

  it('is refused when no replica answers, and for an invalid limit', async () => {
    const unanswered = await createApp([createFailing(), createFailing()]).request('/files')
    expect(unanswered.status).toBe(503)
    expect(unanswered.headers.get('Retry-After')).not.toBeNull()
    expect(await unanswered.json()).toMatchObject({
      type: 'too-few-answers',
      detail: 'no replica answered: r0 (gone), r1 (gone)',
    })
    for (const limit of ['0', '1001', 'x', '']) {
      const answer = await createApp([createTree([])]).request(`/files?limit=${limit}`)
      expect([answer.status, (await answer.json()).type]).toEqual([400, 'invalid-parameter'])
    }
    expect((await createApp([createTree([])]).request('/files', { method: 'POST' })).status).toBe(405)
  })
})

/** A storage whose pages are often shorter than the limit, as those of a bucket may be. */
function withShortPages(storage: Storage, most: number): Storage {
  return {
    ...storage,
    list: (options) => storage.list({ ...options, limit: Math.min(options?.limit ?? most, most) }),
  }
}

function overWire(storage: Storage): Storage {
  const app = createReplica(storage)
  return createRemoteStorage('http://replica', { fetch: async (url, init) => app.request(url, init) })
}
