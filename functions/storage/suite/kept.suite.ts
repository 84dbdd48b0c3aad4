import { describe, expect } from 'vitest'
import type { Digest } from '../../wire/digest.ts'
import type { Facts } from '../facts.ts'
import { readKept, toKeptKey } from '../kept.ts'
import { compareNames } from '../names.ts'
import type { Kept, ListKeptOptions, Storage, WritableStorage } from '../storage.ts'
import { isWritable } from '../writable.ts'
import { hash, toBytes } from './set-up.suite.ts'
import {
  createFact,
  createNoise,
  createSource,
  createWritableFact,
  describeOne,
  expectBytes,
  expectTrouble,
  INVALID_NAMES,
  ODD_NAMES,
  readBytes,
  type Setup,
  type StorageUnderTest,
  toPut,
  type WritableUnderTest,
} from './suite-tools.suite.ts'

const MIB = 1024 * 1024

/** How far the clock of a store may differ from the test's: file systems have coarse clocks. */
const CLOCK_MS = 2000

/** Tests kept contents, `listKept` and `restore`; where writes are not accepted, that each is refused. */
export function describeKeeping(setup: Setup): void {
  const fact = createFact(setup)

  const writableFact = createWritableFact(setup, expectReadOnly)

  describe('what a put replaces', () => {
    writableFact('is kept under its digest and its name', async ({ storage, write }) => {
      const old = createNoise(3 * MIB + 5)
      await write('dir/a', old)
      const before = Date.now()
      await put(storage, 'dir/a', toBytes('new'), await hash(old))
      const [entry, ...more] = await listAll(storage)
      expect(more).toEqual([])
      expect(entry).toMatchObject({ name: 'dir/a', digest: await hash(old), size: old.length })
      expect(Math.abs((entry?.kept ?? before) - before)).toBeLessThan(CLOCK_MS + (Date.now() - before))
    })

    writableFact('is kept once for each content, and remains kept', async ({ storage, write }) => {
      const contents = ['one', '', 'two', 'one', '', 'three'].map(toBytes)
      await write('a', toBytes('zero'))
      for (const [i, bytes] of contents.entries()) {
        await put(storage, 'a', bytes, await hash(contents[i - 1] ?? toBytes('zero')))
      }
      const digests = await Promise.all(['zero', 'one', '', 'two'].map((text) => hash(toBytes(text))))
      expect((await listAll(storage)).map(({ digest }) => digest)).toEqual(digests.sort())
    })

    writableFact('is not kept when the same content is put again', async ({ storage, write }) => {
      await write('a', toBytes('same'))
      await put(storage, 'a', toBytes('same'), await hash(toBytes('same')))
      expect(await listAll(storage)).toEqual([])
    })

    writableFact('is empty for a new file, and when the put is rejected', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      await put(storage, 'new', toBytes('new'), null)
      const other = await hash(toBytes('other'))
      await expectTrouble(put(storage, 'a', toBytes('new'), other), 'precondition')
      await expectTrouble(put(storage, 'a', toBytes('new'), null), 'precondition')
      const lie = { ...(await toPut(toBytes('new'), await hash(toBytes('old')))), digest: other }
      await expectTrouble(storage.put('a', createSource(toBytes('new')).body, lie), 'integrity')
      expect(await listAll(storage)).toEqual([])
    })

    writableFact('is not a file: not listed, described or opened', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      await put(storage, 'a', toBytes('new'), await hash(toBytes('old')))
      expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a'])
      for (const name of [`.vouch/kept/${await hash(toBytes('old'))}/a`, '.vouch/kept', '.vouch']) {
        await expectTrouble(describeOne(storage, name), 'invalid-name')
        await expectTrouble(storage.open(name), 'invalid-name')
      }
    })

    writableFact('is not changed by later writes to the file', async ({ storage, write }) => {
      const old = createNoise(100_000)
      await write('a', old)
      await put(storage, 'a', toBytes('new'), await hash(old))
      await write('a', toBytes('written in place'))
      await restore(storage, 'a', old, toBytes('written in place'))
      expectBytes(await readBytes(storage, 'a'), old)
      await write('a', toBytes('again'))
      await restore(storage, 'a', old, toBytes('again'))
      expectBytes(await readBytes(storage, 'a'), old)
    })

    writableFact(
      'is kept when a directory takes the place of the file',
      async ({ storage, write, remove }) => {
        const old = toBytes('old')
        for (const name of ['a', 'a/b', 'a/b/c']) {
          await write(name, old)
          await put(storage, name, toBytes('new'), await hash(old))
          await remove(name)
        }
        expect((await listAll(storage)).map(({ name }) => name)).toEqual(['a', 'a/b', 'a/b/c'])
        expect(await listAll(storage, { name: 'a/b', limit: 1 })).toHaveLength(1)
      },
    )

    writableFact('is kept when several writers replace each other', async ({ storage, write }) => {
      const contents = Array.from({ length: 8 }, (_, i) => createNoise(50_000, i))
      await write('a', toBytes('old'))
      for (let replaces: Digest | null = await hash(toBytes('old')), left = contents; left.length > 0; ) {
        const puts: PromiseSettledResult<Facts>[] = await Promise.allSettled(
          left.map((bytes) => put(storage, 'a', bytes, replaces)),
        )
        const winner = puts.findIndex(({ status }) => status === 'fulfilled')
        expect(winner).toBeGreaterThanOrEqual(0)
        replaces = await hash(left[winner] ?? new Uint8Array())
        left = left.filter((_, i) => i !== winner)
      }
      const all = [toBytes('old'), ...contents]
      const digests = (await listAll(storage)).map(({ digest }) => digest)
      digests.push((await describeOne(storage, 'a'))?.digest ?? '')
      expect(digests.sort()).toEqual((await Promise.all(all.map(hash))).sort())
    })
  })

  describe('listKept', () => {
    writableFact('returns all contents in the byte order of digest/name, page by page', async (under) => {
      const { storage } = under
      await replaceAll(under, ['b', 'a', 'a/b', 'a.b', '\ue000', '\u{10000}'], ['one', 'two', 'three'])
      const keys = (await listAll(storage)).map(toKeptKey)
      expect(keys).toHaveLength(18)
      expect(keys).toEqual([...keys].sort(compareNames))
      for (const limit of [1, 4, 17, 18, 1000]) {
        expect((await listAll(storage, { limit })).map(toKeptKey)).toEqual(keys)
      }
      const page = await readKept(storage, { limit: 4 })
      expect(page.next).toBe(keys[3])
      expect((await readKept(storage, { after: keys.at(-1) })).entries).toEqual([])
    })

    writableFact('continues after any string, whether or not that is kept', async (under) => {
      const { storage } = under
      await replaceAll(under, ['a', 'b', 'c'], ['one', 'two'])
      const keys = (await listAll(storage)).map(toKeptKey)
      const [first = '', second = ''] = keys
      for (const after of [
        '0',
        first.slice(0, 64),
        `${first}0`,
        `${first}/x`,
        second,
        'f',
        'g',
        '\u{10ffff}',
      ]) {
        const expected = keys.filter((key) => compareNames(key, after) > 0)
        expect((await listAll(storage, { after })).map(toKeptKey)).toEqual(expected)
      }
    })

    writableFact('returns only the contents of one name when that is given', async (under) => {
      const { storage } = under
      await replaceAll(under, ['a', 'a/b', 'ab', 'b/a'], ['one', 'two'])
      for (const name of ['a', 'a/b', 'ab', 'b/a']) {
        const entries = await listAll(storage, { name, limit: 1 })
        expect(entries.map((entry) => entry.name)).toEqual([name, name])
      }
      for (const name of ['b', 'a/b/c', 'A']) expect(await listAll(storage, { name })).toEqual([])
    })

    fact('is empty when nothing was replaced', async ({ storage, write }) => {
      expect(await readKept(storage)).toEqual({ entries: [], next: null })
      await write('a', toBytes('a'))
      expect(await readKept(storage, { name: 'a' })).toEqual({ entries: [], next: null })
    })

    fact('rejects an invalid name as invalid-name', async ({ storage }) => {
      for (const name of INVALID_NAMES) await expectTrouble(readKept(storage, { name }), 'invalid-name')
    })

    fact('rejects when its signal is aborted already', async ({ storage }) => {
      await expect(readKept(storage, { signal: AbortSignal.abort() })).rejects.toThrow()
    })
  })

  describe('restore', () => {
    writableFact(
      'restores a content, and keeps it and the one that it replaces',
      async ({ storage, write }) => {
        const [old, young] = [createNoise(3 * MIB + 5, 1), createNoise(2 * MIB, 2)]
        await write('dir/a', old)
        await put(storage, 'dir/a', young, await hash(old))
        const facts = await restore(storage, 'dir/a', old, young)
        expect(facts).toMatchObject({ size: old.length, digest: await hash(old) })
        expect(await describeOne(storage, 'dir/a')).toMatchObject({ digest: await hash(old) })
        expectBytes(await readBytes(storage, 'dir/a'), old)
        const digests = (await listAll(storage)).map(({ digest }) => digest)
        expect(digests).toEqual([await hash(old), await hash(young)].sort())
        await restore(storage, 'dir/a', young, old)
        expectBytes(await readBytes(storage, 'dir/a'), young)
      },
    )

    writableFact('restores a content with its time', async ({ storage, write, remove }) => {
      const [first, second, third] = ['first', 'second', 'third'].map(toBytes)
      if (!first || !second || !third) throw new Error('unreachable: there are three contents')
      await write('a', first)
      const before = (await describeOne(storage, 'a'))?.modified
      const modified = Date.UTC(2001, 1, 3, 4, 5, 6, 789)
      const replacing = { ...(await toPut(second, await hash(first))), modified }
      await storage.put('a', createSource(second).body, replacing)
      await put(storage, 'a', third, await hash(second))
      expect((await restore(storage, 'a', second, third)).modified).toBe(modified)
      expect(await describeOne(storage, 'a')).toMatchObject({ modified })
      await restore(storage, 'a', first, second)
      expect(await describeOne(storage, 'a')).toMatchObject({ modified: before })
      await remove('a')
      await restore(storage, 'a', second, null)
      expect(await describeOne(storage, 'a')).toMatchObject({ modified })
    })

    writableFact('restores a content to a name without a file', async ({ storage, write, remove }) => {
      await write('a', toBytes(''))
      await put(storage, 'a', toBytes('new'), await hash(toBytes('')))
      await remove('a')
      await restore(storage, 'a', toBytes(''), null)
      expectBytes(await readBytes(storage, 'a'), toBytes(''))
      expect(await listAll(storage)).toHaveLength(1)
    })

    writableFact(
      'rejects as precondition over a content that it does not name',
      async ({ storage, write, remove }) => {
        await write('a', toBytes('old'))
        await put(storage, 'a', toBytes('new'), await hash(toBytes('old')))
        await expectTrouble(restore(storage, 'a', toBytes('old'), null), 'precondition')
        await expectTrouble(restore(storage, 'a', toBytes('old'), toBytes('other')), 'precondition')
        expectBytes(await readBytes(storage, 'a'), toBytes('new'))
        await remove('a')
        await expectTrouble(restore(storage, 'a', toBytes('old'), toBytes('new')), 'precondition')
        expect(await describeOne(storage, 'a')).toBeNull()
        expect(await listAll(storage)).toHaveLength(1)
      },
    )

    writableFact(
      'rejects as not-kept a content that was never replaced under that name',
      async ({ storage, write }) => {
        await write('a', toBytes('old'))
        await write('b', toBytes('b'))
        await put(storage, 'a', toBytes('new'), await hash(toBytes('old')))
        await expectTrouble(restore(storage, 'a', toBytes('other'), toBytes('new')), 'not-kept')
        await expectTrouble(restore(storage, 'a', toBytes('new'), toBytes('new')), 'not-kept')
        await expectTrouble(restore(storage, 'b', toBytes('old'), toBytes('b')), 'not-kept')
        await expectTrouble(restore(storage, 'a/b', toBytes('old'), null), 'not-kept')
        await expectTrouble(restore(storage, 'missing', toBytes('old'), null), 'not-kept')
        expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a', 'b'])
      },
    )

    writableFact('lets exactly one of several writers replace a content', async ({ storage, write }) => {
      const contents = Array.from({ length: 4 }, (_, i) => createNoise(100_000, i))
      await write('a', contents[0] ?? toBytes(''))
      for (let i = 1; i < contents.length; i++) {
        await put(storage, 'a', contents[i] ?? toBytes(''), await hash(contents[i - 1] ?? toBytes('')))
      }
      const old = contents.slice(0, -1)
      const restores = await Promise.allSettled(
        old.map((bytes) => restore(storage, 'a', bytes, contents.at(-1) ?? null)),
      )
      expect(restores.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const one of restores) if (one.status === 'rejected') expect(one.reason.code).toBe('precondition')
      expect(await listAll(storage)).toHaveLength(4)
    })

    writableFact(
      'rejects, having changed nothing, when its signal is aborted',
      async ({ storage, write }) => {
        await write('a', toBytes('old'))
        const replaces = await hash(toBytes('new'))
        await put(storage, 'a', toBytes('new'), await hash(toBytes('old')))
        const options = { digest: await hash(toBytes('old')), replaces, signal: AbortSignal.abort() }
        await expect(storage.restore('a', options)).rejects.toThrow()
        expectBytes(await readBytes(storage, 'a'), toBytes('new'))
      },
    )

    writableFact('accepts every odd name unchanged', async ({ storage }) => {
      for (const name of ODD_NAMES) {
        await put(storage, name, toBytes(`old ${name}`), null)
        await put(storage, name, toBytes('new'), await hash(toBytes(`old ${name}`)))
        await restore(storage, name, toBytes(`old ${name}`), toBytes('new'))
      }
      for (const name of ODD_NAMES) expectBytes(await readBytes(storage, name), toBytes(`old ${name}`))
      const kept = await listAll(storage)
      expect(kept.map(({ name }) => name).sort()).toEqual([...ODD_NAMES, ...ODD_NAMES].sort())
      for (const name of ODD_NAMES) expect(await listAll(storage, { name })).toHaveLength(2)
    })

    fact('rejects an invalid name as invalid-name', async ({ storage }) => {
      for (const name of INVALID_NAMES) {
        if (!isWritable(storage)) break
        const options = { digest: await hash(toBytes('x')), replaces: null }
        await expectTrouble(storage.restore(name, options), 'invalid-name')
      }
      expect((await storage.list()).entries).toEqual([])
    })
  })
}

async function put(
  storage: WritableStorage,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  replaces: Digest | null,
) {
  return await storage.put(name, createSource(bytes).body, await toPut(bytes, replaces))
}

type Bytes = Uint8Array<ArrayBuffer>

async function restore(
  storage: WritableStorage,
  name: string,
  bytes: Bytes,
  replaces: Bytes | null,
): Promise<Facts> {
  const options = { digest: await hash(bytes), replaces: replaces && (await hash(replaces)) }
  return await storage.restore(name, options)
}

/** Writes each content to each name in turn, and 'last' at the end. */
async function replaceAll(
  { storage, write, remove }: WritableUnderTest,
  names: readonly string[],
  contents: readonly string[],
): Promise<void> {
  for (const name of names) {
    for (const content of contents) {
      await write(name, toBytes(content))
      await put(storage, name, toBytes('last'), await hash(toBytes(content)))
    }
    await remove(name)
  }
}

async function listAll(storage: Storage, options: ListKeptOptions = {}): Promise<Kept[]> {
  const entries: Kept[] = []
  for (let after: string | null = options.after ?? ''; after !== null; ) {
    const page = await readKept(storage, { ...options, after })
    if (options.limit !== undefined) expect(page.entries.length).toBeLessThanOrEqual(options.limit)
    entries.push(...page.entries)
    after = page.next
  }
  return entries
}

async function expectReadOnly({ storage, write }: StorageUnderTest): Promise<void> {
  await write('a', toBytes('old'))
  const digest = await hash(toBytes('old'))
  if (isWritable(storage)) {
    await expectTrouble(storage.restore('a', { digest, replaces: digest }), 'read-only')
    await expectTrouble(storage.restore('b', { digest, replaces: null }), 'read-only')
  }
  expectBytes(await readBytes(storage, 'a'), toBytes('old'))
  expect(await readKept(storage)).toEqual({ entries: [], next: null })
}
