import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Storage, WritableStorage } from '../../../functions/storage/storage.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import {
  createSource,
  describeOne,
  expectTrouble,
  readBytes,
  toPut,
} from '../../../functions/storage/suite/suite-tools.suite.ts'
import type { Found } from '../../../functions/storage/survey/survey.ts'
import { createDirectoryStorage, type WritableDirectoryStorage } from '../directory-storage.ts'
import { markDirectory } from './mark-directory.ts'
import { createMounts, type Mounts } from './mounted.suite.ts'

let mounts: Mounts
let root: string
let storages: WritableDirectoryStorage[]

beforeEach(() => {
  mounts = createMounts()
  root = join(mounts.path, 'root')
  storages = []
})

afterEach(async () => {
  for (const storage of storages) await storage.close()
  await mounts.close()
})

/** Opens it as a process of its own would, with the index that all of them share. */
function open(): WritableDirectoryStorage {
  const storage = createDirectoryStorage(root, { writable: true, indexPath: join(mounts.path, 'index') })
  storages.push(storage)
  return storage
}

async function put(storage: WritableStorage, name: string, text: string, replaces: string | null = null) {
  const expected = replaces === null ? null : await hash(toBytes(replaces))
  return await storage.put(name, createSource(toBytes(text)).body, await toPut(toBytes(text), expected))
}

async function readText(storage: Storage, name: string): Promise<string> {
  return Buffer.from(await readBytes(storage, name)).toString()
}

async function listNames(storage: Storage): Promise<string[]> {
  return (await storage.list()).entries.map(({ name }) => name)
}

/** The size of each name in a survey, or its error's code. */
async function survey(storage: WritableDirectoryStorage): Promise<Record<string, number | string | null>> {
  const whole = {
    ranges: [{ after: '', until: null }],
    prefix: '',
    grain: 0,
    maxAge: null,
    match: [],
    exclude: [],
  }
  const found: Record<string, number | string | null> = {}
  for await (const line of storage.survey?.(whole) ?? []) {
    if (!('said' in line)) continue
    const { name, said }: Found = line
    found[name] = 'digest' in said ? said.size : said.code
  }
  return found
}

async function expectUnreachable(storage: WritableDirectoryStorage, message: RegExp): Promise<void> {
  const trouble = { code: 'unreachable', message: expect.stringMatching(message) }
  await expect(describeOne(storage, 'a')).rejects.toMatchObject(trouble)
  await expect(storage.open('none')).rejects.toMatchObject(trouble)
  await expect(storage.list()).rejects.toMatchObject(trouble)
  await expect(storage.listKept()).rejects.toMatchObject(trouble)
  await expect(survey(storage)).rejects.toMatchObject(trouble)
  await expect(put(storage, 'new', 'new')).rejects.toMatchObject(trouble)
}

describe('a root whose disk is unmounted', () => {
  it('is unreachable, not empty, to a running process and to the next, until it is mounted again', async () => {
    const image = mounts.make('image', 'ext4')
    mounts.mount(image, root)
    writeFileSync(join(root, 'a'), 'text')
    const storage = open()
    expect(await readText(storage, 'a')).toBe('text')
    expect(await listNames(storage)).toEqual(['a'])
    await mounts.unmount(root)
    await expectUnreachable(storage, /the file system that it lay on is gone/)
    writeFileSync(join(root, 'stray'), 'what a program wrote below the mount')
    await expectUnreachable(storage, /not to be mounted/)
    await expectUnreachable(open(), /not to be mounted/)
    expect(readdirSync(root)).toEqual(['stray'])
    mounts.mount(image, root)
    for (const one of storages) expect(await readText(one, 'a')).toBe('text')
    expect(await describeOne(storage, 'stray')).toBeNull()
  })

  it('is recognized by its marker, which its first write makes', async () => {
    const [image, other] = [mounts.make('image', 'ext4'), mounts.make('other', 'ext4')]
    for (const one of [image, other]) {
      mounts.mount(one, root)
      const storage = createDirectoryStorage(root, { writable: true, indexPath: null })
      await put(storage, 'a', one)
      await storage.close()
      await mounts.unmount(root)
    }
    mounts.mount(image, root)
    const storage = open()
    expect(await readText(storage, 'a')).toBe(image)
    await mounts.unmount(root)
    mounts.mount(other, root)
    await expectUnreachable(storage, /another replica's marker is there/)
    await expectUnreachable(open(), /another replica's marker is there/)
    rmSync(join(root, '.vouch'), { recursive: true })
    await expectUnreachable(storage, /its marker '.vouch\/replica' is not there/)
    await mounts.unmount(root)
    mounts.mount(image, root)
    expect(await readText(storage, 'a')).toBe(image)
  })

  it('may come back with another device number', async () => {
    mounts.make('first', 'btrfs')
    const image = mounts.make('image', 'btrfs')
    mounts.mount(image, root)
    writeFileSync(join(root, 'a'), 'text')
    const storage = open()
    expect(await readText(storage, 'a')).toBe('text')
    const before = statSync(root).dev
    await mounts.unmount(root)
    // It gets the number that the other released.
    mounts.mount(join(mounts.path, 'first'), join(mounts.path, 'elsewhere'))
    mounts.mount(image, root)
    expect(statSync(root).dev).not.toBe(before)
    expect(await readText(storage, 'a')).toBe('text')
    expect(await listNames(storage)).toEqual(['a'])
    await put(storage, 'b', 'more')
    expect(await survey(storage)).toEqual({ a: 4, b: 4 })
  })
})

describe('a file system that is mounted below the root', () => {
  let image: string
  let storage: WritableDirectoryStorage

  beforeEach(() => {
    image = mounts.make('image', 'ext4')
    mkdirSync(root)
    mounts.mount(image, join(root, 'photos'))
    mkdirSync(join(root, 'photos/2026'))
    writeFileSync(join(root, 'photos/2026/a'), 'photo')
    writeFileSync(join(root, 'a'), 'text')
    storage = open()
  })

  it('is written to, and keeps replaced contents, in place', async () => {
    await put(storage, 'photos/2026/a', 'changed', 'photo')
    await put(storage, 'photos/new/b', 'new')
    await put(storage, 'a', 'changed', 'text')
    expect(await listNames(storage)).toEqual(['a', 'photos/2026/a', 'photos/new/b'])
    expect(Object.keys(await survey(storage))).toEqual(['a', 'photos/2026/a', 'photos/new/b'])
    const kept = async (options = {}) => (await storage.listKept(options)).entries.map(({ name }) => name)
    expect((await kept()).sort()).toEqual(['a', 'photos/2026/a'])
    expect(await kept({ name: 'photos/2026/a' })).toEqual(['photos/2026/a'])
    const { next } = await storage.listKept({ limit: 1 })
    expect(await kept({ after: next ?? undefined })).toHaveLength(1)
    const [digest, replaces] = await Promise.all(['photo', 'changed'].map((text) => hash(toBytes(text))))
    await storage.restore('photos/2026/a', { digest: digest ?? '', replaces: replaces ?? '' })
    expect(await readText(storage, 'photos/2026/a')).toBe('photo')
    for (const path of ['.vouch/tmp', 'photos/.vouch/tmp']) expect(readdirSync(join(root, path))).toEqual([])
  })

  it("has a '.vouch' that is not listed", async () => {
    await put(storage, 'photos/b', 'new')
    writeFileSync(join(root, 'photos/.vouch/x'), 'ours')
    expect(await describeOne(storage, 'photos/.vouch/x')).toBeNull()
    expect(await storage.open('photos/.vouch/x')).toBeNull()
    await expectTrouble(put(storage, 'photos/.vouch/y', 'theirs'), 'invalid-name')
  })

  it('is not missing when it is unmounted: its names are errors, and nothing fills the mount point', async () => {
    expect(await survey(storage)).toEqual({ a: 4, 'photos/2026/a': 5 })
    await put(storage, 'photos/b', 'new')
    await mounts.unmount(join(root, 'photos'))
    for (const one of [storage, open()]) {
      const trouble = {
        code: 'unreadable',
        message: expect.stringContaining("mounted at 'photos' is not mounted"),
      }
      for (const name of ['photos/2026/a', 'photos/none', 'photos'])
        await expect(describeOne(one, name)).rejects.toMatchObject(trouble)
      await expect(one.open('photos/2026/a')).rejects.toMatchObject(trouble)
      await expect(one.list()).rejects.toMatchObject(trouble)
      await expect(one.listKept()).rejects.toMatchObject(trouble)
      await expect(put(one, 'photos/new', 'new')).rejects.toMatchObject(trouble)
      expect(await survey(one)).toEqual({ a: 4, 'photos/': 'unreadable' })
      expect(await readText(one, 'a')).toBe('text')
      expect(readdirSync(join(root, 'photos'))).toEqual([])
    }
    writeFileSync(join(root, 'photos/stray'), 'below the mount')
    await expectTrouble(describeOne(storage, 'photos/stray'), 'unreadable')
    rmSync(join(root, 'photos/stray'))
    // Some systems make a mount point for each mount.
    rmdirSync(join(root, 'photos'))
    await expectTrouble(describeOne(storage, 'photos/2026/a'), 'unreadable')
    expect(await survey(storage)).toEqual({ a: 4, 'photos/': 'unreadable' })
    await expectTrouble(put(storage, 'photos/new', 'new'), 'unreadable')
    expect(existsSync(join(root, 'photos'))).toBe(false)
    mounts.mount(image, join(root, 'photos'))
    expect(await readText(storage, 'photos/2026/a')).toBe('photo')
  })

  it('is missing once the directory is accepted without it', async () => {
    expect(await readText(storage, 'photos/2026/a')).toBe('photo')
    await mounts.unmount(join(root, 'photos'))
    await expectTrouble(describeOne(storage, 'photos/2026/a'), 'unreadable')
    await storage.close()
    await markDirectory(root, { indexPath: join(mounts.path, 'index'), onNotice: expect.unreachable })
    expect(await describeOne(open(), 'photos/2026/a')).toBeNull()
  })
})

it('a subvolume of btrfs below the root is written to and keeps replaced contents', async () => {
  mounts.mount(mounts.make('image', 'btrfs'), root)
  execFileSync('btrfs', ['-q', 'subvolume', 'create', join(root, 'sub')])
  writeFileSync(join(root, 'sub/a'), 'old')
  const storage = open()
  await put(storage, 'sub/a', 'new', 'old')
  await put(storage, 'sub/dir/b', 'b')
  expect(await listNames(storage)).toEqual(['sub/a', 'sub/dir/b'])
  expect((await storage.listKept()).entries).toMatchObject([{ name: 'sub/a' }])
  // One that was removed is a directory that was removed.
  execFileSync('btrfs', ['-q', 'subvolume', 'delete', join(root, 'sub')])
  expect(await describeOne(storage, 'sub/a')).toBeNull()
  expect((await storage.listKept()).entries).toEqual([])
})

it('a bind mount of the same file system below the root is written to in place', async () => {
  mkdirSync(join(mounts.path, 'bound'))
  mounts.bind(join(mounts.path, 'bound'), join(root, 'photos'))
  writeFileSync(join(root, 'photos/a'), 'old')
  const storage = open()
  await put(storage, 'photos/a', 'new', 'old')
  await put(storage, 'photos/b', 'b')
  expect(await listNames(storage)).toEqual(['photos/a', 'photos/b'])
  expect((await storage.listKept()).entries).toMatchObject([{ name: 'photos/a' }])
})

it('a root that is changed to a directory with a mount at the same path lists the contents kept there', async () => {
  for (const one of ['first', 'second']) {
    mkdirSync(join(mounts.path, 'bound', one), { recursive: true })
    mounts.bind(join(mounts.path, 'bound', one), join(mounts.path, one, 'photos'))
    writeFileSync(join(mounts.path, one, 'photos/a'), 'old')
  }
  symlinkSync('first', root)
  const storage = open()
  await put(storage, 'photos/a', 'new', 'old')
  unlinkSync(root)
  symlinkSync('second', root)
  await put(storage, 'b', 'new')
  await put(storage, 'photos/a', 'new', 'old')
  expect((await storage.listKept()).entries).toMatchObject([{ name: 'photos/a' }])
})
