import { describe, expect } from 'vitest'
import { toStorageError } from '../../wire/storage-error.ts'
import type { PutOptions, Storage, WritableStorage } from '../storage.ts'
import { isWritable, moveFile } from '../writable.ts'
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

/** Tests the promises of `put`; on a storage that does not accept writes, that each write is refused. */
export function describeWriting(setup: Setup): void {
  const fact = createFact(setup)

  const writableFact = createWritableFact(setup, expectReadOnly)

  describe('put', () => {
    writableFact('creates a file, and returns its facts', async ({ storage }) => {
      const bytes = createNoise(3 * MIB + 5)
      const facts = await put(storage, 'new/dir/file', bytes, null)
      expect(facts).toMatchObject({ size: bytes.length, digest: await hash(bytes) })
      expect(await describeOne(storage, 'new/dir/file')).toMatchObject({
        size: facts.size,
        digest: facts.digest,
      })
      expectBytes(await readBytes(storage, 'new/dir/file'), bytes)
      expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['new/dir/file'])
    })

    writableFact('writes an empty file', async ({ storage }) => {
      await put(storage, 'empty', new Uint8Array(), null)
      expectBytes(await readBytes(storage, 'empty'), new Uint8Array())
    })

    writableFact('replaces the content that it names', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      await put(storage, 'a', toBytes('new content'), await hash(toBytes('old')))
      expectBytes(await readBytes(storage, 'a'), toBytes('new content'))
      await put(storage, 'a', toBytes(''), await hash(toBytes('new content')))
      expectBytes(await readBytes(storage, 'a'), new Uint8Array())
    })

    writableFact('replaces a content by itself', async ({ storage, write }) => {
      await write('a', toBytes('same'))
      await put(storage, 'a', toBytes('same'), await hash(toBytes('same')))
      expectBytes(await readBytes(storage, 'a'), toBytes('same'))
    })

    writableFact('rejects as precondition the creation of an existing file', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      await write('empty', new Uint8Array())
      await expectRefused(storage, 'a', toBytes('new'), null, 'precondition')
      await expectRefused(storage, 'empty', toBytes('new'), null, 'precondition')
      expectBytes(await readBytes(storage, 'a'), toBytes('old'))
      expectBytes(await readBytes(storage, 'empty'), new Uint8Array())
    })

    writableFact('rejects as precondition the replacement of a missing file', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      const other = await hash(toBytes('other'))
      await expectRefused(storage, 'a', toBytes('new'), other, 'precondition')
      await expectRefused(storage, 'missing', toBytes('new'), other, 'precondition')
      await expectRefused(storage, 'dir/missing', toBytes('new'), other, 'precondition')
      expectBytes(await readBytes(storage, 'a'), toBytes('old'))
      expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a'])
    })

    writableFact(
      'rejects bytes that contradict size or digest, and leaves the file unchanged',
      async ({ storage, write }) => {
        const bytes = createNoise(2 * MIB)
        const honest = await toPut(bytes, null)
        const lies: Partial<PutOptions>[] = [
          { digest: await hash(toBytes('other')) },
          { size: bytes.length - 1 },
          { size: bytes.length + 1 },
          { size: 0 },
        ]
        await write('a', toBytes('old'))
        const replaces = await hash(toBytes('old'))
        for (const lie of lies) {
          for (const [name, condition] of [['a', replaces] as const, ['new', null] as const]) {
            const { body, isEnded } = createSource(bytes)
            await expectTrouble(
              storage.put(name, body, { ...honest, ...lie, replaces: condition }),
              'integrity',
            )
            expect(isEnded()).toBe(true)
          }
        }
        expectBytes(await readBytes(storage, 'a'), toBytes('old'))
        expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a'])
      },
    )

    writableFact('changes nothing when the body fails', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      const bytes = createNoise(MIB)
      for (const [name, replaces] of [['a', await hash(toBytes('old'))] as const, ['new', null] as const]) {
        let pulls = 0
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            if (pulls++ < 2) controller.enqueue(bytes.slice(0, 1000))
            else controller.error(new Error('the source broke'))
          },
        })
        await expect(storage.put(name, body, await toPut(bytes, replaces))).rejects.toThrow()
      }
      expectBytes(await readBytes(storage, 'a'), toBytes('old'))
      expect(await describeOne(storage, 'new')).toBeNull()
    })

    writableFact('changes nothing and ends the body when its signal is aborted', async ({ storage }) => {
      const bytes = createNoise(MIB)
      const early = createSource(bytes)
      const options = await toPut(bytes, null)
      await expect(
        storage.put('a', early.body, { ...options, signal: AbortSignal.abort() }),
      ).rejects.toThrow()
      expect(early.isEnded()).toBe(true)
      const abort = new AbortController()
      const stalled = createStall(bytes.slice(0, 1000))
      const promise = storage.put('a', stalled.body, { ...options, signal: abort.signal })
      await stalled.waited
      abort.abort()
      await expect(promise).rejects.toThrow()
      expect(await describeOne(storage, 'a')).toBeNull()
    })

    writableFact('lets exactly one of several writers create a file', async ({ storage }) => {
      const contents = Array.from({ length: 8 }, (_, i) => createNoise(100_000, i))
      const puts = await Promise.allSettled(contents.map((bytes) => put(storage, 'a', bytes, null)))
      expect(puts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const winner = contents[puts.findIndex(({ status }) => status === 'fulfilled')]
      expectBytes(await readBytes(storage, 'a'), winner ?? new Uint8Array())
      for (const result of puts)
        if (result.status === 'rejected') expect(result.reason.code).toBe('precondition')
    })

    writableFact('lets exactly one of several writers replace a content', async ({ storage, write }) => {
      await write('a', toBytes('old'))
      const replaces = await hash(toBytes('old'))
      const contents = Array.from({ length: 8 }, (_, i) => createNoise(100_000, i))
      const puts = await Promise.allSettled(contents.map((bytes) => put(storage, 'a', bytes, replaces)))
      expect(puts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const winner = contents[puts.findIndex(({ status }) => status === 'fulfilled')]
      expectBytes(await readBytes(storage, 'a'), winner ?? new Uint8Array())
    })

    writableFact(
      'shows every reader the whole old content or the whole new one',
      async ({ storage, write }) => {
        const contents = [createNoise(700_000, 1), createNoise(MIB + 500_000, 2)]
        const digests = await Promise.all(contents.map(hash))
        await write('a', contents[0] ?? new Uint8Array())
        let writing = true
        let ended = Promise.withResolvers<void>()
        async function replaceOften(): Promise<void> {
          for (let i = 0; i < 12; i++) {
            await put(storage, 'a', contents[(i + 1) % 2] ?? new Uint8Array(), digests[i % 2] ?? null)
            ended.resolve()
            ended = Promise.withResolvers()
          }
          writing = false
        }
        const seen = new Set<string>()
        async function readOften(): Promise<void> {
          while (writing) {
            const { promise } = ended
            for (let i = 0; writing && i < READS_MEANWHILE; i++)
              seen.add(await readBytes(storage, 'a').then(hash, toCode))
            await promise
          }
        }
        await Promise.all([replaceOften(), readOften(), readOften(), readOften()])
        // A stream under which the file is replaced may error, but must not end cleanly with a mixture.
        for (const outcome of seen) expect([...digests, 'changed']).toContain(outcome)
        expectBytes(await readBytes(storage, 'a'), contents[0] ?? new Uint8Array())
      },
    )

    writableFact(
      'sets the time that describe and open return, for a new and for a replaced file',
      async ({ storage, write }) => {
        await write('old', toBytes('old'))
        const times = [Date.UTC(2001, 1, 3, 4, 5, 6, 789), Date.UTC(1969, 6, 20, 20, 17, 40)]
        for (const [i, modified] of times.entries()) {
          const bytes = toBytes(`content ${i}`)
          for (const [name, replaced] of [
            [`dir/new${i}`, null] as const,
            ['old', i ? 'content 0' : 'old'] as const,
          ]) {
            const replaces = replaced && (await hash(toBytes(replaced)))
            const options = { ...(await toPut(bytes, replaces)), modified }
            const facts = await storage.put(name, createSource(bytes).body, options)
            expect(facts.modified).toBe(modified)
            expect(await describeOne(storage, name)).toMatchObject({ modified })
            const opened = await storage.open(name)
            await opened?.body.cancel()
            expect(opened?.facts.modified).toBe(modified)
          }
        }
      },
    )

    writableFact('accepts every odd name unchanged', async ({ storage }) => {
      for (const name of ODD_NAMES) await put(storage, name, toBytes(`put ${name}`), null)
      for (const name of ODD_NAMES) expectBytes(await readBytes(storage, name), toBytes(`put ${name}`))
    })

    fact('rejects an invalid name as invalid-name and ends the body', async ({ storage }) => {
      for (const name of INVALID_NAMES) {
        if (!isWritable(storage)) break
        const { body, isEnded } = createSource(toBytes('x'))
        await expectTrouble(storage.put(name, body, await toPut(toBytes('x'), null)), 'invalid-name')
        expect(isEnded()).toBe(true)
      }
      expect((await storage.list()).entries).toEqual([])
    })
  })
}

/** Tests the promises of `move`, on a storage that has it; elsewhere, that nothing is moved. */
export function describeMoving(setup: Setup): void {
  const writableFact = createWritableFact(setup, async (under) => {
    const digest = await hash(toBytes('old'))
    await under.write('a', toBytes('old'))
    await expectTrouble(moveFile(under.storage, 'a', 'b', { digest }), 'read-only')
    expect(await listNames(under.storage)).toEqual(['a'])
  })

  /** Where the storage cannot move, each is refused. */
  function movingFact(
    title: string,
    run: (under: WritableUnderTest, move: NonNullable<WritableStorage['move']>) => Promise<void>,
  ): void {
    writableFact(title, async (under) => {
      const { move } = under.storage
      if (move !== undefined && !under.refusesMoves) return await run(under, move)
      const digest = await hash(toBytes('old'))
      await under.write('a', toBytes('old'))
      await expectTrouble(moveFile(under.storage, 'a', 'b', { digest }), 'unreadable')
      expect(await listNames(under.storage)).toEqual(['a'])
    })
  }

  describe('move', () => {
    movingFact(
      'gives a file another name, and keeps its bytes and time',
      async ({ storage, write }, move) => {
        const bytes = createNoise(MIB + 5)
        await write('old/folder/a', bytes)
        await write('old/b', toBytes('b'))
        const before = await describeOne(storage, 'old/folder/a')
        const digest = await hash(bytes)
        await move('old/folder/a', 'new/é/a', { digest })
        expect(await listNames(storage)).toEqual(['new/é/a', 'old/b'])
        const after = await describeOne(storage, 'new/é/a')
        expect(after).toMatchObject({ digest, size: bytes.length, modified: before?.modified })
        expect(await describeOne(storage, 'old/folder/a')).toBeNull()
        expectBytes(await readBytes(storage, 'new/é/a'), bytes)
        await move('new/é/a', 'old/folder/a', { digest })
        expect(await listNames(storage)).toEqual(['old/b', 'old/folder/a'])
        expect((await storage.listKept()).entries).toEqual([])
      },
    )

    movingFact(
      'rejects as precondition another content, no file, and a name that is taken',
      async ({ storage, write }, move) => {
        const digest = await hash(toBytes('a'))
        await write('a', toBytes('a'))
        await write('same', toBytes('a'))
        await write('dir/b', toBytes('b'))
        for (const [from, to] of [
          ['dir/b', 'x/b'],
          ['missing', 'x/b'],
          ['dir/missing', 'x/b'],
          ['dir', 'x/b'],
          ['a', 'same'],
          ['a', 'dir/b'],
          ['a', 'a'],
        ] as const)
          await expectTrouble(move(from, to, { digest }), 'precondition')
        for (const invalid of ['../x', '.vouch/x', '']) {
          await expectTrouble(move('a', invalid, { digest }), 'invalid-name')
          await expectTrouble(move(invalid, 'x', { digest }), 'invalid-name')
        }
        await expect(move('a', 'x', { digest, signal: AbortSignal.abort() })).rejects.toThrow()
        expect(await listNames(storage)).toEqual(['a', 'dir/b', 'same'])
      },
    )

    movingFact('lets exactly one of several moves to a name succeed', async ({ storage, write }, move) => {
      const names = Array.from({ length: 6 }, (_, i) => `old${i}`)
      for (const name of names) await write(name, toBytes(name))
      const moves = names.map(async (name) => await move(name, 'new', { digest: await hash(toBytes(name)) }))
      const ended = await Promise.allSettled(moves)
      const winner = ended.findIndex(({ status }) => status === 'fulfilled')
      for (const [i, one] of ended.entries())
        if (i !== winner) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'precondition' } })
      expectBytes(await readBytes(storage, 'new'), toBytes(names[winner] ?? ''))
      expect(await listNames(storage)).toEqual(['new', ...names.filter((_, i) => i !== winner)])
    })
  })
}

async function listNames(storage: Storage): Promise<string[]> {
  return (await storage.list()).entries.map(({ name }) => name)
}

async function put(
  storage: WritableStorage,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  replaces: string | null,
) {
  return await storage.put(name, createSource(bytes).body, await toPut(bytes, replaces))
}

async function expectRefused(
  storage: WritableStorage,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  replaces: string | null,
  code: 'precondition' | 'read-only',
): Promise<void> {
  const { body, isEnded } = createSource(bytes)
  await expectTrouble(storage.put(name, body, await toPut(bytes, replaces)), code)
  expect(isEnded()).toBe(true)
}

async function expectReadOnly({ storage, write }: StorageUnderTest): Promise<void> {
  await write('a', toBytes('old'))
  if (isWritable(storage)) {
    await expectRefused(storage, 'new', createNoise(MIB), null, 'read-only')
    await expectRefused(storage, 'a', toBytes('new'), await hash(toBytes('old')), 'read-only')
    await expectRefused(storage, 'a', toBytes('new'), null, 'read-only')
  }
  expectBytes(await readBytes(storage, 'a'), toBytes('old'))
  expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a'])
}

/** Of a reader, while one content is put: where that waits for a disk, more would only delay it. */
const READS_MEANWHILE = 6

/** A stream of `bytes` that never ends; `waited` resolves once its reader waits for more. */
function createStall(bytes: Uint8Array) {
  const { promise: waited, resolve } = Promise.withResolvers<void>()
  let given = false
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (given) {
          resolve()
          return await new Promise(() => {})
        }
        given = true
        controller.enqueue(bytes)
      },
    },
    { highWaterMark: 0 },
  )
  return { body, waited }
}

function toCode(error: unknown): string {
  return toStorageError(error).code
}
