import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_FILES_HERE, READ_BYTES } from '../limits.ts'
import { createTemporaryDirectory } from '../temporary-directory.suite.ts'
import { isOnLocalDisk, isSmallTree } from './small-tree.ts'

const removals: (() => void)[] = []

afterEach(() => {
  for (const remove of removals.splice(0)) remove()
})

function createTree(files: number): string {
  const { path, remove } = createTemporaryDirectory()
  removals.push(remove)
  mkdirSync(join(path, 'd'))
  for (let i = 1; i < files; i++) writeFileSync(join(path, i % 2 === 0 ? 'd' : '.', `f${i}`), 'x')
  return path
}

describe('a tree', () => {
  it.each([
    [MAX_FILES_HERE, true],
    [MAX_FILES_HERE + 1, false],
  ])('of %i entries, directories included: small is %s', (entries, isSmall) => {
    expect(isSmallTree(createTree(entries))).toBe(isSmall)
  })

  it('with a file that is not read in one piece is not small', () => {
    const path = createTree(3)
    truncateSync(join(path, 'd/f2'), READ_BYTES)
    expect(isSmallTree(path)).toBe(true)
    truncateSync(join(path, 'd/f2'), READ_BYTES + 1)
    expect(isSmallTree(path)).toBe(false)
  })

  it('that cannot be read is not small', () => {
    expect(isSmallTree(join(createTree(1), 'missing'))).toBe(false)
  })
})

describe.runIf(process.platform === 'linux')('a directory', () => {
  it('of a file system that no disk holds is not on a local disk', async () => {
    expect(await isOnLocalDisk('/proc/self')).toBe(false)
  })

  it('above a mount of such a file system is not on a local disk alone', async () => {
    expect(await isOnLocalDisk('/')).toBe(false)
  })

  it('that is missing is on no disk', async () => {
    expect(await isOnLocalDisk(join(createTree(1), 'missing'))).toBe(false)
  })
})
