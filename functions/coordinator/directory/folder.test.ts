import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import { compareNames, parseName } from '../../storage/names.ts'
import { createSelect } from '../../storage/survey/globs.ts'
import { MAX_PAGE_LISTINGS, PAGE_WAIT_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { createMember } from '../ask/member.ts'
import { type Row, readFolder } from './folder.ts'

function createMembers(...trees: readonly (readonly string[])[]) {
  return trees.map((names, i) => {
    const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, name])))
    return createMember({ id: `r${i}`, storage })
  })
}

function toContext(members: ReturnType<typeof createMembers>, exclude: readonly string[] = []) {
  return { members, isIncluded: createSelect({ match: [], exclude: [...exclude] }) }
}

async function readAll(context: ReturnType<typeof toContext>, folder: string, limit: number) {
  const rows: Row[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page = await readFolder(context, { folder, after, limit })
    expect(page.rows.length).toBeLessThanOrEqual(limit)
    rows.push(...page.rows)
    after = page.next
  }
  return rows
}

/** The entries of a folder itself, from all the names. */
function toRows(names: Iterable<string>, folder: string): string[] {
  const below = [...names].filter((name) => name.startsWith(folder)).sort(compareNames)
  const rows = below.map((name) => /^[^/]*\/?/.exec(name.slice(folder.length))?.[0] ?? '')
  return [...new Set(rows.map((row) => folder + row))]
}

const name = fc.stringMatching(/^[ab\-./0]{1,7}$/).filter((text) => parseName(text) !== null)
const tree = fc.uniqueArray(fc.oneof(name, fc.constantFrom('a/\u{10ffff}', 'a0', 'é/b')), { maxLength: 30 })

describe('a folder', () => {
  it('is read page by page, with each of its files and folders once', async () => {
    const property = fc.asyncProperty(
      fc.array(tree, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('', 'a/', 'a/b/'),
      fc.integer({ min: 1, max: 6 }),
      fc.subarray(['**/a/', '*b', 'a/b/']),
      async (trees, folder, limit, exclude) => {
        const context = toContext(createMembers(...trees), exclude)
        const rows = await readAll(context, folder, limit)
        expect(rows.map(({ name }) => name)).toEqual(toRows(trees.flat().filter(context.isIncluded), folder))
        for (const { name, copies } of rows) {
          const holders = trees.flatMap((names, i) => (names.includes(name) ? `r${i}` : []))
          expect(copies?.map(({ id }) => id) ?? []).toEqual(holders)
        }
      },
    )
    await fc.assert(property, { numRuns: 300 })
  })

  it('is skipped with one or two listings, however many entries it has', async () => {
    const large = Array.from({ length: 5000 }, (_, i) => `large/${i}`)
    const storage = createMemoryStorage(Object.fromEntries([...large, 'z'].map((name) => [name, ''])))
    let listings = 0
    const list: typeof storage.list = (options) => {
      listings++
      return storage.list(options)
    }
    const counting = { ...storage, list }
    const member = createMember({ id: 'r0', storage: counting })
    const { rows, next } = await readFolder(toContext([member]), { folder: '', after: '', limit: 10 })
    expect(rows.map(({ name }) => name)).toEqual(['large/', 'z'])
    expect(next).toBe(null)
    expect(listings).toBe(2)
  })

  it('of very many large folders is paged, with a bounded number of listings a page', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `${1000 + (i >> 2)}/${i}`)
    const rows = await readAll(toContext(createMembers(names)), '', 3)
    expect(rows.map(({ name }) => name)).toEqual(toRows(names, ''))
  })

  it('with more excluded files than a page lists is read to its end', async () => {
    const excluded = Array.from({ length: 2 * MAX_PAGE_LISTINGS }, (_, i) => `a${1000 + i}.tmp`)
    const members = createMembers(['a', ...excluded, 'z'])
    const context = toContext(members, ['*.tmp'])
    const { rows, next } = await readFolder(context, { folder: '', after: '', limit: 1 })
    expect([rows.map(({ name }) => name), next === 'a']).toEqual([['a'], false])
    expect((await readAll(context, '', 1)).map(({ name }) => name)).toEqual(['a', 'z'])
  })

  it('with slow listings is paged, with no more listings than a page waits for', async () => {
    const names = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'b/3', 'c']
    const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, ''])))
    const list: typeof storage.list = async (options) => {
      vi.advanceTimersByTime(PAGE_WAIT_MS)
      return await storage.list(options)
    }
    const members = [createMember({ id: 'r0', storage: { ...storage, list } })]
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { rows, next } = await readFolder(toContext(members), { folder: '', after: '', limit: 2 })
      expect([rows.map(({ name }) => name), next]).toEqual([['a/'], 'a/'])
      expect((await readAll(toContext(members), '', 2)).map(({ name }) => name)).toEqual(toRows(names, ''))
    } finally {
      vi.useRealTimers()
    }
  })

  it('reports which replica failed to list, and shows the entries of the others', async () => {
    const [heard] = createMembers(['a', 'b'])
    const storage = createMemoryStorage()
    const failing = { ...storage, list: async () => Promise.reject(new StorageError('unreachable', 'gone')) }
    const members = [...(heard ? [heard] : []), createMember({ id: 'r1', storage: failing })]
    const { rows, replicas } = await readFolder(toContext(members), { folder: '', after: '', limit: 10 })
    expect(rows.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(replicas).toEqual([
      { id: 'r0', state: 'ok' },
      { id: 'r1', state: 'error', error: 'destination_unavailable', detail: 'gone' },
    ])
  })

  it('reports an error for a replica that failed once, even if its later listings succeed', async () => {
    const storage = createMemoryStorage({ 'd/1': '', 'd/2': '', 'd/3': '', z: '' })
    let listings = 0
    const list: typeof storage.list = async (options) => {
      if (listings++ === 0) throw new StorageError('unreachable', 'gone')
      return await storage.list(options)
    }
    const [other] = createMembers(['d/1', 'd/2', 'd/3', 'z'])
    const members = [createMember({ id: 'r1', storage: { ...storage, list } }), ...(other ? [other] : [])]
    const { rows, replicas } = await readFolder(toContext(members), { folder: '', after: '', limit: 2 })
    expect(rows.map(({ name }) => name)).toEqual(['d/', 'z'])
    expect(listings).toBe(2)
    expect(replicas.map(({ state }) => state)).toEqual(['error', 'ok'])
  })
})
