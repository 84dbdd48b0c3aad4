import fs, { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import {
  createSource,
  describeOne,
  readBytes,
  toPut,
} from '../../../functions/storage/suite/suite-tools.suite.ts'
import { patchBuiltin } from '../builtins.suite.ts'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import { createMounts, type Mounts } from '../mounts/mounted.suite.ts'
import { createExactNames } from './exact-names.ts'

async function putNew(storage: WritableStorage, name: string) {
  return await storage.put(name, createSource(toBytes('new')).body, await toPut(toBytes('new'), null))
}

describe('a file system that ignores case', () => {
  let mounts: Mounts
  let root: string
  beforeEach(() => {
    mounts = createMounts()
    root = join(mounts.path, 'root')
  })
  afterEach(() => mounts.close())

  it.each(['exfat', 'ntfs'] as const)(
    'has exactly the names that it lists, byte by byte: %s',
    async (kind) => {
      mounts.mount(mounts.make('image', kind), root)
      mkdirSync(join(root, 'dir'))
      for (const name of ['a.txt', 'dir/b', 'é', '1']) writeFileSync(join(root, name), name)
      const storage = openStorage(root, { writable: true })
      try {
        expect(readdirSync(root)).toContain('a.txt')
        for (const name of ['a.txt', 'dir/b', 'é', '1']) {
          expect(Buffer.from(await readBytes(storage, name)).toString()).toBe(name)
          expect(await describeOne(storage, name)).not.toBeNull()
        }
        for (const name of ['A.txt', 'a.TXT', 'Dir/b', 'dir/B', 'É']) {
          expect(await describeOne(storage, name)).toBeNull()
          expect(await storage.open(name)).toBeNull()
        }
        expect((await storage.list()).entries).toHaveLength(4)
      } finally {
        await storage.close()
      }
    },
  )

  it('is not written to under another name of a file, and the refusal names that', async () => {
    mounts.mount(mounts.make('image', 'ntfs'), root)
    mkdirSync(join(root, 'dir'))
    for (const name of ['a.txt', 'dir/b']) writeFileSync(join(root, name), name)
    const storage = openStorage(root, { writable: true })
    try {
      const refusals = {
        'A.txt': "'A.txt' for 'a.txt'",
        'Dir/new': "'Dir/new' for 'dir'",
        'DIR/B': "'DIR/B' for 'dir'",
      }
      for (const [name, message] of Object.entries(refusals)) {
        const trouble = { code: 'unreadable', message: expect.stringContaining(message) }
        await expect(putNew(storage, name)).rejects.toMatchObject(trouble)
      }
      const replacing = await toPut(toBytes('new'), await hash(toBytes('a.txt')))
      await expect(storage.put('A.TXT', createSource(toBytes('new')).body, replacing)).rejects.toThrow(
        "for 'a.txt'",
      )
      // It lists files created here in lower case.
      await expect(putNew(storage, 'New')).rejects.toThrow("takes 'New' for 'new'")
      expect(readdirSync(root).sort()).toEqual(['.vouch', 'a.txt', 'dir'])
      expect(readdirSync(join(root, 'dir'))).toEqual(['b'])
      await putNew(storage, 'new')
      expect(await describeOne(storage, 'new')).not.toBeNull()
    } finally {
      await storage.close()
    }
  })
})

describe('a file system that distinguishes all names', () => {
  let directory: TestDirectory
  beforeEach(async () => {
    directory = await createTestDirectory()
  })
  afterEach(() => directory.close())

  it('has names that differ only in case, normal form, or in characters that FAT drops', async () => {
    const names = ['a', 'A', '\u00e9', 'e\u0301', '\u00c9', '1', '1.', '1 ', '1~2', 'd/x', 'D/X']
    for (const name of names) await directory.write(name, toBytes(name))
    const storage = openStorage(directory.root, { writable: true })
    for (const name of names) expect(Buffer.from(await readBytes(storage, name)).toString()).toBe(name)
    for (const name of ['B', 'b', 'd/X', 'D/x', '2.']) expect(await describeOne(storage, name)).toBeNull()
    await putNew(storage, 'Á')
    await putNew(storage, 'á')
    expect((await storage.list()).entries).toHaveLength(names.length + 2)
  })

  it('is recognized by one name, without reading directories', async () => {
    for (const name of ['a', 'b', '\u00e9']) await directory.write(name, toBytes(name))
    const exact = createExactNames()
    let looks = 0
    const undo = patchBuiltin(
      fs,
      'lstatSync',
      (original) =>
        // The overloads of a function of Node's are those of its wrapper.
        ((...args: Parameters<typeof original>) => {
          looks++
          return original(...args)
        }) as typeof original,
    )
    try {
      for (const name of ['a', 'b', '\u00e9', '\u00e9', 'b'])
        expect(exact.isListed(directory.root, name)).toBe(true)
      expect(looks).toBe(4)
    } finally {
      undo()
    }
  })
})
