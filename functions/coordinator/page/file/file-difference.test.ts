import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../../storage/memory.ts'
import type { Storage } from '../../../storage/storage.ts'
import { createTestHasher as createHasher } from '../../../storage/suite/set-up.suite.ts'
import {
  CONTENT_CACHE_BYTES,
  MAX_PAGE_READ_BYTES,
  MAX_PAGE_TEXT_BYTES,
  PAGE_WAIT_MS,
} from '../../../wire/limits.ts'
import { DEADLINES } from '../../ask/deadlines.ts'
import { gather } from '../../ask/gather.ts'
import { createMember } from '../../ask/member.ts'
import { compare } from '../../compare/compare.ts'
import { createCorruptCopies } from '../../compare/corrupt-copies.ts'
import { createContentCache } from '../../state.ts'
import { showDifference } from './file-difference.ts'

/** The displayed difference of two replicas' contents of one name. */
async function show(a: Storage, b: Storage) {
  const members = [a, b].map((storage, i) => createMember({ id: `r${i}`, storage }))
  const read = {
    ...{
      name: 'f',
      members,
      required: 1,
      isStrict: false,
      trace: undefined,
      deadlines: DEADLINES,
      createHasher,
    },
    ...{ contentCache: createContentCache(CONTENT_CACHE_BYTES), corruptCopies: createCorruptCopies() },
  }
  const [one, other] = compare(await gather(read)).versions
  if (one === undefined || other === undefined) throw new Error('there are two versions')
  return await showDifference(read, one, other)
}

const hold = (f: string | Uint8Array) => createMemoryStorage({ f })

/** Reports a content of more zeros than any page reads. */
function createEndless(
  digit: string,
  size: number,
): { storage: Storage; given: () => number; isFreed: () => boolean } {
  const facts = { size, digest: digit.repeat(64), modified: null, evidence: 'stored' as const, age: null }
  let given = 0
  let isFreed = false
  const open = async () => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 2 ** 20
        controller.enqueue(new Uint8Array(2 ** 20))
      },
      cancel() {
        isFreed = true
      },
    })
    return { facts, body }
  }
  const storage = { ...createMemoryStorage(), describe: () => [Promise.resolve(facts)], open }
  return { storage, given: () => given, isFreed: () => isFreed }
}

/** Sends a few of the bytes that it announces, and then no more. */
function createStuck(digit: string, size: number) {
  const { storage, isFreed } = createEndless(digit, size)
  let isStuck = false
  const open = async () => {
    const opened = await storage.open('f')
    const reader = opened?.body.getReader()
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        // Two are held back until it is known that another follows.
        for (let i = 0; i < 3; i++) controller.enqueue(new Uint8Array(70_000))
      },
      async pull() {
        isStuck = true
        await new Promise(() => {})
      },
      cancel: () => reader?.cancel(),
    })
    return opened && { ...opened, body }
  }
  return { storage: { ...storage, open }, isStuck: () => isStuck, isFreed }
}

describe('how two versions differ', () => {
  it('is shown by lines, where they are small texts', async () => {
    expect(await show(hold('a\n'), hold('b\n'))).toMatchObject({
      kind: 'lines',
      parts: [[{ kind: 'changed' }]],
    })
  })

  it.each([
    ['bytes that are not text', Uint8Array.of(7, 0, 1), Uint8Array.of(7, 0, 2), 2, null],
    ['broken UTF-8', Uint8Array.of(65, 0xc3), Uint8Array.of(65, 0xc4), 1, null],
    ['a text and none', 'ab', Uint8Array.of(97, 0), 1, null],
    ['one that continues', Uint8Array.of(0), Uint8Array.of(0, 5), 1, 0],
    [
      'large texts',
      'x'.repeat(MAX_PAGE_TEXT_BYTES + 1),
      `${'x'.repeat(MAX_PAGE_TEXT_BYTES)}y`,
      MAX_PAGE_TEXT_BYTES,
      null,
    ],
  ])('is shown by the first bytes, where they are %s', async (_what, a, b, offset, prefix) => {
    expect(await show(hold(a), hold(b))).toMatchObject({ kind: 'bytes', offset, prefix })
  })

  it('shows at most sixteen bytes of each', async () => {
    const shown = await show(hold(new Uint8Array(99)), hold(new Uint8Array(99).fill(1)))
    expect(shown).toMatchObject({ kind: 'bytes', next: [new Uint8Array(16), new Uint8Array(16).fill(1)] })
  })

  it('is not searched for beyond a limit, and both streams are cancelled there', async () => {
    const [a, b] = [createEndless('a', 2 ** 40), createEndless('b', 2 ** 40)]
    expect(await show(a.storage, b.storage)).toEqual({ kind: 'beyond', offset: MAX_PAGE_READ_BYTES })
    for (const { given, isFreed } of [a, b]) {
      expect(given()).toBeLessThan(MAX_PAGE_READ_BYTES + 4 * 2 ** 20)
      expect(isFreed()).toBe(true)
    }
  })

  it('is unknown when one cannot be read, and the other is cancelled', async () => {
    const endless = createEndless('a', 2 ** 40)
    const gone = { ...hold('b'), open: async () => null }
    expect(await show(endless.storage, gone)).toMatchObject({ kind: 'error' })
    expect(endless.isFreed()).toBe(true)
  })

  it.each([MAX_PAGE_TEXT_BYTES, 2 ** 40])(
    'is unknown when %i bytes take too long, and both streams are cancelled',
    async (size) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const [a, b] = [createStuck('a', size), createStuck('b', size)]
      try {
        const showing = show(a.storage, b.storage)
        await vi.waitUntil(() => a.isStuck() && b.isStuck())
        vi.advanceTimersByTime(PAGE_WAIT_MS)
        expect(await showing).toMatchObject({ kind: 'error', detail: expect.stringContaining('longer') })
      } finally {
        vi.useRealTimers()
      }
      await vi.waitUntil(() => a.isFreed() && b.isFreed())
    },
  )
})
