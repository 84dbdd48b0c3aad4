import { execFileSync } from 'node:child_process'
import fs, { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import promises, { link, mkdir, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import timers, { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import {
  createNoise,
  createSource,
  createUntouched,
  describeOne,
  expectBytes,
  expectTrouble,
  readBytes,
  toPut,
} from '../../../functions/storage/suite/suite-tools.suite.ts'
import { isWritable } from '../../../functions/storage/writable.ts'
import { getHandlePrototype, patchBuiltin } from '../builtins.suite.ts'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import type { FileReader } from '../files/file-reader.ts'
import { resolvePlace } from '../files/root.ts'
import { createRoot } from '../mounts/located.ts'
import { readTops } from '../mounts/tops.ts'
import { loadSqlite } from '../sqlite/sqlite.ts'
import { createFileWriter } from './file-writer.ts'
import { createLinkProbe } from './link-probe.ts'
import { createLocks } from './locks.ts'
import { createTempFiles } from './temp-files.ts'

let directory: TestDirectory
let storage: WritableStorage
let undo: (() => void)[]

beforeEach(async () => {
  directory = await createTestDirectory()
  storage = openStorage(directory.root, { writable: true })
  undo = []
})

afterEach(async () => {
  for (const restore of undo) restore()
  await directory.close()
})

const inRoot = (...parts: string[]) => join(directory.root, ...parts)

async function toKeptPath(text: string, name: string, shelf = 'kept'): Promise<string> {
  return inRoot('.vouch', shelf, await hash(toBytes(text)), name)
}

async function put(name: string, text: string, replaces: string | null) {
  const digest = replaces === null ? null : await hash(toBytes(replaces))
  return await storage.put(name, createSource(toBytes(text)).body, await toPut(toBytes(text), digest))
}

async function restore(name: string, text: string, replaces: string | null) {
  const digest = replaces === null ? null : await hash(toBytes(replaces))
  return await storage.restore(name, { digest: await hash(toBytes(text)), replaces: digest })
}

const readText = async (name: string) => new TextDecoder().decode(await readBytes(storage, name))

const listKept = async () => (await storage.listKept()).entries.map(({ name, size }) => ({ name, size }))

/** The temporary files, without the lock of a storage that is writing. */
const readTempFiles = () =>
  readdirSync(inRoot('.vouch/tmp')).filter((name) => !/^[-0-9a-f]{36}\.lock$/.test(name))

/** The target of a link; '' when it is gone. */
function tryReadLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** The contents of all files below '.vouch', except temporary files, locks and the marker. */
function readAllKept(): string[] {
  const files = readdirSync(inRoot('.vouch'), { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile() && file.name !== 'replica' && !/(^|\.)lock$/.test(file.name))
    .map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'))
    .sort()
}

/** Makes every hard link fail, as on a file system without them. */
function forbidLinks(code: string): void {
  const refuse = () => Promise.reject(Object.assign(new Error(`${code}: no links`), { code }))
  undo.push(patchBuiltin(promises, 'link', () => refuse))
}

describe('a kept content', () => {
  it('is the file itself, in a directory that no other user may read', async () => {
    await directory.write('dir/a', toBytes('old'))
    const { ino } = statSync(inRoot('dir/a'))
    await put('dir/a', 'new', 'old')
    expect(statSync(await toKeptPath('old', 'dir/a')).ino).toBe(ino)
    expect(statSync(inRoot('.vouch/kept')).mode & 0o777).toBe(0o700)
  })

  it('is a copy when the file has other names, by which it may be written to', async () => {
    await directory.write('a', toBytes('old'))
    await link(inRoot('a'), inRoot('b'))
    await put('a', 'new', 'old')
    writeFileSync(inRoot('b'), 'written in place')
    expect(readFileSync(await toKeptPath('old', 'a'), 'utf8')).toBe('old')
    await restore('a', 'old', 'new')
    expect(await readText('a')).toBe('old')
  })

  it.each(['EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])(
    'is a copy when a link fails with %s',
    async (code) => {
      forbidLinks(code)
      const old = createNoise(3_000_000)
      await directory.write('a', old)
      const options = await toPut(toBytes('new'), await hash(old))
      await storage.put('a', createSource(toBytes('new')).body, options)
      expect(await listKept()).toEqual([{ name: 'a', size: old.length }])
      await storage.restore('a', { digest: await hash(old), replaces: await hash(toBytes('new')) })
      expectBytes(await readBytes(storage, 'a'), old)
      expect(readTempFiles()).toEqual([])
    },
  )

  it('is listed, but not restored, by a directory opened for reading only', async () => {
    await directory.write('a', toBytes('old'))
    await put('a', 'new', 'old')
    const reading = openStorage(directory.root)
    expect((await reading.listKept()).entries).toMatchObject([{ name: 'a', size: 3 }])
    expect(isWritable(reading)).toBe(false)
  })

  it('is rejected as integrity when its bytes have changed', async () => {
    await directory.write('a', toBytes('old'))
    await put('a', 'new', 'old')
    writeFileSync(await toKeptPath('old', 'a'), 'rot')
    await expectTrouble(restore('a', 'old', 'new'), 'integrity')
    expect(await readText('a')).toBe('new')
    expect(await listKept()).toEqual([{ name: 'a', size: 3 }])
  })

  it('is restored after the file in its place was kept', async () => {
    for (const wrong of ['rot', 'other bytes']) {
      await directory.write('a', toBytes('old'))
      await mkdir(dirname(await toKeptPath('old', 'a')), { recursive: true })
      await unlink(await toKeptPath('old', 'a')).catch(() => {})
      await writeFile(await toKeptPath('old', 'a'), wrong)
      await put('a', 'new', 'old')
      expect(readFileSync(await toKeptPath('old', 'a'), 'utf8')).toBe('old')
    }
    expect(readAllKept()).toEqual(['old', 'other bytes', 'rot'])
    expect(await listKept()).toEqual([{ name: 'a', size: 3 }])
    await restore('a', 'old', 'new')
    expect(await readText('a')).toBe('old')
  })

  it.each([
    ['the file itself', 'a'],
    ['another file', 'b'],
  ])('is a copy when the existing kept file is %s, with another name to write by', async (_, kept) => {
    for (const name of ['a', 'b']) await directory.write(name, toBytes('old'))
    await mkdir(dirname(await toKeptPath('old', 'a')), { recursive: true })
    await link(inRoot(kept), await toKeptPath('old', 'a'))
    await link(inRoot(kept), inRoot('c'))
    await put('a', 'new', 'old')
    writeFileSync(inRoot('c'), 'written in place')
    expect(readFileSync(await toKeptPath('old', 'a'), 'utf8')).toBe('old')
    expect(await listKept()).toEqual([{ name: 'a', size: 3 }])
  })

  it('is the file that a killed write already linked', async () => {
    await directory.write('a', toBytes('old'))
    const { ino } = statSync(inRoot('a'))
    await mkdir(dirname(await toKeptPath('old', 'a')), { recursive: true })
    await link(inRoot('a'), await toKeptPath('old', 'a'))
    await put('a', 'new', 'old')
    expect(statSync(await toKeptPath('old', 'a')).ino).toBe(ino)
  })

  it('replaces a link in its place, never the target of the link', async () => {
    await directory.write('a', toBytes('old'))
    await directory.write('other', toBytes('old'))
    await mkdir(dirname(await toKeptPath('old', 'a')), { recursive: true })
    await symlink(inRoot('other'), await toKeptPath('old', 'a'))
    await expectTrouble(restore('a', 'old', 'old'), 'not-a-file')
    await put('a', 'new', 'old')
    writeFileSync(inRoot('other'), 'written in place')
    expect(readFileSync(await toKeptPath('old', 'a'), 'utf8')).toBe('old')
  })

  it('is only stamped when its file is replaced a second time', async () => {
    await directory.write('a', toBytes('old'))
    await put('a', 'new', 'old')
    const before = statSync(await toKeptPath('old', 'a'), { bigint: true })
    await put('a', 'old', 'new')
    await put('a', 'newer', 'old')
    const after = statSync(await toKeptPath('old', 'a'), { bigint: true })
    expect(after.ino).toBe(before.ino)
    expect(after.ctimeNs).toBeGreaterThan(before.ctimeNs)
    expect(after.mtimeNs).toBe(before.mtimeNs)
  })

  it('is found on another shelf when a directory or a file was in its way', async () => {
    await directory.write('a/b', toBytes('old'))
    await put('a/b', 'new', 'old')
    await rm(inRoot('a'), { recursive: true })
    await directory.write('a', toBytes('old'))
    await put('a', 'new', 'old')
    await rm(inRoot('a'))
    await directory.write('a/b/c', toBytes('old'))
    await put('a/b/c', 'new', 'old')
    for (const shelf of ['kept', 'kept.1', 'kept.2']) expect(existsSync(inRoot('.vouch', shelf))).toBe(true)
    expect((await listKept()).map(({ name }) => name)).toEqual(['a', 'a/b', 'a/b/c'])
    const digest = await hash(toBytes('old'))
    for (const name of ['a', 'a/b', 'a/b/c']) {
      expect((await storage.listKept({ name })).entries).toMatchObject([{ name, digest }])
      const page = await storage.listKept({ after: `${digest}/${name}`, limit: 1 })
      expect(page.entries[0]?.name).toBe({ a: 'a/b', 'a/b': 'a/b/c' }[name])
    }
    await restore('a/b/c', 'old', 'new')
    expect(await readText('a/b/c')).toBe('old')
    await rm(inRoot('a'), { recursive: true })
    await restore('a', 'old', null)
    expect(await readText('a')).toBe('old')
  })

  it('is listed once when two shelves hold it', async () => {
    await directory.write('a', toBytes('old'))
    await put('a', 'new', 'old')
    await directory.write(`.vouch/kept.1/${await hash(toBytes('old'))}/a`, toBytes('old'))
    expect(await listKept()).toEqual([{ name: 'a', size: 3 }])
  })

  it.each(['.vouch', '.vouch/kept', '.vouch/kept/*', '.vouch/kept/*/dir'])(
    'is never found behind a link in place of %s, which also stops the next write',
    async (pattern) => {
      await directory.write('dir/a', toBytes('old'))
      await put('dir/a', 'new', 'old')
      const path = inRoot(pattern.replace('*', await hash(toBytes('old'))))
      await rename(path, inRoot('aside'))
      await symlink(inRoot('aside'), path)
      expect(await listKept()).toEqual([])
      await expectTrouble(restore('dir/a', 'old', 'new'), 'not-a-file')
      await directory.write('dir/a', toBytes('old'))
      await expectTrouble(put('dir/a', 'new', 'old'), 'not-a-file')
      expect(await readText('dir/a')).toBe('old')
    },
  )

  it('is never a file below .vouch/kept without a digest', async () => {
    await directory.write('.vouch/kept/a', toBytes('x'))
    await directory.write(`.vouch/kept/${'A'.repeat(64)}/a`, toBytes('x'))
    await directory.write(`.vouch/kept/${'a'.repeat(63)}/a`, toBytes('x'))
    await directory.write(`.vouch/kept/${'a'.repeat(64)}~1/a`, toBytes('x'))
    await writeFile(inRoot('.vouch/kept', 'b'.repeat(64)), 'x')
    await directory.write(`.vouch/kept/${'c'.repeat(64)}/.vouch/a`, toBytes('x'))
    await symlink(directory.root, inRoot('.vouch/kept', 'd'.repeat(64)))
    expect(await listKept()).toEqual([])
  })
})

describe('a file that another program changes', () => {
  /** Lets another program act once, just before or just after the next link to 'a' is made. */
  function whileLinking(when: 'before' | 'after', act: () => Promise<void>): void {
    let isDone = false
    undo.push(
      patchBuiltin(promises, 'link', (original) => async (from, to) => {
        const isFirst = !isDone && String(from).endsWith('/a')
        isDone ||= isFirst
        if (isFirst && when === 'before') await act()
        await original(from, to)
        if (isFirst && when === 'after') await act()
      }),
    )
  }

  const ACTS = {
    'is replaced': async () => {
      writeFileSync(inRoot('theirs'), 'theirs')
      await rename(inRoot('theirs'), inRoot('a'))
    },
    'is written to in place': async () => writeFileSync(inRoot('a'), 'theirs'),
  }

  for (const when of ['before', 'after'] as const) {
    it.each(Object.entries(ACTS))(`${when} it is linked, when it %s, is not replaced`, async (_, act) => {
      await directory.write('a', toBytes('old'))
      whileLinking(when, act)
      await expectTrouble(put('a', 'new', 'old'), 'precondition')
      expect(await readText('a')).toBe('theirs')
      for (const { digest } of (await storage.listKept()).entries) {
        const kept = readFileSync(inRoot('.vouch/kept', digest, 'a'))
        expect(await hash(new Uint8Array(kept))).toBe(digest)
      }
    })
  }

  it('is not replaced when it is removed, and stays kept', async () => {
    await directory.write('a', toBytes('old'))
    whileLinking('after', () => unlink(inRoot('a')))
    await expectTrouble(put('a', 'new', 'old'), 'precondition')
    expect(await describeOne(storage, 'a')).toBeNull()
    expect(readAllKept()).toEqual(['old'])
  })

  it('is replaced, and kept, when it is only touched', async () => {
    await directory.write('a', toBytes('old'))
    whileLinking('after', () => utimes(inRoot('a'), 1, 1))
    await put('a', 'new', 'old')
    expect(await readText('a')).toBe('new')
    expect(readAllKept()).toEqual(['old'])
  })
})

describe('a write', () => {
  it('syncs the kept content before the new content takes the name', async () => {
    const deeds: string[] = []
    const toPlace = (path: string) => path.replace(directory.root, '').replaceAll(/[0-9a-f-]{36,64}/g, '*')
    const prototype = await getHandlePrototype()
    undo.push(
      patchBuiltin(
        prototype,
        'sync',
        (sync) =>
          async function (this: typeof prototype) {
            deeds.push(`sync ${toPlace(readlinkSync(`/proc/self/fd/${this.fd}`))}`)
            await sync.call(this)
          },
      ),
      patchBuiltin(fs, 'renameSync', (original) => (from, to) => {
        deeds.push('rename')
        original(from, to)
      }),
    )
    await directory.write('dir/a', toBytes('old'))
    await put('dir/a', 'new', 'old')
    expect(deeds.filter((deed) => deed === 'rename')).toHaveLength(2)
    const [linked, renamed] = [deeds.indexOf('rename'), deeds.lastIndexOf('rename')]
    expect(deeds.slice(0, linked)).toContain('sync /.vouch/tmp/*.*')
    for (const path of ['', '/.vouch', '/.vouch/kept', '/.vouch/kept/*'])
      expect(deeds.slice(0, linked)).toContain(`sync ${path}`)
    for (const path of ['/.vouch/kept/*/dir/a', '/.vouch/kept/*/dir'])
      expect(deeds.slice(linked, renamed)).toContain(`sync ${path}`)
    expect(deeds.slice(renamed)).toEqual(['rename', 'sync /dir'])
  })

  it.each(['EPERM', 'ENOTSUP'])(
    'creates no new file when a link fails with %s, and reports why',
    async (code) => {
      forbidLinks(code)
      await expectTrouble(put('new', 'new', null), 'unreadable')
      await expect(put('new', 'new', null)).rejects.toThrow('no hard links')
      expect(await describeOne(storage, 'new')).toBeNull()
      expect(readTempFiles()).toEqual([])
    },
  )

  it('is refused where a link is in the place of its lock', async () => {
    await directory.write('a', toBytes('old'))
    await mkdir(inRoot('.vouch'))
    await symlink(inRoot('elsewhere'), inRoot('.vouch/lock'))
    await expectTrouble(put('a', 'new', 'old'), 'not-a-file')
    expect(await readText('a')).toBe('old')
    expect(existsSync(inRoot('elsewhere'))).toBe(false)
  })
})

describe('a write beside another process that writes', () => {
  /** Holds the lock of another process until it is released. */
  async function holdLock(): Promise<() => void> {
    await mkdir(inRoot('.vouch'), { recursive: true })
    const lock = new (loadSqlite().DatabaseSync)(inRoot('.vouch/lock'))
    lock.exec('BEGIN IMMEDIATE')
    undo.push(() => lock.isOpen && lock.close())
    return () => lock.close()
  }

  /** Resolves once a writer waits for the lock; from then on none waits for long. */
  function watchWaits(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wait = async () => {
      resolve()
      await setImmediate()
    }
    undo.push(patchBuiltin(timers, 'setTimeout', () => wait as typeof timers.setTimeout)) // of a kind
    return promise
  }

  it.each([
    ['to keep', false],
    ['to replace, with a kept content', true],
  ])('waits for the lock %s, and does not replace a file of the other process', async (_, isThere) => {
    await directory.write('a', toBytes('old'))
    const kept = await toKeptPath('old', 'a')
    await mkdir(dirname(kept), { recursive: true })
    if (isThere) await link(inRoot('a'), kept)
    const release = await holdLock()
    const waits = watchWaits()
    const refused = expectTrouble(put('a', 'new', 'old'), 'precondition')
    await Promise.race([waits, refused])
    await writeFile(inRoot('.vouch/theirs'), 'theirs')
    await rename(inRoot('.vouch/theirs'), inRoot('a'))
    release()
    await refused
    expect(await readText('a')).toBe('theirs')
    expect(readFileSync(kept, 'utf8')).toBe('old')
  })

  it('waits for the lock to keep, and loses no content kept by the other process', async () => {
    await directory.write('a', toBytes('old'))
    const release = await holdLock()
    const waits = watchWaits()
    const done = put('a', 'new', 'old')
    await Promise.race([waits, done])
    await writeFile(await toKeptPath('old', 'a'), 'rot')
    release()
    await done
    expect(await readText('a')).toBe('new')
    expect(readAllKept()).toEqual(['old', 'rot'])
    expect(await listKept()).toHaveLength(1)
  })

  it('fails on a lock that is never released, and replaces nothing', async () => {
    await directory.write('a', toBytes('old'))
    await holdLock()
    watchWaits()
    await expectTrouble(put('a', 'new', 'old'), 'unreadable')
    expect(await readText('a')).toBe('old')
  })
})

describe('a write whose condition fails', () => {
  it('does not read its body, and makes no temporary file', async () => {
    await directory.write('a', toBytes('old'))
    const other = await hash(toBytes('other'))
    for (const [name, replaces] of [['a', null] as const, ['a', other] as const, ['b', other] as const]) {
      const { body, isTouched } = createUntouched()
      await expectTrouble(storage.put(name, body, { size: 1, digest: other, replaces }), 'precondition')
      expect(isTouched()).toBe(false)
    }
    expect(readdirSync(inRoot())).not.toContain('.vouch')
  })

  it('may be a restoration, which fails before the kept content is searched', async () => {
    await directory.write('a', toBytes('old'))
    await expectTrouble(restore('a', 'never there', 'other'), 'precondition')
    await expectTrouble(restore('a', 'never there', 'old'), 'not-kept')
  })
})

describe('a temporary file', () => {
  const OWNER = '00000000-0000-4000-8000-000000000000'
  const TEMP = '11111111-1111-4111-8111-111111111111'

  /** The files that a killed process leaves behind. */
  async function writeDead(): Promise<void> {
    for (const name of [`${OWNER}.lock`, `${OWNER}.${TEMP}`])
      await directory.write(`.vouch/tmp/${name}`, new Uint8Array())
  }

  it('of a process that has ended is removed before the next write, and at the opening for writing', async () => {
    await put('a', 'new', null)
    await writeDead()
    await directory.write('.vouch/tmp/notes.txt', toBytes('of another program'))
    await openStorage(directory.root).close()
    expect(readdirSync(inRoot('.vouch/tmp'))).toContain(`${OWNER}.lock`)
    await put('b', 'new', null)
    expect(readdirSync(inRoot('.vouch/tmp'))).toEqual(['notes.txt'])
    await writeDead()
    await openStorage(directory.root, { writable: true }).close()
    expect(readdirSync(inRoot('.vouch/tmp'))).toEqual(['notes.txt'])
  })

  it('that cannot be removed keeps nobody from writing, and is reported when a storage is opened for it', async () => {
    // rclone mount lists, and refuses to remove, a file that it is uploading under its new name.
    await directory.write(`.vouch/tmp/${OWNER}.${TEMP}/in the way`, new Uint8Array())
    await put('a', 'new', null)
    expect(await readText('a')).toBe('new')
    const notices: string[] = []
    await openStorage(directory.root, { writable: true, onNotice: (line) => void notices.push(line) }).close()
    expect(notices).toEqual(['cannot remove temporary files of an earlier write (ERR_FS_EISDIR)'])
  })

  it('leaves neither a lock nor an open file where nothing is being written, so that a disk can be unmounted', async () => {
    await put('a', 'new', null)
    await Promise.all([put('a', 'newer', 'new'), put('b', 'new', null)])
    expect(readdirSync(inRoot('.vouch/tmp'))).toEqual([])
    const open = readdirSync('/proc/self/fd').map((fd) => tryReadLink(`/proc/self/fd/${fd}`))
    expect(open.filter((path) => path.startsWith(`${directory.root}/.vouch`))).toEqual([])
  })

  it('stays while its owner runs, even if another process writes', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const writing = storage.put('slow', readable, await toPut(toBytes('12'), null))
    await writer.write(toBytes('1'))
    await expect.poll(readTempFiles).toHaveLength(1)
    const other = openStorage(directory.root, { writable: true })
    await other.put('quick', createSource(toBytes('x')).body, await toPut(toBytes('x'), null))
    await other.close()
    expect(readTempFiles()).toHaveLength(1)
    await writer.write(toBytes('2'))
    await writer.close()
    await writing
    expect(await readText('slow')).toBe('12')
    expect(readTempFiles()).toEqual([])
  })

  it('is removed when its storage is closed, and the write fails', async () => {
    const other = openStorage(directory.root, { writable: true })
    const stalled = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(toBytes('1')),
    })
    const writing = other.put('a', stalled, await toPut(toBytes('12'), null))
    const refused = expectTrouble(writing, 'unreachable')
    await expect.poll(readTempFiles).toHaveLength(1)
    await other.close()
    expect(readdirSync(inRoot('.vouch/tmp'))).toEqual([])
    await refused
  })

  it('is not removed from a directory that vouch did not make', async () => {
    await directory.write(`elsewhere/${OWNER}.${TEMP}`, toBytes('mine'))
    await mkdir(inRoot('.vouch'))
    await symlink(inRoot('elsewhere'), inRoot('.vouch/tmp'))
    await openStorage(directory.root, { writable: true }).close()
    expect(readdirSync(inRoot('elsewhere'))).toEqual([`${OWNER}.${TEMP}`])
  })
})

describe('the list of file systems that were written to', () => {
  it('names no directory outside the root', async () => {
    const lines = ['../other', '/etc', '.vouch', '', 'photos/2026'].map((top) => `${JSON.stringify(top)}\n`)
    await directory.write('.vouch/tops', toBytes(lines.join('')))
    expect(readTops(resolvePlace(directory.root))).toEqual(['photos/2026'])
  })

  it('is not waited for where a FIFO is in its place', async () => {
    await put('a', 'old', null)
    execFileSync('mkfifo', [inRoot('.vouch/tops')])
    expect(await listKept()).toEqual([])
  })
})

it('a content that cannot be restored is refused with a code, without the path of the host', async () => {
  await put('a', 'old', null)
  for (const write of [put, restore]) {
    const refused = write(`${'x'.repeat(300)}/b`, 'old', null)
    await expect(refused).rejects.toMatchObject({ name: 'StorageError', code: 'invalid-name' })
  }
})

/** A reader that must not be called. */
const NO_READER: FileReader = {
  describe: () => expect.unreachable(),
  open: () => expect.unreachable(),
  readCurrent: () => expect.unreachable(),
  openAt: () => expect.unreachable(),
}

it('a new file that is listed under another name is removed, unless another program replaced it', async () => {
  const place = resolvePlace(directory.root)
  const root = createRoot({ place, top: '', device: place.device, inode: place.inode })
  const tempFiles = createTempFiles(root)
  const writer = createFileWriter({
    root,
    reader: NO_READER,
    tempFiles,
    links: createLinkProbe(),
    lock: createLocks(),
    prepare: async () => {},
    async requireListed(name) {
      if (name === 'replaced') {
        await writeFile(inRoot('other'), 'of another program')
        await rename(inRoot('other'), inRoot(name))
      }
      throw new Error('listed by another name')
    },
  })
  try {
    for (const name of ['new', 'replaced']) {
      const writing = writer.put(name, createSource(toBytes('x')).body, await toPut(toBytes('x'), null))
      await expect(writing).rejects.toThrow('listed by another name')
    }
  } finally {
    await tempFiles.close()
  }
  expect(readdirSync(directory.root).filter((name) => name !== '.vouch')).toEqual(['replaced'])
})
