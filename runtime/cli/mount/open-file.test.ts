import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type Chunks, generate } from '../../../functions/bytes/chunks.ts'
import { MAX_READ_BYTES, PIECE_BYTES, WINDOW_BYTES } from './limits.ts'
import { createOpenFile } from './open-file.ts'

const SIZE = 3_000_000
const content = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7919) >> 3)

/** Parts of the content in chunks of one length; `opened` gets their bounds, and `held` counts those open. */
function createParts(chunkBytes: number, breaksAfter = Number.POSITIVE_INFINITY) {
  const opened: [offset: number, end: number][] = []
  let held = 0
  async function* write(offset: number, end: number) {
    held++
    try {
      for (let at = offset; at < end; at += chunkBytes) {
        if (at - offset >= breaksAfter) throw new Error('broken off')
        yield content.slice(at, Math.min(end, at + chunkBytes))
      }
    } finally {
      held--
    }
  }
  const open = (offset: number, end: number): Chunks => {
    opened.push([offset, end])
    const made = write(offset, end)
    return generate((use) =>
      use({ next: () => made.next(), cancel: async () => void made.return(undefined) }),
    )
  }
  const first = open(0, SIZE)
  const file = createOpenFile({ name: 'f', size: SIZE }, first, async (...bounds) => open(...bounds))
  return { file, opened, getHeld: () => held }
}

describe('an open file', () => {
  it('has the bytes of its content at any offset, in any order, however its parts are cut', async () => {
    const reads = fc.array(fc.tuple(fc.nat(SIZE + 1000), fc.integer({ min: 1, max: 2 * MAX_READ_BYTES })), {
      minLength: 1,
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(reads, fc.integer({ min: 1000, max: 700_000 }), async (reads, chunkBytes) => {
        const { file, getHeld } = createParts(chunkBytes)
        const read = await Promise.all(reads.map(([offset, length]) => file.read(offset, length)))
        for (const [i, [offset, length]] of reads.entries()) {
          const right = content.subarray(offset, Math.min(offset + Math.min(length, MAX_READ_BYTES), SIZE))
          expect(Buffer.compare(read[i] ?? new Uint8Array(), right)).toBe(0)
        }
        file.rest()
        await vi.waitFor(() => expect(getHeld()).toBe(0), { timeout: 1000, interval: 1 })
      }),
      { numRuns: 30 },
    )
  })

  it('is read from one part from its beginning to its end, also where reads swap', async () => {
    const { file, opened } = createParts(64 * 1024)
    for (let at = 0; at < SIZE; at += 200_000) {
      await Promise.all([file.read(at + 100_000, 100_000), file.read(at, 100_000)])
    }
    expect(opened).toEqual([[0, SIZE]])
  })

  it('asks for a piece where a program goes elsewhere, and for the rest where it reads on', async () => {
    const { file, opened } = createParts(64 * 1024)
    const at = 2 * WINDOW_BYTES
    await file.read(at, 1000)
    await file.read(at + PIECE_BYTES, 1000)
    expect(opened.slice(1)).toEqual([
      [at, at + PIECE_BYTES],
      [at + PIECE_BYTES, SIZE],
    ])
  })

  it('goes on once with a part that broke off, and fails when that does not begin', async () => {
    const { file, opened } = createParts(50_000, 100_000)
    expect(Buffer.compare(await file.read(0, 300_000), content.subarray(0, 300_000))).toBe(0)
    expect(opened.map(([offset]) => offset)).toEqual([0, 100_000, 200_000])
    const broken = createParts(50_000, 0)
    await expect(broken.file.read(0, 10)).rejects.toThrow('broken off')
    expect(broken.opened).toHaveLength(2)
  })

  it('asks again after it has rested', async () => {
    const { file, opened } = createParts(50_000)
    await file.read(0, 1000)
    file.rest()
    expect(Buffer.compare(await file.read(1000, 1000), content.subarray(1000, 2000))).toBe(0)
    expect(opened).toHaveLength(2)
  })
})
