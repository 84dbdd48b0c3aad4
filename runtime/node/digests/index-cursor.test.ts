import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { compareNames } from '../../../functions/storage/names.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { createIndexCursor } from './index-cursor.ts'
import { type IndexFile, openIndexFile, openNoIndexFile } from './index-file.ts'
import { isGenuine } from './index-table.ts'

// So few that most indexes take several pages.
vi.mock('../limits.ts', async (load) => ({
  ...(await load<typeof import('../limits.ts')>()),
  FIRST_INDEX_PAGE: 1,
  MAX_INDEX_PAGE: 4,
}))

let path: string
let index: IndexFile
beforeEach(() => {
  path = join(useTemporaryDirectory(), 'index.sqlite')
  index = openIndexFile(path, () => {})
})
afterEach(() => index.close())

const toRow = (name: string) => ({ name, identity: `of ${name}`, digest: 'ab'.repeat(32), readAt: 1 })
const name = fc.string({
  unit: fc.constantFrom('a', 'b', '/', 'é', '\uffff', '\u{1f600}'),
  minLength: 1,
  maxLength: 3,
})
const names = fc.uniqueArray(name, { maxLength: 25 }).map((list) => list.sort(compareNames))

function clear(): void {
  const db = new DatabaseSync(path)
  db.exec('DELETE FROM readings')
  db.close()
}

it('returns the row of every name that has one, with any names sought between', () => {
  fc.assert(
    fc.property(names, names, (held, sought) => {
      clear()
      index.write(held.map(toRow))
      const cursor = createIndexCursor(index)
      for (const name of sought) {
        const row = cursor.seek(name)
        expect(row).toEqual(held.includes(name) ? { ...toRow(name), seal: expect.any(Number) } : undefined)
        expect(row === undefined || isGenuine(row)).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

it('reads no page twice, and none beyond the end', () => {
  const all = Array.from({ length: 50 }, (_, i) => `f${String(i).padStart(2, '0')}`)
  index.write(all.map(toRow))
  const readPage = vi.fn(index.readPage)
  const cursor = createIndexCursor({ ...index, readPage })
  for (const name of [...all, 'g', 'h', 'i']) cursor.seek(name)
  // Of one row, then of four each.
  expect(readPage).toHaveBeenCalledTimes(1 + Math.ceil(50 / 4))
  expect(new Set(readPage.mock.calls.map(([from]) => from)).size).toBe(readPage.mock.calls.length)
})

it('rereads little for another part of the tree', () => {
  const all = Array.from({ length: 50 }, (_, i) => `f${String(i).padStart(2, '0')}`)
  index.write(all.map(toRow))
  const readPage = vi.fn(index.readPage)
  const cursor = createIndexCursor({ ...index, readPage })
  for (const name of ['f00', 'f01', 'f02', 'f30', 'f31']) expect(cursor.seek(name)).toMatchObject({ name })
  expect(readPage.mock.calls).toEqual([
    ['f00', 1],
    ['f01', 4],
    ['f30', 1],
    ['f31', 4],
  ])
})

it('returns nothing without an index', () => {
  const cursor = createIndexCursor(openNoIndexFile())
  expect([cursor.seek('a'), cursor.seek('b')]).toEqual([undefined, undefined])
})
