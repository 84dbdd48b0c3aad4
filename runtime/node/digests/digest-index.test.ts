import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { rename, rm, stat, truncate, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { createNoise, describeOne, readBytes } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { createTestDirectory, later, openSynced, type TestDirectory } from '../directory-setup.suite.ts'
import type { DirectoryOptions, DirectoryStorage } from '../directory-storage.ts'
import { isSame, toIdentity } from '../files/identity.ts'
import { showErrors } from '../show-errors.suite.ts'
import { find } from '../tree/tree-survey.suite.ts'
import { openIndexFile } from './index-file.ts'

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

async function open(options?: DirectoryOptions): Promise<DirectoryStorage> {
  return await openSynced(directory.root, directory.toIndexed(options))
}

/** Describes a file by a storage that is closed again. */
async function describeOnce(name: string, options: DirectoryOptions = {}) {
  const storage = await open(options)
  const facts = await describeOne(storage, name)
  await storage.close()
  return { digest: facts?.digest, ...storage.counts() }
}

function findIndex(): string {
  const [name = ''] = readdirSync(directory.indexPath).filter((name) => name.endsWith('.sqlite'))
  return join(directory.indexPath, name)
}

/** Whether a change to `path` shows in its stats; where it came within one tick of the clock it does not. */
async function untilItShows(path: string, change: () => Promise<void>): Promise<void> {
  const before = toIdentity(await stat(path, { bigint: true }))
  do await change()
  while (isSame(toIdentity(await stat(path, { bigint: true })), before))
}

describe('the digest index', () => {
  it('knows after a restart every digest that was computed before', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `dir${i % 7}/file ${i}`)
    for (const name of names) await directory.write(name, toBytes(name))
    await directory.write('large', createNoise(3 * 1024 * 1024))
    const first = await open()
    const before = await Promise.all(first.describe([...names, 'large']))
    for (const name of names.slice(0, 50)) await readBytes(first, name)
    await first.close()
    expect(first.counts().computed).toBe(2001)
    const second = await open()
    const remembered = { evidence: 'remembered', age: expect.any(Number) }
    expect(await Promise.all(second.describe([...names, 'large']))).toEqual(
      before.map((facts) => ({ ...facts, ...remembered })),
    )
    for (const name of names.slice(0, 50)) await readBytes(second, name)
    await second.close()
    expect(second.counts()).toEqual({ computed: 0, known: 2051 })
  })

  it('lies outside the root, for its owner only', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a', { indexPath: join(directory.indexPath, 'new') })
    expect(readdirSync(directory.root)).toEqual(['a'])
    const path = join(directory.indexPath, 'new')
    const [file = ''] = readdirSync(path)
    expect([path, join(path, file)].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600])
  })

  const changes: Readonly<Record<string, (path: string) => Promise<void>>> = {
    'was overwritten in its size and its time set back': async (path) => {
      writeFileSync(path, 'new!')
      await utimes(path, 1000, 1000)
    },
    'was renamed over by one of the same size and time': async (path) => {
      writeFileSync(`${path}.new`, 'new!')
      await utimes(`${path}.new`, 1000, 1000)
      await rename(`${path}.new`, path)
    },
    'was appended to': async (path) => appendFileSync(path, 'more'),
    'was truncated': async (path) => await truncate(path, 2),
  }
  for (const [change, run] of Object.entries(changes)) {
    it(`knows nothing of a file that ${change}, running or restarted`, async () => {
      const path = join(directory.root, 'a')
      await directory.write('a', toBytes('old!'))
      await utimes(path, 1000, 1000)
      const running = await open()
      expect((await describeOne(running, 'a'))?.digest).toBe(await hash(toBytes('old!')))
      await describeOnce('a')
      await untilItShows(path, () => run(path))
      const digest = await hash(new Uint8Array(readFileSync(path)))
      expect((await describeOne(running, 'a'))?.digest).toBe(digest)
      expect(await describeOnce('a')).toMatchObject({ digest })
      expect(await readBytes(running, 'a')).toEqual(new Uint8Array(readFileSync(path)))
    })
  }

  it('knows no digest after the clock was set back', async () => {
    await directory.write('a', toBytes('abc'))
    let now = later()
    const running = await open({ now: () => now })
    await describeOne(running, 'a')
    await describeOne(running, 'a')
    expect(running.counts()).toEqual({ computed: 1, known: 1 })
    now = Date.now() - 60_000
    await describeOne(running, 'a')
    expect(running.counts()).toEqual({ computed: 2, known: 1 })
    expect(await describeOnce('a', { now: () => now })).toMatchObject({ computed: 1, known: 0 })
  })

  it('starts over when it is deleted between two runs, or during one', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a')
    await rm(findIndex())
    expect(await describeOnce('a')).toMatchObject({ computed: 1 })
    const running = await open()
    await describeOne(running, 'a')
    await rm(directory.indexPath, { recursive: true })
    await directory.write('b', toBytes('b'))
    expect((await describeOne(running, 'b'))?.digest).toBe(await hash(toBytes('b')))
    await running.close()
    expect(await describeOnce('b')).toMatchObject({ digest: await hash(toBytes('b')), computed: 0 })
  })

  it('starts over when it is garbage, and reports that', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a')
    for (const garbage of [createNoise(8192), toBytes('SQLite format 3\0 and no more')]) {
      writeFileSync(findIndex(), garbage)
      expect(await describeOnce('a')).toMatchObject({ digest: await hash(toBytes('abc')), computed: 1 })
      expect(directory.notices.splice(0)).toEqual([expect.stringContaining('was damaged and starts over')])
      expect(await describeOnce('a')).toMatchObject({ computed: 0, known: 1 })
    }
  })

  it('never returns a wrong digest when it is garbled while it is in use', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `${i}`)
    for (const name of names) await directory.write(name, toBytes(name))
    const first = await open()
    await Promise.all(first.describe(names))
    await first.close()
    const running = await open()
    await describeOne(running, '0')
    const index = findIndex()
    writeFileSync(index, Buffer.concat([readFileSync(index).subarray(0, 4096), createNoise(200_000)]))
    for (const [i, facts] of (await Promise.all(running.describe(names))).entries()) {
      expect(facts?.digest).toBe(await hash(toBytes(`${i}`)))
    }
  })

  it('does not trust a row with a flipped bit', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a')
    const db = new DatabaseSync(findIndex())
    const digest = Buffer.from(await hash(toBytes('abc')), 'hex')
    digest[7] = (digest[7] ?? 0) ^ 1
    expect(db.prepare('UPDATE readings SET digest = ?').run(digest).changes).toBe(1)
    db.close()
    expect(await describeOnce('a')).toMatchObject({ digest: await hash(toBytes('abc')), computed: 1 })
  })

  it('of another version starts over', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a')
    const db = new DatabaseSync(findIndex())
    db.exec('PRAGMA user_version = 99; DROP TABLE readings; CREATE TABLE readings (other TEXT)')
    db.close()
    expect(await describeOnce('a')).toMatchObject({ computed: 1 })
    expect(await describeOnce('a')).toMatchObject({ computed: 0, known: 1 })
  })

  it('that cannot be written costs one hash a file, and one notice', async () => {
    await directory.write('a', toBytes('abc'))
    await directory.write('b', toBytes('b'))
    writeFileSync(join(directory.indexPath, 'file'), '')
    const storage = await open({ indexPath: join(directory.indexPath, 'file') })
    for (const name of ['a', 'b', 'a']) expect(await describeOne(storage, name)).not.toBeNull()
    expect(storage.counts()).toEqual({ computed: 2, known: 1 })
    expect(directory.notices).toEqual([expect.stringContaining('digests are kept in memory until it can')])
  })

  it('that cannot be written costs surveys one hash a file', async () => {
    for (const name of ['a', 'b']) await directory.write(name, toBytes(name))
    const indexPath = join(directory.indexPath, 'file')
    writeFileSync(indexPath, '')
    const storage = await open({ indexPath })
    for (let i = 0; i < 2; i++) expect(await find(storage)).toHaveLength(2)
    expect(storage.counts()).toEqual({ computed: 2, known: 2 })
  })

  it('that another process locks is reported, and knows after a restart the digests computed meanwhile', async () => {
    await directory.write('a', toBytes('abc'))
    await describeOnce('a')
    const running = await open()
    await describeOne(running, 'a')
    expect(running.isIndexAvailable()).toBe(true)
    const other = new DatabaseSync(findIndex())
    other.exec('BEGIN IMMEDIATE')
    for (const name of ['b', 'c']) await directory.write(name, toBytes(name))
    await describeOne(running, 'b')
    await expect.poll(() => running.isIndexAvailable()).toBe(false)
    expect(await find(running)).toHaveLength(3)
    other.close()
    await expect.poll(() => running.isIndexAvailable(), { timeout: 30_000 }).toBe(true)
    await running.close()
    expect(directory.notices).toEqual([
      expect.stringContaining('cannot be used (database is locked)'),
      expect.stringContaining('can be used again'),
    ])
    const restarted = await open()
    await Promise.all(restarted.describe(['a', 'b', 'c']))
    expect(restarted.counts()).toEqual({ computed: 0, known: 3 })
  })

  it('continues in the file that was put in the place of its own', async () => {
    await directory.write('a', toBytes('abc'))
    const storage = await open()
    await describeOne(storage, 'none')
    const index = findIndex()
    renameSync(index, `${index}.aside`)
    writeFileSync(index, '')
    expect((await describeOne(storage, 'a'))?.digest).toBe(await hash(toBytes('abc')))
    await describeOne(storage, 'a')
    expect(storage.counts()).toEqual({ computed: 1, known: 1 })
    await storage.close()
    expect(await describeOnce('a')).toMatchObject({ computed: 0, known: 1 })
    expect(directory.notices).toEqual([])
  })

  it('is reported once as unusable, for all threads', async () => {
    await directory.write('a', toBytes('abc'))
    const indexPath = join(directory.indexPath, 'file')
    writeFileSync(indexPath, '')
    const storage = await open({ indexPath })
    await describeOne(storage, 'a')
    await storage.list()
    expect(directory.notices).toEqual([expect.stringContaining('cannot be used')])
  })

  it('serves two storages of one root at once', async () => {
    for (let i = 0; i < 50; i++) await directory.write(`${i}`, toBytes(`${i}`))
    const names = Array.from({ length: 50 }, (_, i) => `${i}`)
    const storages = await Promise.all([open(), open()])
    await Promise.all(storages.flatMap((storage) => storage.describe(names)))
    await Promise.all(storages.map((storage) => storage.close()))
    const third = await open()
    await Promise.all(third.describe(names))
    expect(third.counts()).toEqual({ computed: 0, known: 50 })
    expect(directory.notices).toEqual([])
  })

  it('waits for another process that creates the same index', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const other = new Worker(HOLD_INDEX, { eval: true, workerData: flag })
    for (let i = 0; i < 20; i++) {
      const path = join(directory.root, `${i}.sqlite`)
      other.postMessage(path)
      await once(other, 'message')
      Atomics.store(flag, 0, i + 1)
      Atomics.notify(flag, 0)
      openIndexFile(path, ({ notice }) =>
        directory.notices.push(...(notice === null ? [] : [notice])),
      ).close()
    }
    await other.terminate()
    expect(directory.notices).toEqual([])
  })

  it('keeps its rows when its process is killed', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `${i}`)
    for (const name of names) await directory.write(name, toBytes(name))
    const env = {
      ...process.env,
      MODULE: fileURLToPath(new URL('../directory-storage.ts', import.meta.url)),
      ROOT: directory.root,
      INDEX: directory.indexPath,
    }
    const args = ['--input-type=module', '-e', DESCRIBE_ALL]
    const child = showErrors(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }))
    await once(child.stdout, 'data')
    const db = new DatabaseSync(findIndex())
    await expect.poll(() => db.prepare('SELECT count(*) AS rows FROM readings').get()?.['rows']).toBe(300)
    db.close()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const storage = await open()
    await Promise.all(storage.describe(names))
    expect(storage.counts()).toEqual({ computed: 0, known: 300 })
  })
})

/** Describes 300 files, and then waits to be killed. */
const DESCRIBE_ALL = `
  const { createDirectoryStorage } = await import(process.env.MODULE)
  const now = () => Date.now() + 3_600_000
  const storage = createDirectoryStorage(process.env.ROOT, { indexPath: process.env.INDEX, now })
  await storage.sync()
  await Promise.all(storage.describe(Array.from({ length: 300 }, (_, i) => String(i))))
  console.log('described')
  setInterval(() => {}, 1000)
`

/** Holds each index that it is sent until the flag changes. */
const HOLD_INDEX = `
  const { parentPort, workerData: flag } = require('node:worker_threads')
  const { DatabaseSync } = require('node:sqlite')
  parentPort.on('message', (path) => {
    const before = Atomics.load(flag, 0)
    const db = new DatabaseSync(path)
    db.exec('BEGIN IMMEDIATE')
    parentPort.postMessage('held')
    Atomics.wait(flag, 0, before)
    db.close()
  })
`
