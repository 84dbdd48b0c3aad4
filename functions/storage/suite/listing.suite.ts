import { describe, expect } from 'vitest'
import { MAX_LISTING_PAGE } from '../../wire/limits.ts'
import type { Entry, ListOptions, Storage } from '../storage.ts'
import { toBytes } from './set-up.suite.ts'
import { createFact, type Setup, type StorageUnderTest, toListed, toOddNames } from './suite-tools.suite.ts'

/** In byte order of their UTF-8; another order would swap some neighbours. */
const ORDERED: readonly string[] = [
  'B',
  'a',
  'a-b',
  'a.d/x',
  'a.txt',
  'a0',
  'aa/b',
  'b',
  'd-/f',
  'd/-',
  'd/a/z',
  'd/a0',
  'd/b',
  'd0',
  'z',
  '\u00e9',
  '\ud7ff',
  '\ue000',
  '\uffee/x',
  '\uffef',
  '\u{10000}',
  '\u{10000}/x'.replace('/', '-'),
  '\u{1f600}/a',
]

/** The promises of `list`. */
export function describeListing(setup: Setup): void {
  const fact = createFact(setup)

  describe('list', () => {
    fact('returns an empty last page for an empty store', async ({ storage }) => {
      expect(await storage.list()).toEqual({ entries: [], next: null })
    })

    fact('returns every file with its size and time, and no directories', async ({ storage, write }) => {
      await write('dir/sub/file', toBytes('abc'))
      await write('empty', new Uint8Array())
      const { entries, next } = await storage.list()
      expect(next).toBeNull()
      expect(entries.map(({ name, size }) => [name, size])).toEqual([
        ['dir/sub/file', 3],
        ['empty', 0],
      ])
      for (const { modified } of entries) expect(modified === null || Number.isInteger(modified)).toBe(true)
    })

    fact('returns files in the byte order of their UTF-8 names, across directories', async (under) => {
      await writeAll(under, ORDERED)
      expect(await listNames(under.storage)).toEqual(ORDERED)
    })

    fact('returns the same in pages of any size', async (under) => {
      await writeAll(under, ORDERED)
      for (const limit of [1, 2, 7, ORDERED.length - 1, ORDERED.length, ORDERED.length + 1]) {
        expect(await listNames(under.storage, { limit })).toEqual(ORDERED)
      }
    })

    fact('ends with next null exactly when no more follow', async (under) => {
      await writeAll(under, ['a', 'b', 'c'])
      expect((await under.storage.list({ limit: 3 })).next).toBeNull()
      expect((await under.storage.list({ limit: 2 })).next).toBe('b')
      expect((await under.storage.list({ limit: 2, after: 'a' })).next).toBeNull()
    })

    fact('returns only names with the prefix, which need not end at a slash', async (under) => {
      await writeAll(under, ORDERED)
      for (const prefix of [
        'a',
        'a-',
        'a.',
        'd',
        'd/',
        'd/a',
        'd/a/',
        'd/a/z',
        'd/a/zz',
        'x',
        '\ue000',
        '/',
        '..',
        '.',
      ]) {
        const expected = ORDERED.filter((name) => name.startsWith(prefix))
        expect(await listNames(under.storage, { prefix })).toEqual(expected)
        expect(await listNames(under.storage, { prefix, limit: 1 })).toEqual(expected)
      }
    })

    fact('returns only names after the given one, whether or not that exists', async (under) => {
      await writeAll(under, ORDERED)
      for (const [i, after] of ORDERED.entries()) {
        expect(await listNames(under.storage, { after })).toEqual(ORDERED.slice(i + 1))
      }
      for (const after of [
        'd',
        'd/',
        'd/a',
        'd/a/',
        'd/a/a',
        'd/a/zz',
        'd/zzz',
        'a-',
        '0',
        '\uffff',
        '\u{10ffff}',
        '..',
      ]) {
        const expected = ORDERED.filter((name) => isAfter(name, after))
        expect(await listNames(under.storage, { after })).toEqual(expected)
      }
      expect(await listNames(under.storage, { after: 'd/a', prefix: 'd/' })).toEqual(['d/a/z', 'd/a0', 'd/b'])
    })

    fact('pages by default, and returns each of more than a thousand files once', async (under) => {
      const names = Array.from(
        { length: MAX_LISTING_PAGE + 5 },
        (_, i) => `${i % 9}/${String(i).padStart(5, '0')}`,
      )
      await writeAll(under, names)
      const page = await under.storage.list()
      expect(page.entries).toHaveLength(MAX_LISTING_PAGE)
      expect(page.next).toBe(page.entries.at(-1)?.name)
      expect(await listNames(under.storage)).toEqual(names.sort())
    })

    fact('returns every odd name, and describes each as present', async (under) => {
      await writeAll(under, toOddNames(under))
      const names = await listNames(under.storage)
      expect([...names].sort()).toEqual(toListed(under, toOddNames(under)).sort())
      expect(await listNames(under.storage, { limit: 1 })).toEqual(names)
      const described = await Promise.all(under.storage.describe(names))
      expect(described.every((facts) => facts !== null)).toBe(true)
    })

    fact("omits everything below '.vouch/'", async (under) => {
      const { storage, write } = under
      // A store may have no way to hold it at all.
      await write('.vouch/tmp/x', toBytes('x')).catch(() => {})
      await write('.vouch.txt', toBytes('x'))
      await write('a/.vouch/x', toBytes('x'))
      expect(await listNames(storage)).toEqual(toListed(under, ['.vouch.txt', 'a/.vouch/x']))
      expect(await listNames(storage, { prefix: '.vouch/' })).toEqual([])
    })

    fact(
      'neither repeats nor omits a file that stays while others come and go',
      async ({ storage, write, remove }) => {
        const staying = Array.from({ length: 20 }, (_, i) => `d${i % 3}/${i}`)
        await writeAll({ write }, [...staying, 'd0/gone', 'd2/gone', 'gone'])
        const names: string[] = []
        for (let after: string | null = '', i = 0; after !== null; i++) {
          const { entries, next } = await storage.list({ after, limit: 3 })
          names.push(...entries.map(({ name }) => name))
          after = next
          if (i === 0) for (const name of ['d0/gone', 'd2/gone', 'gone']) await remove(name)
          await write(`d${i % 3}/new${i}`, toBytes('new'))
        }
        expect(names.filter((name) => staying.includes(name))).toEqual([...staying].sort())
      },
    )

    fact('continues after a name that was removed meanwhile', async (under) => {
      await writeAll(under, ['a', 'b/c', 'd'])
      const { next } = await under.storage.list({ limit: 2 })
      await under.remove('b/c')
      expect(await listNames(under.storage, { after: next ?? '' })).toEqual(['d'])
    })

    fact('rejects when its signal is aborted already', async ({ storage, write }) => {
      await write('a', toBytes('a'))
      await expect(storage.list({ signal: AbortSignal.abort() })).rejects.toThrow()
    })
  })
}

async function writeAll({ write }: Pick<StorageUnderTest, 'write'>, names: readonly string[]): Promise<void> {
  for (const name of names) await write(name, toBytes(name))
}

async function listNames(storage: Storage, options: ListOptions = {}): Promise<string[]> {
  const entries: Entry[] = []
  let after: string | null = options.after ?? ''
  while (after !== null) {
    const page = await storage.list({ ...options, after })
    expect(page.entries.length).toBeLessThanOrEqual(options.limit ?? MAX_LISTING_PAGE)
    entries.push(...page.entries)
    after = page.next
  }
  return entries.map(({ name }) => name)
}

/** By the code points themselves, so that the suite does not trust the function under test. */
function isAfter(name: string, after: string): boolean {
  const [a, b] = [[...name], [...after]]
  const at = a.findIndex((character, i) => character !== b[i])
  if (at === -1) return false
  return (a[at]?.codePointAt(0) ?? 0) > (b[at]?.codePointAt(0) ?? -1)
}
