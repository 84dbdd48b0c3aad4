import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Storage, WritableStorage } from '../../functions/storage/storage.ts'
import { hash, toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import {
  createSource,
  describeOne,
  drain,
  expectTrouble,
  readBytes,
  toPut,
} from '../../functions/storage/suite/suite-tools.suite.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { openNoIndexFile } from './digests/index-file.ts'
import { createIndexWriter } from './digests/index-writer.ts'
import { asNobody, createTestDirectory, openStorage, type TestDirectory } from './directory-setup.suite.ts'
import { createRootGuard } from './mounts/root-guard.ts'
import { createSpanMemory } from './tree/span-memory.ts'
import { createTreeSurvey } from './tree/tree-survey.ts'

const SECRET = toBytes('outside')

let inside: TestDirectory
let outside: TestDirectory
let storage: WritableStorage

beforeEach(async () => {
  inside = await createTestDirectory()
  outside = await createTestDirectory()
  storage = openStorage(inside.root, { writable: true })
  await inside.write('dir/file', toBytes('inside'))
  await outside.write('file', SECRET)
})

afterEach(async () => {
  await inside.close()
  await outside.close()
})

async function expectNotAFile(name: string): Promise<void> {
  await expectTrouble(describeOne(storage, name), 'not-a-file')
  await expectTrouble(storage.open(name), 'not-a-file')
  await expectTrouble(putNew(name), name.includes('/') ? 'not-a-file' : 'precondition')
}

async function putNew(name: string) {
  return await storage.put(name, createSource(toBytes('new')).body, await toPut(toBytes('new'), null))
}

async function listNames(): Promise<string[]> {
  return (await storage.list()).entries.map(({ name }) => name)
}

describe('a symbolic link', () => {
  it('is refused wherever it points, and not listed', async () => {
    await symlink(join(inside.root, 'dir/file'), join(inside.root, 'to-inside'))
    await symlink('dir/file', join(inside.root, 'relative'))
    await symlink(join(outside.root, 'file'), join(inside.root, 'to-outside'))
    await symlink('nowhere', join(inside.root, 'dangling'))
    await symlink('loop', join(inside.root, 'loop'))
    await symlink('dir', join(inside.root, 'to-dir'))
    for (const name of ['to-inside', 'relative', 'to-outside', 'dangling', 'loop', 'to-dir'])
      await expectNotAFile(name)
    expect(await listNames()).toEqual(['dir/file'])
  })

  it('is refused among the parents, whether or not the file exists', async () => {
    await symlink('dir', join(inside.root, 'link'))
    await symlink(outside.root, join(inside.root, 'out'))
    await symlink('nowhere', join(inside.root, 'dangling'))
    await symlink('dir/file', join(inside.root, 'to-file'))
    const names = [
      'link/file',
      'link/none',
      'out/file',
      'out/none',
      'out/deep/none',
      'dangling/file',
      'to-file/x',
    ]
    for (const name of names) await expectNotAFile(name)
    expect(await listNames()).toEqual(['dir/file'])
    expect(await readdir(outside.root)).toEqual(['file'])
  })

  it('is not replaced, and its target is not written', async () => {
    await symlink(join(outside.root, 'file'), join(inside.root, 'link'))
    const options = await toPut(toBytes('new'), await hash(SECRET))
    await expectTrouble(storage.put('link', createSource(toBytes('new')).body, options), 'not-a-file')
    expect((await lstat(join(inside.root, 'link'))).isSymbolicLink()).toBe(true)
    expect(await readFile(join(outside.root, 'file'), 'utf8')).toBe('outside')
  })

  it("in the place of '.vouch' stops every write", async () => {
    await symlink(outside.root, join(inside.root, '.vouch'))
    await expectTrouble(putNew('new'), 'not-a-file')
    expect(await readdir(outside.root)).toEqual(['file'])
  })

  it('that repeatedly takes the place of a directory never reveals files outside the root', async () => {
    await outside.write('only-outside', SECRET)
    const swapper = new Worker(SWAP, {
      eval: true,
      workerData: { dir: join(inside.root, 'dir'), outside: outside.root },
    })
    await once(swapper, 'message')
    try {
      const secret = await hash(SECRET)
      for (let i = 0; i < 400; i++) {
        const [facts, bytes, names] = await Promise.all([
          describeOne(storage, 'dir/file').catch(requireTrouble),
          readBytes(storage, 'dir/file').catch(requireTrouble),
          listNames(),
        ])
        expect(facts?.digest).not.toBe(secret)
        expect(bytes).not.toEqual(SECRET)
        expect(names).not.toContain('dir/only-outside')
      }
    } finally {
      await swapper.terminate()
    }
  })
})

/** Swaps a directory for a link to another one until it is terminated. */
const SWAP = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
  const { workerData: { dir, outside }, parentPort } = require('node:worker_threads')
  parentPort.postMessage('ready')
  for (;;) {
    renameSync(dir, dir + '.aside')
    symlinkSync(outside, dir)
    unlinkSync(dir)
    renameSync(dir + '.aside', dir)
  }
`

/** A refusal returns nothing; a missing file is one error of the test's own. */
function requireTrouble(error: unknown): null {
  if (error instanceof StorageError || (error instanceof Error && error.message.endsWith('which exists')))
    return null
  throw error
}

describe('a name that is not a regular file', () => {
  it('is refused when it is a FIFO, and nothing waits for a writer', async () => {
    execFileSync('mkfifo', [join(inside.root, 'fifo')])
    await expectNotAFile('fifo')
    expect(await listNames()).toEqual(['dir/file'])
  })

  it('is refused when it is a socket', async () => {
    const server = createServer().listen(join(inside.root, 'socket'))
    await once(server, 'listening')
    try {
      await expectNotAFile('socket')
      expect(await listNames()).toEqual(['dir/file'])
    } finally {
      server.close()
    }
  })

  it('is refused when it is a device', async () => {
    const devices = openStorage('/dev')
    for (const name of ['null', 'zero']) {
      await expectTrouble(describeOne(devices, name), 'not-a-file')
      await expectTrouble(devices.open(name), 'not-a-file')
    }
  })

  it('is refused even if its permissions forbid to open it', async () => {
    execFileSync('mkfifo', ['-m', '000', join(inside.root, 'fifo')])
    await chmod(inside.root, 0o755)
    await asNobody(() => expectTrouble(describeOne(storage, 'fifo'), 'not-a-file'))
  })

  it('is absent when it is a directory, readable or not', async () => {
    await chmod(inside.root, 0o755)
    await chmod(join(inside.root, 'dir'), 0o000)
    try {
      expect(await asNobody(() => describeOne(storage, 'dir'))).toBeNull()
      expect(await asNobody(() => storage.open('dir'))).toBeNull()
    } finally {
      await chmod(join(inside.root, 'dir'), 0o755)
    }
  })

  it('is not replaced by a new file of its name', async () => {
    await expectTrouble(putNew('dir'), 'precondition')
    expect(await readBytes(storage, 'dir/file')).toEqual(toBytes('inside'))
  })

  it('is rejected as precondition when it is a file in place of a directory', async () => {
    await expectTrouble(putNew('dir/file/below'), 'precondition')
    await expect(putNew('dir/file/below')).rejects.toThrow('a file is where the name needs a directory')
  })
})

describe('a file without read permission', () => {
  beforeEach(() => chmod(inside.root, 0o755))

  it('is unreadable, with an error without a path of the host, and affects no other', async () => {
    await inside.write('secret', SECRET)
    await chmod(join(inside.root, 'secret'), 0o000)
    const [refused, other, absent] = await asNobody(() =>
      Promise.allSettled(storage.describe(['secret', 'dir/file', 'none'])),
    )
    expect(refused).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'unreadable',
        message: 'cannot be read: permission denied (EACCES)',
        cause: { code: 'EACCES' },
      },
    })
    expect(other).toMatchObject({ status: 'fulfilled', value: { size: 6 } })
    expect(absent).toEqual({ status: 'fulfilled', value: null })
    await asNobody(() => expectTrouble(storage.open('secret'), 'unreadable'))
  })

  it('is unreadable, not absent, below a directory without search permission, and the listing fails', async () => {
    await chmod(join(inside.root, 'dir'), 0o000)
    try {
      await asNobody(() => expectTrouble(describeOne(storage, 'dir/file'), 'unreadable'))
      await asNobody(() => expectTrouble(describeOne(storage, 'dir/none'), 'unreadable'))
      await asNobody(() => expectTrouble(storage.list(), 'unreadable'))
      expect(await asNobody(() => storage.list({ prefix: 'x' }))).toEqual({ entries: [], next: null })
    } finally {
      await chmod(join(inside.root, 'dir'), 0o755)
    }
  })

  it('is unreadable when it cannot be written', async () => {
    const promise = asNobody(() => putNew('new'))
    await expect(promise).rejects.toMatchObject({
      code: 'unreadable',
      message: 'cannot be written: permission denied (EACCES)',
    })
  })
})

describe('the root', () => {
  it('must be a directory: otherwise `ready` rejects with an error that names the path', async () => {
    const none = join(inside.root, 'none')
    await expect(openStorage(none).ready()).rejects.toThrow(none)
    await expect(openStorage(join(inside.root, 'dir/file')).ready()).rejects.toThrow('is not a directory')
  })

  it.each(['300', '600'])('must be readable and searchable, unlike mode %s', async (mode) => {
    const closed = await mkdtemp(join(inside.root, 'closed-'))
    await chmod(inside.root, 0o755)
    await chmod(closed, Number.parseInt(mode, 8))
    await asNobody(async () => {
      await expect(openStorage(closed).ready()).rejects.toThrow(`'${closed}' cannot be opened`)
    })
  })

  it('may be a symbolic link, which each request follows again', async () => {
    const link = `${inside.root}-current`
    const [first, second] = await createReleases()
    await symlink(first, link)
    try {
      const linked = openStorage(link, { writable: true, indexPath: inside.indexPath })
      expect(await readBytes(linked, 'file')).toEqual(toBytes('first'))
      expect(await surveyNames(linked)).toEqual(['file', 'only-first'])
      const begun = await linked.open('only-first')
      await pointTo(second, link)
      expect(await describeOne(linked, 'file')).toMatchObject({ digest: await hash(toBytes('second')) })
      expect(await describeOne(linked, 'only-first')).toBeNull()
      expect(await readBytes(linked, 'file')).toEqual(toBytes('second'))
      expect((await linked.list()).entries.map(({ name }) => name)).toEqual(['file'])
      expect(await surveyNames(linked)).toEqual(['file'])
      await linked.put('new', createSource(toBytes('new')).body, await toPut(toBytes('new'), null))
      expect(await readdir(second)).toContain('new')
      expect(await readdir(first)).not.toContain('new')
      // A stream continues with the file that was opened.
      expect(begun && (await drain(begun.body))).toEqual(toBytes('first'))
    } finally {
      await rm(link)
    }
  })

  it('is unreachable to a survey during which a link is changed, so that no two trees are mixed', async () => {
    const link = `${inside.root}-current`
    const [first, second] = await createReleases()
    await symlink(first, link)
    try {
      const guard = createRootGuard(link, openNoIndexFile())
      const index = openNoIndexFile()
      const writer = createIndexWriter(index)
      const tree = { place: guard.resolve(), requireSame: guard.requireSame, look: () => null, index, writer }
      const survey = createTreeSurvey({ ...tree, memory: createSpanMemory() }, { ...WHOLE, grain: 0 })
      const order = { now: Date.now(), synced: null, patience: 60_000, hashed: [], isPatient: true, bytes: 1 }
      expect(survey.step({ ...order, patience: -1 }).state).toBe('going')
      await pointTo(second, link)
      expect(() => survey.step(order)).toThrow('another directory took its place while it was read')
    } finally {
      await rm(link)
    }
  })

  async function createReleases(): Promise<[string, string]> {
    const releases = ['first', 'second'].map((name) => join(inside.root, name))
    for (const release of releases) {
      await mkdir(release)
      await writeFile(join(release, 'file'), basename(release))
    }
    const [first = '', second = ''] = releases
    await writeFile(join(first, 'only-first'), 'first')
    return [first, second]
  }

  /** As `ln -sfn` does. */
  async function pointTo(directory: string, link: string): Promise<void> {
    await rm(link)
    await symlink(directory, link)
  }

  const WHOLE = { ranges: [{ after: '', until: null }], prefix: '', maxAge: null, match: [], exclude: [] }

  async function surveyNames(storage: Storage): Promise<string[]> {
    const names: string[] = []
    for await (const line of storage.survey?.({ ...WHOLE, grain: 0 }) ?? [])
      if ('said' in line) names.push(line.name)
    return names
  }

  it('is unreachable to every request once it is gone, and answers when it is back', async () => {
    const aside = `${inside.root}.aside`
    await rename(inside.root, aside)
    try {
      await expectUnreachable()
      await writeFile(inside.root, 'a file in its place')
      await expectUnreachable()
    } finally {
      await rm(inside.root, { force: true })
      await rename(aside, inside.root)
    }
    expect(await readBytes(storage, 'dir/file')).toEqual(toBytes('inside'))
    expect(await describeOne(storage, 'none')).toBeNull()
  })

  it('is unreachable, not empty, when it disappears in the middle of a listing', async () => {
    const { signal } = new AbortController()
    // The walk asks its signal between opening the root and reading it.
    signal.throwIfAborted = () => rmSync(inside.root, { recursive: true, force: true })
    await expectTrouble(storage.list({ signal }), 'unreachable')
  })

  async function expectUnreachable(): Promise<void> {
    for (const name of ['dir/file', 'none', 'none/none']) {
      await expectTrouble(describeOne(storage, name), 'unreachable')
      await expectTrouble(storage.open(name), 'unreachable')
    }
    await expectTrouble(storage.list(), 'unreachable')
    await expectTrouble(storage.list({ prefix: 'none/' }), 'unreachable')
    await expectTrouble(storage.listKept(), 'unreachable')
    await expectTrouble(storage.restore('a', { digest: await hash(SECRET), replaces: null }), 'unreachable')
    await expectTrouble(putNew('new'), 'unreachable')
  }
})

describe('the listing of a directory', () => {
  it('omits names that are not valid', async () => {
    await writeFile(Buffer.from(`${inside.root}/\xff\xfe`, 'latin1'), 'not UTF-8')
    await mkdir(Buffer.from(`${inside.root}/\xc3`, 'latin1'))
    await writeFile(Buffer.from(`${inside.root}/\xc3/file`, 'latin1'), 'below a directory that is not')
    await writeFile(join(inside.root, 'back\\slash'), 'refused elsewhere')
    await inside.write('.vouch/tmp/draft', toBytes('ours'))
    await mkdir(join(inside.root, 'empty'))
    expect(await listNames()).toEqual(['dir/file'])
  })

  it('replaces a limit outside its bounds by the nearest bound', async () => {
    for (let i = 0; i < 1001; i++) await inside.write(`${i}`, toBytes(''))
    expect((await storage.list({ limit: 0 })).entries).toHaveLength(1)
    expect((await storage.list({ limit: -5 })).entries).toHaveLength(1)
    expect((await storage.list({ limit: 5000 })).entries).toHaveLength(1000)
  })

  it('returns a file with two names twice', async () => {
    await link(join(inside.root, 'dir/file'), join(inside.root, 'again'))
    expect(await listNames()).toEqual(['again', 'dir/file'])
  })
})

describe('a write', () => {
  it('leaves no temporary file behind, whether it succeeds or fails', async () => {
    await putNew('new')
    await expectTrouble(putNew('new'), 'precondition')
    const lie = { ...(await toPut(toBytes('new'), null)), size: 2 }
    await expectTrouble(storage.put('other', createSource(toBytes('new')).body, lie), 'integrity')
    const left = await readdir(join(inside.root, '.vouch/tmp'))
    expect(left.filter((name) => !name.endsWith('.lock'))).toEqual([])
    expect(await listNames()).toEqual(['dir/file', 'new'])
  })

  it('leaves the old content intact for a program that has it open', async () => {
    const handle = await open(join(inside.root, 'dir/file'))
    try {
      const options = await toPut(toBytes('new'), await hash(toBytes('inside')))
      await storage.put('dir/file', createSource(toBytes('new')).body, options)
      expect(await handle.readFile('utf8')).toBe('inside')
      expect(await readFile(join(inside.root, 'dir/file'), 'utf8')).toBe('new')
    } finally {
      await handle.close()
    }
  })

  it('keeps the permissions of the file that it replaces', async () => {
    await chmod(join(inside.root, 'dir/file'), 0o640)
    const options = await toPut(toBytes('new'), await hash(toBytes('inside')))
    await storage.put('dir/file', createSource(toBytes('new')).body, options)
    expect((await lstat(join(inside.root, 'dir/file'))).mode & 0o777).toBe(0o640)
    expect(await readBytes(storage, 'dir/file')).toEqual(toBytes('new'))
  })
})
