import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { chmod, stat, symlink, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { createNoise, describeOne } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { toIndexFile } from '../digests/index-path.ts'
import {
  asNobody,
  countDescriptors,
  createTestDirectory,
  later,
  openStorage,
  type TestDirectory,
} from '../directory-setup.suite.ts'
import { touch } from './random-tree.suite.ts'
import { find, forge, readLines, readSpans, survey } from './tree-survey.suite.ts'

const MIB = 1024 * 1024

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(() => directory.close())

/** More files than a survey sees ahead of its consumer. */
function writeMany(parent: string): void {
  mkdirSync(join(directory.root, parent))
  for (let i = 0; i < 6000; i++) touch(join(directory.root, `${parent}/${String(i).padStart(4, '0')}`))
}

/** Makes files that are all holes: so many bytes that cost no disk. */
async function writeHoles(size: number, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await directory.write(name, new Uint8Array())
    await truncate(join(directory.root, name), size)
  }
}

describe('an unreadable directory or file', () => {
  beforeEach(async () => {
    await chmod(directory.root, 0o755)
    for (const name of ['a', 'dir/1', 'dir/2', 'secret', 'z']) await directory.write(name, toBytes(name))
    await chmod(join(directory.root, 'dir'), 0o000)
    await chmod(join(directory.root, 'secret'), 0o000)
  })
  afterEach(() => chmod(join(directory.root, 'dir'), 0o755))

  it('is reported as its own error, and affects no other', async () => {
    const storage = openStorage(directory.root)
    const found = await asNobody(() => find(storage))
    const refused = { code: 'unreadable', message: 'cannot be read: permission denied (EACCES)' }
    expect(found).toMatchObject([
      { name: 'a', said: { size: 1 } },
      { name: 'dir/', said: refused },
      { name: 'secret', said: refused },
      { name: 'z', said: { size: 1 } },
    ])
  })

  it('leaves its span without a fingerprint, and other spans unchanged', async () => {
    const storage = openStorage(directory.root)
    const ranges = [
      { after: '', until: 'a' },
      { after: 'a', until: 'y' },
      { after: 'y', until: null },
    ]
    const readable = await readSpans(storage, { ranges, grain: 30 })
    const spans = await asNobody(() => readSpans(storage, { ranges, grain: 30 }))
    expect(spans).toEqual([readable[0], { last: 'y', names: 2, bytes: 0, fingerprint: null }, readable[2]])
  })

  it('is not reported unless it is requested', async () => {
    const storage = openStorage(directory.root)
    for (const changes of [{ prefix: 'z' }, { ranges: [{ after: 't', until: null }] }]) {
      expect(await asNobody(() => find(storage, changes))).toMatchObject([{ name: 'z' }])
    }
    expect(await asNobody(() => find(storage, { prefix: 'dir/1' }))).toMatchObject([{ name: 'dir/' }])
  })

  it('fails a listing if it is a directory, but not if it is a file', async () => {
    const storage = openStorage(directory.root)
    await expect(asNobody(() => storage.list())).rejects.toMatchObject({ code: 'unreadable' })
    const { entries } = await asNobody(() => storage.list({ after: 'e' }))
    expect(entries.map(({ name }) => name)).toEqual(['secret', 'z'])
  })

  it('that is the root fails the survey', async () => {
    const storage = openStorage(directory.root)
    await chmod(directory.root, 0o000)
    await expect(asNobody(() => readLines(storage))).rejects.toMatchObject({ code: 'unreadable' })
  })
})

describe('while a survey is under way', () => {
  it.each([0, 4])(
    'a root that disappears is an error, not the end, of a survey by grain %i',
    async (grain) => {
      writeMany('a')
      const storage = openStorage(directory.root, { now: later })
      let taken = 0
      const surveying = (async () => {
        for await (const line of survey(storage, { grain })) {
          if ('seen' in line) continue
          if (taken++ === 0) renameSync(directory.root, `${directory.root}-gone`)
        }
      })()
      try {
        await expect(surveying).rejects.toMatchObject({
          code: 'unreachable',
          message: 'the directory is gone',
        })
        await expect(readLines(storage)).rejects.toMatchObject({ code: 'unreachable' })
      } finally {
        renameSync(`${directory.root}-gone`, directory.root)
      }
      expect(await find(storage)).toHaveLength(6000)
    },
  )

  it('a directory that becomes a link is not followed', async () => {
    writeMany('a')
    const outside = await createTestDirectory()
    try {
      await outside.write('secret', toBytes('outside'))
      await directory.write('z/inside', toBytes('inside'))
      const names: string[] = []
      for await (const line of survey(openStorage(directory.root))) {
        if (!('said' in line)) continue
        if (names.length === 0) {
          renameSync(join(directory.root, 'z'), join(directory.root, '0'))
          await symlink(outside.root, join(directory.root, 'z'))
        }
        names.push(line.name)
      }
      expect(names).toHaveLength(6000)
      expect(names.filter((name) => name.startsWith('z'))).toEqual([])
    } finally {
      await outside.close()
    }
  })

  it('no file is read before the caller takes the lines', async () => {
    writeMany('a')
    const storage = openStorage(directory.root, { now: later })
    const lines = survey(storage)[Symbol.asyncIterator]()
    while ('seen' in (await lines.next()).value);
    for (let before = -1; before !== storage.counts().computed; ) {
      before = storage.counts().computed
      // The thread alternates between surveys, so each of these gives the first one its turns.
      for (let i = 0; i < 10; i++) await readSpans(storage, { grain: 30, prefix: 'b' })
    }
    expect(storage.counts().computed).toBeLessThan(6000)
    await lines.return?.(undefined)
  })

  it('closing the storage rejects it, and ends every thread', async () => {
    writeMany('a')
    await writeHoles(1024 * MIB, 'b')
    for (const changes of [{}, { grain: 30 }, { maxAge: 0 }]) {
      const storage = openStorage(directory.root)
      const lines = survey(storage, changes)[Symbol.asyncIterator]()
      const first = lines.next()
      if (!('grain' in changes)) await first
      const rest = (async () => {
        await first
        while (!(await lines.next()).done);
      })()
      const [closed, ended] = await Promise.allSettled([storage.close(), rest])
      expect(closed).toMatchObject({ status: 'fulfilled' })
      expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'unreachable' } })
    }
    expect(await countDescriptors()).toBe(0)
  })

  it.each<[string, boolean]>([
    ['closing it', false],
    ['aborting its signal', true],
  ])('%s stops the hashing under way', async (_how, isAborted) => {
    await directory.write('a', toBytes('a'))
    await writeHoles(2048 * MIB, 'b', 'c')
    const storage = openStorage(directory.root)
    const before = await countDescriptors()
    const abort = new AbortController()
    const lines = survey(storage, {}, abort.signal)[Symbol.asyncIterator]()
    while ('seen' in (await lines.next()).value);
    await vi.waitFor(async () => expect(await countDescriptors()).toBeGreaterThan(before), {
      timeout: 60_000,
    })
    if (isAborted) {
      const rest = (async () => {
        while (!(await lines.next()).done);
      })()
      abort.abort(new Error('the client went away'))
      await expect(rest).rejects.toThrow('the client went away')
    } else await lines.return?.(undefined)
    await expect.poll(countDescriptors, { timeout: 60_000 }).toBe(before)
    expect(await describeOne(storage, 'a')).toMatchObject({ size: 1 })
  })
})

describe('files too large for the thread that walks', () => {
  it('come in order with the others, whenever their digests are ready', async () => {
    const contents = Array.from({ length: 12 }, (_, i) =>
      createNoise(i % 3 === 1 ? 100 : (13 - i) * 400_000, i),
    )
    const names = contents.map((_, i) => `f${String(i).padStart(2, '0')}`)
    for (const [i, bytes] of contents.entries()) await directory.write(names[i] ?? '', bytes)
    const storage = openStorage(directory.root, { now: later, indexPath: directory.indexPath })
    const expected = await Promise.all(
      contents.map(async (bytes) => ({ size: bytes.length, digest: await hash(bytes) })),
    )
    for (const changes of [{}, { maxAge: 0 }, {}]) {
      const found = await find(storage, changes)
      expect(found.map(({ name }) => name)).toEqual(names)
      expect(found.map(({ said }) => said)).toMatchObject(expected)
    }
    expect((await find(storage)).map(({ said }) => said)).toEqual(await Promise.all(storage.describe(names)))
  })
})

describe('surveys of one pass', () => {
  it('hash a recently changed large file once, until it changes or a deep survey reads it', async () => {
    await directory.write('large', createNoise(2_000_000, 1))
    // However slow the machine, the file stays too new to be remembered.
    const written = Date.now()
    const storage = openStorage(directory.root, { now: () => written })
    const pass = crypto.randomUUID()
    await readSpans(storage, { grain: 12, pass })
    const before = await find(storage, { pass })
    expect(storage.counts().computed).toBe(1)
    expect(before[0]?.said).toMatchObject({
      digest: await hash(createNoise(2_000_000, 1)),
      evidence: 'remembered',
    })
    expect((await find(storage))[0]?.said).toMatchObject({ evidence: 'read' })
    expect((await find(storage, { pass, maxAge: 0 }))[0]?.said).toMatchObject({ evidence: 'read' })
    expect(storage.counts().computed).toBe(3)
    await directory.write('large', createNoise(2_000_000, 2))
    expect((await find(storage, { pass }))[0]?.said).toMatchObject({
      digest: await hash(createNoise(2_000_000, 2)),
    })
  })
})

/** Changes the index of the test's directory by a statement of SQL. */
function changeIndex(statement: string): void {
  const db = new DatabaseSync(toIndexFile(directory.indexPath, directory.root))
  db.exec(statement)
  db.close()
}

describe('a survey with an index', () => {
  it('hashes each file once, and counts the digests that were known', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `d${i % 7}/f${i}`)
    for (const name of names) await directory.write(name, toBytes(name))
    const known: (number | undefined)[] = []
    const computed: number[] = []
    for (const changes of [{ grain: 12 }, { grain: 4 }, {}, { maxAge: 0 }]) {
      const storage = openStorage(directory.root, { now: later, indexPath: directory.indexPath })
      const lines = await readLines(storage, changes)
      known.push(lines.findLast((line) => 'seen' in line)?.seen.remembered)
      await storage.close()
      computed.push(storage.counts().computed)
    }
    expect(known).toEqual([0, 300, 300, 0])
    expect(computed).toEqual([300, 0, 0, 300])
  })

  describe('of unchanged directories', () => {
    const names = Array.from({ length: 300 }, (_, i) => `d${i % 3}/f${i}`)

    function open() {
      return openStorage(directory.root, { now: later, indexPath: directory.indexPath })
    }

    /** The spans of a survey by itself, and what it counted. */
    async function read(storage = open()) {
      const lines = await readLines(storage, { grain: 4 })
      await storage.close()
      const { oldest, ...seen } = lines.findLast((line) => 'seen' in line)?.seen ?? {}
      return { spans: lines.filter((line) => 'last' in line), seen, oldest, ...storage.counts() }
    }

    beforeEach(async () => {
      for (const name of names) await directory.write(name, toBytes(name))
    })

    it.each([
      ['were hashed', 1],
      ['were found file by file', 2],
    ])('finds many files together that %s', async (_, surveys) => {
      for (let i = 0; i < surveys; i++) {
        // Of the first survey, only the rows.
        if (i === 1) changeIndex('DELETE FROM blocks')
        await read()
      }
      changeIndex('DELETE FROM readings')
      const { spans, ...counts } = await read()
      expect(counts).toMatchObject({ computed: 0, known: 300, seen: { names: 300, remembered: 300 } })
      expect(spans).toEqual((await read(openStorage(directory.root))).spans)
    })

    it('finds every change', async () => {
      await read()
      const of = (name: string) => join(directory.root, name)
      const changes: (() => unknown)[] = [
        () => directory.write('d0/f0', toBytes('d0/fX')),
        () => {
          const { atime, mtime } = statSync(of('d1/f1'))
          writeFileSync(of('d1/f1'), 'd1/fX')
          utimesSync(of('d1/f1'), atime, mtime)
        },
        () => rmSync(of('d2/f50')),
        () => directory.write('d1/new', toBytes('new')),
        () => renameSync(of('d0/f3'), of('d0/f6')),
        () => {
          rmSync(of('d2/f2'))
          mkdirSync(of('d2/f2'))
        },
        () => forge(directory, 'd0/f9', 'ab'.repeat(32)),
      ]
      let before = await read()
      for (const [i, change] of changes.entries()) {
        await change()
        const after = await read()
        expect(after.spans, `change ${i}`).not.toEqual(before.spans)
        // What is forged is in the index only.
        if (i < changes.length - 1)
          expect(after.spans, `change ${i}`).toEqual((await read(openStorage(directory.root))).spans)
        before = after
      }
    })

    it('knows how long ago the files were last read', async () => {
      const start = later()
      const at = (ms: number) =>
        openStorage(directory.root, { now: () => start + ms, indexPath: directory.indexPath })
      expect((await read(at(0))).oldest).toBe(0)
      expect((await read(at(60_000))).oldest).toBe(60)
      const deep = at(90_000)
      await readLines(deep, { maxAge: 0 })
      await deep.close()
      expect((await read(at(100_000))).oldest).toBe(10)
    })

    it('hashes files again that were read before the clock was set back', async () => {
      const start = later()
      const at = (ms: number) =>
        openStorage(directory.root, { now: () => start + ms, indexPath: directory.indexPath })
      await read(at(0))
      expect((await read(at(-60_000))).computed).toBe(300)
      await directory.write(names[0] ?? '', toBytes('another'))
      await read(at(60_000))
      expect((await read(at(0))).computed).toBe(1)
    })

    it('hashes files again that seem to be from the future', async () => {
      await read()
      const now = Date.now() - 3_600_000
      const { computed } = await read(
        openStorage(directory.root, { now: () => now, indexPath: directory.indexPath }),
      )
      expect(computed).toBe(300)
    })
  })

  it('hashes a file that was changed a moment ago, even if the index has its digest', async () => {
    await directory.write('a', toBytes('a'))
    forge(directory, 'a', 'ab'.repeat(32))
    const { ctimeMs } = await stat(join(directory.root, 'a'))
    const digests: unknown[] = []
    for (const ms of [1900, 60_000]) {
      const { indexPath } = directory
      const storage = openStorage(directory.root, { now: () => ctimeMs + ms, indexPath })
      digests.push((await find(storage))[0]?.said)
    }
    expect(digests).toMatchObject([{ digest: await hash(toBytes('a')) }, { digest: 'ab'.repeat(32) }])
  })

  it('returns smaller spans of one pass from the files that it saw', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `f${i}`)
    for (const name of names) await directory.write(name, toBytes(name))
    const storage = openStorage(directory.root)
    const [before, apart] = [await readSpans(storage, { grain: 4 }), await readSpans(storage, { grain: 8 })]
    const ranges = apart.map(({ last }, i) => ({ after: apart[i - 1]?.last ?? '', until: last })).slice(1)
    const pass = crypto.randomUUID()
    await readSpans(storage, { grain: 12, pass })
    await directory.write('f1', toBytes('changed'))
    expect(await readSpans(storage, { grain: 4, pass })).toEqual(before)
    expect(await readSpans(storage, { grain: 8, pass, ranges })).toEqual(apart.slice(1))
    // It reports each file's present content, and so does a survey without a pass.
    expect((await find(storage, { pass, prefix: 'f1' }))[0]).toMatchObject({ name: 'f1', said: { size: 7 } })
    expect(await readSpans(storage, { grain: 4 })).not.toEqual(before)
  })
})
