import { statSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { toKey } from '../files/identity.ts'
import { MAX_BLOCK_FILES } from '../limits.ts'
import { decodeBlock, encodeBlock, findBlockEnd, hasFile, readFile } from './index-block.ts'
import type { IndexRow } from './index-table.ts'

const ID = 7n
const NOW = 1_800_000_000_000

const identity = fc.record({
  inode: fc.bigInt(1n, 2n ** 53n - 1n),
  size: fc.maxSafeNat(),
  modifiedNs: fc.bigInt(0n, 1_700_000_000_000_000_000n),
  changedNs: fc.bigInt(0n, 1_700_000_000_000_000_000n),
})
const row = fc
  .record({
    identity,
    digest: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((bytes) => Buffer.from(bytes).toString('hex')),
    readAt: fc.integer({ min: 1, max: NOW }),
  })
  .map(({ identity, ...rest }) => ({ ...identity, ...rest, identity: toKey(ID, identity) }))
const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\u{1f600}'), minLength: 1, maxLength: 6 })
const rows = fc
  .uniqueArray(name, { minLength: 1, maxLength: 5 })
  .chain((names) => fc.tuple(...names.map((name) => row.map((one) => ({ ...one, name })))))

const toNames = (list: readonly IndexRow[]) => list.map(({ name }) => name)
const encode = (list: readonly IndexRow[]) => encodeBlock(list) ?? expect.fail('its numbers are exact')

it('returns size and digest of each file, and the first and the last reading', () => {
  fc.assert(
    fc.property(rows, (list) => {
      const block = decodeBlock(encode(list), ID, toNames(list)) ?? expect.fail('a whole block')
      expect(list.map((_, i) => readFile(block, i))).toEqual(
        list.map(({ size, digest }) => ({ size, digest })),
      )
      const readAt = list.map((one) => one.readAt).toSorted((a, b) => a - b)
      expect(block.readAt).toEqual({ first: readAt[0], last: readAt.at(-1) })
    }),
  )
})

it('is of these files of this file system only', () => {
  fc.assert(
    fc.property(rows, rows, (list, others) => {
      const bytes = encode(list)
      expect(decodeBlock(bytes, ID + 1n, toNames(list))).toBeNull()
      expect(decodeBlock(bytes, ID, toNames(list).slice(1))).toBeNull()
      const isSame = JSON.stringify(toNames(list)) === JSON.stringify(toNames(others))
      expect(decodeBlock(bytes, ID, toNames(others)) !== null).toBe(isSame)
    }),
  )
})

it('does not count when a bit of it has flipped, or a part is missing', () => {
  fc.assert(
    fc.property(rows, fc.nat(), fc.integer({ min: 0, max: 7 }), (list, at, bit) => {
      const bytes = Uint8Array.from(encode(list))
      const nth = at % bytes.length
      expect(decodeBlock(bytes.subarray(0, nth), ID, toNames(list))).toBeNull()
      bytes[nth] = (bytes[nth] ?? 0) ^ (1 << bit)
      expect(decodeBlock(bytes, ID, toNames(list))).toBeNull()
    }),
  )
})

const HERE = statSync(import.meta.filename)

it('has a file whose inode, size and times are the same, and which is settled', () => {
  const state = {
    inode: 5n,
    size: 10,
    modifiedNs: 1_000_000_000_123_456_789n,
    changedNs: 1_000_000_001_000_000_000n,
  }
  const held = [{ name: 'a', identity: toKey(ID, state), digest: 'ab'.repeat(32), readAt: 1 }]
  const block = decodeBlock(encode(held), ID, ['a']) ?? expect.fail('a whole block')
  const stats = { ino: 5, size: 10, mtimeMs: 1_000_000_000_123.4568, ctimeMs: 1_000_000_001_000 }
  const has = (changes: Partial<typeof stats>, now = NOW) =>
    hasFile(block, 0, Object.assign(Object.create(HERE), stats, changes), now)
  expect(has({})).toBe(true)
  expect(has({ ino: 6 })).toBe(false)
  expect(has({ size: 11 })).toBe(false)
  expect(has({ mtimeMs: stats.mtimeMs + 0.01 })).toBe(false)
  expect(has({ ctimeMs: stats.ctimeMs - 0.01 })).toBe(false)
  expect(has({}, stats.ctimeMs + 1000)).toBe(false)
})

it('is not made of numbers that are not exact as doubles, or of two file systems', () => {
  const toRow = (name: string, id: bigint, inode: bigint) => {
    const identity = toKey(id, { inode, size: 1, modifiedNs: 1n, changedNs: 1n })
    return { name, identity, digest: 'ab'.repeat(32), readAt: 1 }
  }
  expect(encodeBlock([toRow('a', ID, 2n ** 53n)])).toBeNull()
  expect(encodeBlock([toRow('a', ID, 1n), toRow('b', ID + 1n, 2n)])).toBeNull()
  expect(encodeBlock([{ ...toRow('a', ID, 1n), identity: 'of another' }])).toBeNull()
})

it('ends where it did when a name comes to the files of a directory', () => {
  const toName = (i: number) => `d/f${String(i).padStart(4, '0')}`
  const names = Array.from({ length: 3000 }, (_, i) => toName(i))
  const toEnds = (all: readonly string[]) => {
    const ends: (string | undefined)[] = []
    for (let end = 0; end < all.length; ends.push(all[end - 1])) end = findBlockEnd(all, end)
    return ends
  }
  const ends = toEnds(names)
  expect(ends.length).toBeGreaterThan(3000 / MAX_BLOCK_FILES)
  expect(ends.at(-1)).toBe(toName(2999))
  const moved = toEnds(['d/a', ...names]).filter((end) => !ends.includes(end))
  expect(moved.length).toBeLessThan(4)
})
