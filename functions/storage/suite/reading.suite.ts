import { describe, expect } from 'vitest'
import type { Facts } from '../facts.ts'
import { requireName } from '../names.ts'
import type { Storage } from '../storage.ts'
import { hash, toBytes } from './set-up.suite.ts'
import {
  createFact,
  createNoise,
  describeOne,
  drain,
  expectBytes,
  expectTrouble,
  INVALID_NAMES,
  readBytes,
  type Setup,
  toOddNames,
} from './suite-tools.suite.ts'

const MIB = 1024 * 1024
const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The promises of `describe` and `open`. */
export function describeReading(setup: Setup): void {
  const fact = createFact(setup)

  describe('describe', () => {
    fact('returns size, SHA-256, time and evidence of a file', async ({ storage, write }) => {
      await write('a.txt', toBytes('abc'))
      const facts = await describeOne(storage, 'a.txt')
      expect(facts).toEqual({
        size: 3,
        digest: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
        modified: facts?.modified,
        evidence: expect.stringMatching(/^(read|remembered|stored)$/),
        age: facts?.age,
      })
      expect(facts?.modified === null || Number.isInteger(facts?.modified)).toBe(true)
    })

    fact('returns facts for an empty file and null for a missing one', async ({ storage, write }) => {
      await write('empty', new Uint8Array())
      expect(await describeOne(storage, 'empty')).toMatchObject({ size: 0, digest: EMPTY_DIGEST })
      expect(await describeOne(storage, 'missing')).toBeNull()
    })

    fact('returns null for a directory, and for a name below a file', async ({ storage, write }) => {
      await write('a/b', toBytes('file'))
      expect(await describeOne(storage, 'a')).toBeNull()
      expect(await describeOne(storage, 'a/b/c')).toBeNull()
      expect(await describeOne(storage, 'a/b')).not.toBeNull()
    })

    fact('returns no promises for no names', async ({ storage }) => {
      expect(storage.describe([])).toEqual([])
    })

    fact(
      'answers more names than fit one message, each by itself, in their order',
      async ({ storage, write }) => {
        const present = Array.from({ length: 40 }, (_, i) => `dir${i % 7}/file ${i}`)
        for (const name of present) await write(name, toBytes(name))
        const names = Array.from({ length: 1200 }, (_, i) => {
          if (i % 3 === 0) return present[(i / 3) % present.length] ?? ''
          return i % 3 === 1 ? `missing/${i}` : (INVALID_NAMES[i % INVALID_NAMES.length] ?? '')
        })
        const answers = await Promise.allSettled(storage.describe(names))
        expect(answers).toHaveLength(names.length)
        const kinds = answers.map((answer, i) => toKind(answer, names[i] ?? ''))
        const expected = await Promise.all(names.map((name, i) => toExpectedKind(i, name)))
        expect(kinds).toEqual(expected)
      },
    )

    fact('answers each occurrence of a name that is given twice', async ({ storage, write }) => {
      await write('a', toBytes('abc'))
      const answers = await Promise.all(storage.describe(['a', 'missing', 'a', 'missing']))
      expect(answers.map((facts) => facts?.size)).toEqual([3, undefined, 3, undefined])
    })

    fact(
      'reflects that a file was overwritten, removed or created again',
      async ({ storage, write, remove }) => {
        for (const content of ['one', 'two', 'three', null, 'four']) {
          if (content === null) await remove('a')
          else await write('a', toBytes(content))
          const expected = content === null ? undefined : await hash(toBytes(content))
          expect((await describeOne(storage, 'a'))?.digest).toBe(expected)
        }
      },
    )

    fact('rejects every name still open when its signal is aborted', async ({ storage, write }) => {
      await write('a', createNoise(MIB))
      const early = storage.describe(['a', 'b'], { signal: AbortSignal.abort() })
      expect((await Promise.allSettled(early)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      const abort = new AbortController()
      const late = storage.describe(['a', 'b'], { signal: abort.signal })
      abort.abort()
      // Facts that were ready by then may still come, but only true ones.
      for (const answer of await Promise.allSettled(late)) {
        if (answer.status === 'fulfilled') expect([MIB, undefined]).toContain(answer.value?.size)
      }
    })
  })

  describe('open', () => {
    fact(
      'returns null for a missing file, a directory and a name below a file',
      async ({ storage, write }) => {
        await write('a/b', toBytes('file'))
        for (const name of ['missing', 'a', 'a/b/c', 'missing/too'])
          expect(await storage.open(name)).toBeNull()
      },
    )

    fact('streams an empty file as no bytes', async ({ storage, write }) => {
      await write('empty', new Uint8Array())
      const opened = await storage.open('empty')
      expect(opened?.facts).toMatchObject({ size: 0, digest: EMPTY_DIGEST })
      expectBytes(await drain(opened?.body ?? new ReadableStream()), new Uint8Array())
    })

    fact(
      'streams every byte value, and text that reads like an answer, unchanged',
      async ({ storage, write }) => {
        const all = Uint8Array.from({ length: 1024 }, (_, i) => i % 256)
        await write('all', all)
        expectBytes(await readBytes(storage, 'all'), all)
        for (const text of ['FILE_NOT_FOUND', 'a|b|c', 'ERROR\r\n\r\n', '\ufeffbom']) {
          await write('text', toBytes(text))
          expectBytes(await readBytes(storage, 'text'), toBytes(text))
        }
      },
    )

    fact(
      'streams several MiB completely, with the facts that describe returns',
      async ({ storage, write }) => {
        const bytes = createNoise(5 * MIB + 4321)
        await write('large', bytes)
        const opened = await storage.open('large')
        expect(opened?.facts).toMatchObject({ size: bytes.length, digest: await hash(bytes) })
        expect(opened?.facts.digest).toBe((await describeOne(storage, 'large'))?.digest)
        expectBytes(await drain(opened?.body ?? new ReadableStream()), bytes)
      },
    )

    fact('streams exactly the range, with the facts of the whole file', async ({ storage, write }) => {
      const bytes = createNoise(3 * MIB + 7)
      const digest = await hash(bytes)
      await write('large', bytes)
      for (const [offset, length] of toRanges(bytes.length)) {
        const opened = await storage.open('large', { range: { offset, length } })
        expect(opened?.facts).toMatchObject({ size: bytes.length, digest })
        expectBytes(
          await drain(opened?.body ?? new ReadableStream()),
          bytes.subarray(offset, offset + length),
        )
      }
    })

    fact('rejects a range outside the content as out-of-range', async ({ storage, write }) => {
      await write('ten', toBytes('0123456789'))
      await write('empty', new Uint8Array())
      for (const range of [
        { offset: 10, length: 1 },
        { offset: 0, length: 11 },
        { offset: 9, length: 2 },
        { offset: 2 ** 40, length: 1 },
      ]) {
        await expectTrouble(storage.open('ten', { range }), 'out-of-range')
      }
      await expectTrouble(storage.open('empty', { range: { offset: 0, length: 1 } }), 'out-of-range')
    })

    fact(
      'opens only the content that ifDigest names, and rejects another as changed',
      async ({ storage, write }) => {
        await write('a', toBytes('old'))
        const ifDigest = await hash(toBytes('old'))
        expectBytes(await readBytes(storage, 'a', { ifDigest }), toBytes('old'))
        expectBytes(
          await readBytes(storage, 'a', { ifDigest, range: { offset: 1, length: 1 } }),
          toBytes('l'),
        )
        await write('a', toBytes('new'))
        await expectTrouble(readBytes(storage, 'a', { ifDigest }), 'changed')
        await expectTrouble(storage.open('a', { ifDigest, range: { offset: 1, length: 1 } }), 'changed')
        expect(await storage.open('missing', { ifDigest })).toBeNull()
      },
    )

    fact('returns a stream of its own to each reader', async ({ storage, write }) => {
      const bytes = createNoise(2 * MIB)
      await write('a', bytes)
      const readers = Array.from({ length: 8 }, () => readBytes(storage, 'a'))
      for (const read of await Promise.all(readers)) expectBytes(read, bytes)
    })

    fact('returns chunks that its reader may keep and overwrite', async ({ storage, write }) => {
      const bytes = createNoise(3 * MIB)
      await write('a', bytes)
      const opened = await storage.open('a')
      const kept: Uint8Array[] = []
      for await (const chunk of opened?.body ?? []) kept.push(chunk)
      expectBytes(await drain(new Blob(kept.map((chunk) => new Uint8Array(chunk))).stream()), bytes)
      for (const chunk of kept) chunk.fill(0)
      expectBytes(await readBytes(storage, 'a'), bytes)
    })

    fact('works after fifty streams were cancelled, read or not', async ({ storage, write }) => {
      const bytes = createNoise(3 * MIB)
      await write('a', bytes)
      for (let i = 0; i < 50; i++) {
        const opened = await storage.open('a')
        const reader = opened?.body.getReader()
        if (i % 2 === 0) await reader?.read()
        await reader?.cancel('enough')
      }
      expectBytes(await readBytes(storage, 'a'), bytes)
    })

    fact('rejects when its signal is aborted already', async ({ storage, write }) => {
      await write('a', toBytes('abc'))
      await expect(storage.open('a', { signal: AbortSignal.abort() })).rejects.toThrow()
    })

    fact('errors the stream when its signal is aborted', async ({ storage, write }) => {
      await write('a', createNoise(8 * MIB))
      const abort = new AbortController()
      const opened = await storage.open('a', { signal: abort.signal })
      const reader = opened?.body.getReader()
      await reader?.read()
      abort.abort()
      await expect(readOn(reader)).rejects.toThrow()
    })
  })

  describe('open, while the file changes under the reader,', () => {
    // Noise of the same seed, shorter or longer, has the same bytes as far as it goes.
    const changes: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
      'is overwritten by as many bytes': () => createNoise(8 * MIB, 2),
      'loses its end': () => createNoise(3 * MIB),
      'becomes empty': () => new Uint8Array(),
      grows: () => createNoise(8 * MIB + 3),
    }
    for (const [title, toAfter] of Object.entries(changes)) {
      fact(`never ends cleanly with other bytes when it ${title}`, async (under) => {
        await expectOldOrChanged(under, () => under.write('a', toAfter()))
      })
    }

    fact(
      'never ends cleanly with other bytes when it is overwritten and keeps its modification time',
      async (under) => {
        await expectOldOrChanged(under, async () => {
          await under.write('a', createNoise(8 * MIB, 3))
          await under.write('a', createNoise(8 * MIB, 4))
        })
      },
    )
  })

  describe('a name', () => {
    fact('that is invalid is rejected as invalid-name by every method', async ({ storage }) => {
      for (const name of INVALID_NAMES) {
        await expectTrouble(storage.describe([name])[0], 'invalid-name')
        await expectTrouble(storage.open(name), 'invalid-name')
      }
    })

    fact('is accepted unchanged, however odd', async (under) => {
      const { storage, write } = under
      const names = toOddNames(under)
      for (const name of names) await write(requireName(name), toBytes(`content of ${name}`))
      for (const name of names) expectBytes(await readBytes(storage, name), toBytes(`content of ${name}`))
      const described = await Promise.all(storage.describe(names))
      const expected = await Promise.all(names.map((name) => hash(toBytes(`content of ${name}`))))
      expect(described.map((facts) => facts?.digest)).toEqual(expected)
    })

    fact('is neither decoded, folded nor normalized', async ({ storage, write }) => {
      for (const name of ['A.txt', 'caf\u00e9', 'Case', 'a b']) await write(name, toBytes(name))
      const others = ['%41.txt', 'cafe\u0301', 'case', 'a+b', 'a%20b']
      expect(await Promise.all(storage.describe(others))).toEqual(others.map(() => null))
    })
  })
}

function toKind(answer: PromiseSettledResult<Facts | null>, name: string): string {
  if (answer.status === 'rejected') return `${name}: ${answer.reason.code}`
  return `${name}: ${answer.value === null ? 'absent' : answer.value.digest}`
}

async function toExpectedKind(i: number, name: string): Promise<string> {
  if (i % 3 === 0) return `${name}: ${await hash(toBytes(name))}`
  return `${name}: ${i % 3 === 1 ? 'absent' : 'invalid-name'}`
}

/** First, last, middle and whole, and across the bounds of 1 MiB, where chunks meet. */
function toRanges(size: number): readonly (readonly [offset: number, length: number])[] {
  return [
    [0, 1],
    [size - 1, 1],
    [1234, 5678],
    [MIB - 1, 1],
    [MIB - 1, 2],
    [MIB, 1],
    [MIB, MIB],
    [MIB - 3, 2 * MIB + 5],
    [1, size - 1],
    [0, size - 1],
    [0, size],
  ]
}

/** Reads a stream to its end, through a reader that has begun. */
async function readOn(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done || value === undefined) return chunks
    chunks.push(value)
  }
}

async function expectOldOrChanged(
  under: { storage: Storage; write(name: string, bytes: Uint8Array): Promise<void>; seesChanges: boolean },
  change: () => Promise<void>,
): Promise<void> {
  const before = createNoise(8 * MIB)
  await under.write('a', before)
  const opened = await under.storage.open('a')
  const reader = opened?.body.getReader()
  const first = (await reader?.read())?.value ?? new Uint8Array()
  await change()
  const rest = readOn(reader)
  if (under.seesChanges) return await expectTrouble(rest, 'changed')
  const blob = new Blob([first, ...(await rest)].map((chunk) => new Uint8Array(chunk)))
  expectBytes(new Uint8Array(await blob.arrayBuffer()), before)
}
