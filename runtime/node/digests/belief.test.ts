import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { fromBytes, toStream } from '../../../functions/bytes/chunks.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { createNoise, describeOne, readBytes } from '../../../functions/storage/suite/suite-tools.suite.ts'
import {
  createTestDirectory,
  later,
  openStorage,
  openSynced,
  type TestDirectory,
} from '../directory-setup.suite.ts'
import { mapFile } from '../mounts/mapping.suite.ts'
import { createMounts } from '../mounts/mounted.suite.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { find } from '../tree/tree-survey.suite.ts'

const MIB = 1024 * 1024

/** Only root may mount file systems. */
const canMount = process.getuid?.() === 0
if (!canMount) console.warn('NOT TESTED without root: digests of files on tmpfs and btrfs')

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

async function hashFile(path: string): Promise<string> {
  return await hash(new Uint8Array(readFileSync(path)))
}

/** Times of a file, which a store through a mapping may change or not. */
async function readTimes(path: string): Promise<string> {
  const { mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return `${mtimeNs} ${ctimeNs}`
}

describe.each([
  ['a small file', 4096],
  ['a file that is hashed in a thread', 3 * MIB],
])('a store through a mapping into a page of %s', (_what, size) => {
  const path = () => join(directory.root, 'a')
  beforeEach(() => directory.write('a', createNoise(size)))

  it.each([
    [
      'described',
      async (storage: ReturnType<typeof openStorage>) => (await describeOne(storage, 'a'))?.digest,
    ],
    ['surveyed', async (storage: ReturnType<typeof openStorage>) => toDigest((await find(storage))[0]?.said)],
  ])('that was dirty before is seen when the file is %s, running and restarted', async (_how, ask) => {
    let ahead = 0
    const options = directory.toIndexed({ now: () => Date.now() + ahead })
    const mapper = await mapFile(path())
    /** Stores, and lets an hour pass: earlier syncs no longer count, since the clock was set. */
    const store = async (text: string) => {
      await mapper.store(text)
      ahead += 3_600_000
    }
    for (const run of ['first', 'second', 'third']) {
      const storage = openStorage(directory.root, options)
      for (const time of ['a', 'b', 'c']) {
        await store(`${run} ${time}`)
        expect(await ask(storage)).toBe(await hashFile(path()))
      }
      await storage.close()
      await store('between')
    }
  })

  it('changes the times of the file once its digest is remembered', async () => {
    const mapper = await mapFile(path())
    await mapper.store('first')
    const storage = await openSynced(directory.root, directory.toIndexed())
    await describeOne(storage, 'a')
    expect(await describeOne(storage, 'a')).toMatchObject({ evidence: 'remembered' })
    const before = await readTimes(path())
    await mapper.store('second')
    expect(await readTimes(path())).not.toBe(before)
    expect(await describeOne(storage, 'a')).toMatchObject({
      digest: await hashFile(path()),
      evidence: 'read',
    })
  })
})

function toDigest(said: object | null | undefined): unknown {
  return said && 'digest' in said ? said.digest : undefined
}

describe('a digest is remembered', () => {
  it('only from a reading that began after the longest possible write', async () => {
    await directory.write('a', new Uint8Array())
    await truncate(join(directory.root, 'a'), 24 * MIB)
    const { ctimeMs } = await stat(join(directory.root, 'a'))
    const computed: number[] = []
    for (const ms of [10_000, 40_000]) {
      const storage = openStorage(
        directory.root,
        directory.toIndexed({ now: () => ctimeMs + ms, indexPath: null }),
      )
      for (let i = 0; i < 2; i++) await describeOne(storage, 'a')
      computed.push(storage.counts().computed)
    }
    expect(computed).toEqual([2, 1])
  })

  it('only from readings after the first sync', async () => {
    await directory.write('a', toBytes('abc'))
    const storage = openStorage(directory.root, directory.toIndexed())
    for (let i = 0; i < 2; i++) expect(await describeOne(storage, 'a')).toMatchObject({ evidence: 'read' })
    expect(await storage.sync()).toBe(true)
    const evidences = []
    for (let i = 0; i < 2; i++) evidences.push((await describeOne(storage, 'a'))?.evidence)
    expect(evidences).toEqual(['read', 'remembered'])
  })

  it('after an automatic sync, a second after a file needs one', async () => {
    await directory.write('a', toBytes('abc'))
    const storage = openStorage(directory.root, directory.toIndexed())
    await expect
      .poll(async () => (await describeOne(storage, 'a'))?.evidence, { timeout: 60_000 })
      .toBe('remembered')
  })

  it('only by syncs after the clock was set', async () => {
    const path = join(directory.root, 'a')
    await directory.write('a', toBytes('content'))
    let ahead = 3_600_000
    const storage = await openSynced(directory.root, directory.toIndexed({ now: () => Date.now() + ahead }))
    const mapper = await mapFile(path)
    await mapper.store('first')
    ahead /= 2
    for (const text of ['other', 'third']) {
      expect(await describeOne(storage, 'a')).toMatchObject({
        digest: await hashFile(path),
        evidence: 'read',
      })
      await mapper.store(text)
    }
  })

  it('with the time of its reading, across restarts, and is not used when it is older than maxAge', async () => {
    for (const name of ['a', 'b']) await directory.write(name, toBytes(name))
    await directory.write('large', createNoise(2 * MIB))
    const names = ['a', 'b', 'large']
    let ahead = 3_600_000
    const options = directory.toIndexed({ now: () => Date.now() + ahead })
    const first = await openSynced(directory.root, options)
    for (const facts of await Promise.all(first.describe(names)))
      expect(facts).toMatchObject({ evidence: 'read', age: 0 })
    await first.close()
    ahead += 90_000
    const second = openStorage(directory.root, options)
    const ask = async (maxAge?: number) => await Promise.all(second.describe(names, { maxAge }))
    for (const facts of [...(await ask()), ...(await ask(1000))]) {
      expect(facts).toMatchObject({ evidence: 'remembered' })
      expect(facts?.age).toBeGreaterThanOrEqual(90)
    }
    expect((await find(second, { maxAge: 1000 })).map(({ said }) => said)).toMatchObject(
      names.map(() => ({ evidence: 'remembered' })),
    )
    expect(second.counts().computed).toBe(0)
    for (const maxAge of [80, 0])
      for (const facts of await ask(maxAge)) expect(facts).toMatchObject({ evidence: 'read', age: 0 })
    expect(second.counts().computed).toBe(6)
    for (const { said } of await find(second, { maxAge: 0 }))
      expect(said).toMatchObject({ evidence: 'read', age: 0 })
  })

  it('never from a reading in the future, as after the clock was set back', async () => {
    await directory.write('a', toBytes('abc'))
    const first = await openSynced(directory.root, directory.toIndexed({ now: () => later() + 600_000 }))
    await describeOne(first, 'a')
    await first.close()
    const second = openStorage(directory.root, directory.toIndexed())
    expect(await describeOne(second, 'a')).toMatchObject({ evidence: 'read' })
    expect((await find(second))[0]).toMatchObject({ said: { evidence: 'read' } })
  })
})

it('a request without an earlier reading does not share a hash that began before it', async () => {
  await directory.write('large', new Uint8Array())
  await truncate(join(directory.root, 'large'), 64 * MIB)
  const storage = openStorage(directory.root, directory.toIndexed())
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const [first] = storage.describe(['large'], { onProgress: () => resolve() })
  await Promise.race([begun, first])
  const [strict] = storage.describe(['large'], { maxAge: 0 })
  expect(await strict).toMatchObject({ evidence: 'read' })
  await first
  expect(storage.counts().computed).toBe(2)
})

describe.runIf(canMount)('on tmpfs', () => {
  let root: string
  beforeEach(() => {
    root = useTemporaryDirectory()
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', root])
    onTestFinished(async () => {
      await directory.close()
      execFileSync('umount', [root])
    })
  })

  it('every answer reads the bytes, and this is reported once', async () => {
    const path = join(root, 'a')
    writeFileSync(path, createNoise(4096))
    const mapper = await mapFile(path)
    await mapper.store('first')
    for (let run = 0; run < 2; run++) {
      const storage = openStorage(root, directory.toIndexed())
      expect(storage.whyForgetful()).toBeNull()
      for (const text of ['second', 'third']) {
        expect(await describeOne(storage, 'a')).toMatchObject({
          digest: await hashFile(path),
          evidence: 'read',
        })
        await find(storage)
        await mapper.store(text)
        expect((await find(storage))[0]?.said).toMatchObject({
          digest: await hashFile(path),
          evidence: 'read',
        })
      }
      expect(storage.whyForgetful()).toBe('tmpfs does not show what programs write through a memory mapping')
      expect(await storage.sync()).toBe(false)
      await storage.close()
      expect(directory.notices.splice(0)).toEqual([
        'digests are not remembered, since tmpfs does not show what programs write through a memory mapping; every question reads the whole file',
      ])
    }
    const [file = ''] = readdirSync(directory.indexPath).filter((name) => name.endsWith('.sqlite'))
    const db = new DatabaseSync(join(directory.indexPath, file))
    onTestFinished(() => db.close())
    expect(db.prepare('SELECT count(*) AS rows FROM readings').get()).toEqual({ rows: 0 })
  })

  it('files are replaced, kept and restored', async () => {
    const storage = openStorage(root, { ...directory.toIndexed(), writable: true })
    const [one, two] = [createNoise(2 * MIB, 1), toBytes('two')]
    const put = async (bytes: Uint8Array<ArrayBuffer>, replaces: string | null) => {
      const digest = await hash(bytes)
      await storage.put('d/a', toStream(fromBytes(bytes.slice())), { size: bytes.length, digest, replaces })
    }
    await put(one, null)
    await put(two, await hash(one))
    expect(await readBytes(storage, 'd/a')).toEqual(two)
    expect((await storage.listKept()).entries).toMatchObject([{ name: 'd/a', digest: await hash(one) }])
  })
})

describe.runIf(canMount)('on btrfs', () => {
  it('a digest is not used for a file of another subvolume with the same device number', async () => {
    const mounts = createMounts()
    onTestFinished(async () => {
      await directory.close()
      await mounts.close()
    })
    const image = mounts.make('image', 'btrfs')
    const [top, root] = [join(mounts.path, 'top'), join(mounts.path, 'root')]
    mounts.mount(image, top)
    for (const name of ['one', 'two']) execFileSync('btrfs', ['-q', 'subvolume', 'create', join(top, name)])
    execFileSync('python3', ['-c', TWINS, ...['one', 'two'].map((name) => join(top, name))])
    await mounts.unmount(top)
    mkdirSync(root)
    const identities: string[] = []
    for (const name of ['one', 'two']) {
      execFileSync('mount', ['-o', `loop,subvol=${name}`, image, root])
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(join(root, 'file'), { bigint: true })
        identities.push([dev, ino, size, mtimeNs, ctimeNs].join())
        const storage = await openSynced(root, directory.toIndexed())
        const evidences = []
        for (let i = 0; i < 2; i++) {
          const facts = await describeOne(storage, 'file')
          expect(facts?.digest).toBe(await hashFile(join(root, 'file')))
          evidences.push(facts?.evidence)
        }
        expect(evidences).toEqual(['read', 'remembered'])
        await storage.close()
      } finally {
        await mounts.unmount(root)
      }
    }
    expect(identities[0]).toBe(identities[1])
  })
})

/** Makes two files of other contents in one tick of the clock: with the same inode, size and times. */
const TWINS = `
import os, sys
paths = [path + '/file' for path in sys.argv[1:]]
while True:
    files = [os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY) for path in paths]
    os.write(files[0], b'one')
    os.write(files[1], b'two')
    for file in files: os.close(file)
    one, two = [os.stat(path) for path in paths]
    if (one.st_mtime_ns, one.st_ctime_ns) == (two.st_mtime_ns, two.st_ctime_ns): break
    for path in paths: os.remove(path)
`
