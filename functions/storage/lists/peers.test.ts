import { expect, it } from 'vitest'
import { type Hasher, toDigest } from '../../wire/digest.ts'
import { StorageError, type StorageErrorCode } from '../../wire/storage-error.ts'
import { createMemoryStorage } from '../memory.ts'
import type { Storage } from '../storage.ts'
import { createTestHasher, createUnreachableStorage, hash, toBytes } from '../suite/set-up.suite.ts'
import { createDescribeSums } from '../sums.ts'
import { readSurvey } from '../survey/read-survey.ts'
import { parseAlgorithm, SHA256 } from './algorithms.ts'
import { createListStorage } from './list-storage.ts'
import { ask, createStorage } from './lists.suite.ts'

/** SHA-1 in place of any other sum; of each content its first byte alone in place of CRC32. */
function createSum(algorithm: string): Hasher | null {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  const toHex = async () => {
    const bytes = await new Blob(chunks).bytes()
    if (algorithm === 'crc32') return toDigest(bytes.subarray(0, 1)).padStart(8, '0')
    return toDigest(await crypto.subtle.digest('SHA-1', bytes))
  }
  return algorithm === 'blake3' ? null : { update: (bytes) => void chunks.push(bytes.slice()), digest: toHex }
}

async function sha1(text: string): Promise<string> {
  return toDigest(await crypto.subtle.digest('SHA-1', toBytes(text)))
}

function open(text: string, storages: readonly Storage[], id = 'sha1') {
  const describeSums = createDescribeSums({ createHasher: createTestHasher, createSum })
  const read = async (known: string | null) =>
    known === null ? { name: 'list', bytes: toBytes(text), version: '1', modified: null } : null
  const list = createListStorage({ read }, { algorithm: parseAlgorithm(id) ?? SHA256 })
  return list.beside({ storages, describeSums })
}

const away = createUnreachableStorage()

it('a copy with the sum of the list has the content of the list; where none has, the sum alone is known', async () => {
  const list = `${await sha1('one')}  a\n${await sha1('two')}  b\n${await sha1('three')}  c\n`
  const storage = open(list, [
    away,
    createMemoryStorage({ a: 'one', b: 'other' }),
    createMemoryStorage({ b: 'two' }),
  ])
  expect(await ask(storage, ['a', 'b', 'c', 'd', 'a'])).toEqual([
    ...[await hash(toBytes('one')), await hash(toBytes('two')), `sha1:${await sha1('three')}`, null],
    await hash(toBytes('one')),
  ])
  expect(await storage.describe(['a'])[0]).toMatchObject({ size: 3, evidence: 'recorded', age: null })
})

it('a survey has the same digests, by name and in spans', async () => {
  const files = { a: 'one', b: 'two' }
  const list = `${await sha1('one')}  a\n${await sha1('two')}  b\n`
  const memory = createMemoryStorage(files)
  const survey = async (storage: Storage, grain: number) => {
    const whole = {
      ranges: [{ after: '', until: null }],
      prefix: '',
      maxAge: null,
      match: [],
      exclude: [],
      grain,
    }
    const found: unknown[] = []
    for await (const line of readSurvey(storage, whole)) {
      if ('said' in line && 'digest' in line.said) found.push([line.name, line.said.digest])
      if ('last' in line) found.push(line.fingerprint)
    }
    return found
  }
  for (const grain of [0, 12])
    expect(await survey(open(list, [memory]), grain)).toEqual(await survey(memory, grain))
})

it('without peers the sum alone is known', async () => {
  expect(await ask(open(`${await sha1('one')}  a\n`, []), ['a'])).toEqual([`sha1:${await sha1('one')}`])
})

it('a list of another algorithm is not compared with, unless a replica has a copy', async () => {
  const one = await hash(toBytes('one'))
  const then = createStorage({ name: 'SHA256SUMS', bytes: `${one}  a\n${one}  b\n` })
  const storage = open(`${await sha1('one')}  a\n${await sha1('two')}  b\n${await sha1('c')}  c\n`, [
    createMemoryStorage({ b: 'one' }),
    then,
  ])
  expect(await ask(storage, ['a', 'b', 'c'])).toEqual([
    'the list has the sha1 of the name, and another list its sha256: no replica has a copy by which they could be compared',
    `sha1:${await sha1('two')}`,
    `sha1:${await sha1('c')}`,
  ])
})

it('two contents with the sum of the list are not told apart', async () => {
  const storages = [createMemoryStorage({ a: 'xy', b: 'x' }), createMemoryStorage({ a: 'xz', b: 'x' })]
  expect(await ask(open('00000078  a\n00000078  b\n', storages, 'crc32'), ['a', 'b'])).toEqual([
    'two different contents have the crc32 of the list, which does not tell them apart',
    await hash(toBytes('x')),
  ])
})

it('a copy of another size than the list records does not have its content', async () => {
  const head = '%%%% HASHDEEP-1.0\n%%%% size,sha1,filename\n'
  const list = `${head}3,${await sha1('one')},a\n4,${await sha1('two')},b\n`
  const storage = open(list, [createMemoryStorage({ a: 'one', b: 'two' })])
  expect(await ask(storage, ['a', 'b'])).toEqual([await hash(toBytes('one')), `sha1:${await sha1('two')}`])
})

it('a copy whose sum cannot be computed may be that of the list', async () => {
  const memory = createMemoryStorage({ a: 'one' })
  const open0 = () => Promise.reject(new StorageError('unreadable', 'bad sector'))
  const storage = open(`${await sha1('one')}  a\n${await sha1('one')}  b\n`, [{ ...memory, open: open0 }])
  const doubt = "the sum of another replica's copy could not be computed: bad sector"
  expect(await ask(storage, ['a', 'b'])).toEqual([doubt, `sha1:${await sha1('one')}`])
  const b3 = open(`${'b'.repeat(64)}  a\n`, [memory], 'blake3')
  expect(await ask(b3, ['a'])).toEqual([expect.stringContaining('this host cannot compute blake3')])
})

it('a peer that does not say whether it has a copy may have that of the list; it is asked once more', async () => {
  const sum = await sha1('one')
  const asked: string[][] = []
  const signals = new Set<AbortSignal | undefined>()
  const failing = (code: StorageErrorCode): Storage => ({
    ...createMemoryStorage({}),
    describe(names, { signal } = {}) {
      asked.push([...names])
      signals.add(signal)
      return names.map((name) =>
        name === 'c' ? Promise.resolve(null) : Promise.reject(new StorageError(code, code)),
      )
    },
  })
  const list = `${sum}  a\n${sum}  b\n${sum}  c\n`
  const { signal } = new AbortController()
  const said = open(list, [failing('unreadable')]).describe(['a', 'b', 'c'], { signal })
  for (const answer of said.slice(0, 2))
    await expect(answer).rejects.toThrow('could not be computed: unreadable')
  expect(await said[2]).toMatchObject({ digest: `sha1:${sum}` })
  expect(asked).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b'],
  ])
  expect([...signals]).toEqual([signal])
  asked.length = 0
  const away = open(list, [failing('unreachable')])
  expect(await ask(away, ['a', 'b'])).toEqual([`sha1:${sum}`, `sha1:${sum}`])
  expect(asked.filter((names) => names.length > 0)).toEqual([['a', 'b']])
})

it('a name with two sums is not asked of peers', async () => {
  const asked: string[] = []
  const memory = createMemoryStorage({ a: 'one' })
  const counting: Storage = {
    ...memory,
    describe: (names, options) => {
      asked.push(...names)
      return memory.describe(names, options)
    },
  }
  const storage = open(`${await sha1('one')}  a\n${await sha1('two')}  a\n${await sha1('one')}  b\n`, [
    counting,
  ])
  expect(await ask(storage, ['a'])).toEqual([
    'the list has the name twice, with two contents, in lines 1 and 2',
  ])
  expect(asked).toEqual([])
})
