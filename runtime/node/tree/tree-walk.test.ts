import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { encodeBytes } from '../../../functions/storage/byte-names.ts'
import { createSelect } from '../../../functions/storage/survey/globs.ts'
import type { Range } from '../../../functions/storage/survey/survey.ts'
import { mayBeFile } from '../../../functions/wire/passed.ts'
import {
  asNobody,
  countDescriptors,
  createTestDirectory,
  type TestDirectory,
} from '../directory-setup.suite.ts'
import { type Place, resolvePlace } from '../files/root.ts'
import { ENTRIES_PER_LOOK } from '../limits.ts'
import { createEntryMemory, type EntryMemory } from './entry-memory.ts'
import { listNaively, make, toNames, toPath, touch, tree } from './random-tree.suite.ts'
import { type Course, type Met, readEntry, walkTree } from './tree-walk.ts'

// So few that every directory of more than a handful of entries is read in several goes.
vi.mock('../limits.ts', async (load) => ({
  ...(await load<typeof import('../limits.ts')>()),
  MAX_DIRECTORY_ENTRIES: 3,
  MIN_REMEMBERED_ENTRIES: 1,
}))

const WHOLE: readonly Range[] = [{ after: '', until: null }]

let directory: TestDirectory
let place: Place
beforeEach(async () => {
  directory = await createTestDirectory()
  place = resolvePlace(directory.root)
})
afterEach(() => directory.close())

function walk(course: Partial<Course> = {}, at = place): Met[] {
  return toMet(walkTree(at, { ranges: WHOLE, prefix: '', isWanted: () => true, ...course }))
}

function toMet(walk: Iterable<Met | null>): Met[] {
  return [...walk].filter((met) => met !== null)
}

/** The names of the existing files, as a listing returns them. */
function list(course: Partial<Course> = {}, at = place): string[] {
  return walk(course, at).flatMap((met) => readEntry(at, met)?.name ?? [])
}

describe('a walk through a tree', () => {
  it('visits each regular file once, valid names in byte order, in any order of reading directories', async () => {
    const bound = fc.constantFrom(
      '',
      'a',
      'a/',
      'a/b',
      'a0',
      'b',
      'b/c',
      'd/zz',
      'é',
      '\uffff',
      '\u{1f600}',
      'zz',
    )
    const course = fc.record({
      bounds: fc.uniqueArray(bound, { maxLength: 5 }),
      toEnd: fc.boolean(),
      prefix: fc.constantFrom('', '', '', 'a', 'a/', 'a/b', 'b/a/', 'é', 'x'),
      match: fc.constantFrom([], [], ['a'], ['a/'], ['**/b/**']),
    })
    const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
    await fc.assert(
      fc.asyncProperty(tree, fc.array(course, { minLength: 1, maxLength: 5 }), async (tree, courses) => {
        const one = await createTestDirectory()
        try {
          make(one.root, tree)
          const place = resolvePlace(one.root)
          const names = toNames(listNaively(one.root))
          expect(list({}, place)).toEqual(names)
          const passed = walk({}, place).filter(({ passed }) => passed !== undefined && mayBeFile(passed))
          const isOwn = (path: Buffer) => path.toString('latin1').startsWith('.vouch/')
          const others = listNaively(one.root).filter((path) => !isOwn(path))
          expect(passed.length + names.length).toBe(others.length)
          const bytes = passed.map(({ name }) => Buffer.from(encodeBytes(name)).toString('hex'))
          expect(new Set(bytes).size).toBe(bytes.length)
          for (const one of bytes) expect(others.map((path) => path.toString('hex'))).toContain(one)
          for (const { bounds, toEnd, prefix, match } of courses) {
            const isWanted = createSelect({ match, exclude: [] })
            const sorted = bounds.sort(compareBytes)
            const pairs = sorted.flatMap((after, i) =>
              i % 2 === 0 ? [{ after, until: sorted[i + 1] ?? null }] : [],
            )
            const ranges = pairs.filter(({ until }) => until !== null || toEnd)
            const isIn = (name: string) =>
              ranges.some(
                ({ after, until }) =>
                  compareBytes(name, after) > 0 && (until === null || compareBytes(name, until) <= 0),
              )
            const wanted = names.filter((name) => isIn(name) && name.startsWith(prefix) && isWanted(name))
            expect(list({ ranges, prefix, isWanted }, place)).toEqual(wanted)
          }
        } finally {
          await one.close()
        }
      }),
      { numRuns: 150 },
    )
  })

  it('orders by the bytes of whole names, not by UTF-16 or by directories', () => {
    const names = [
      'a-',
      'a.',
      'a/x',
      'a0',
      'b/-',
      'b/\ud7ff',
      'b/\ue000',
      'b/\uffff/x',
      'b/\u{10000}',
      'b/\u{10ffff}/x',
    ]
    for (const name of names.toReversed()) {
      mkdirSync(dirname(join(directory.root, name)), { recursive: true })
      touch(join(directory.root, name))
    }
    expect(list()).toEqual(names)
  })

  it('skips a link, FIFO or socket, and everything behind a link', async () => {
    mkdirSync(join(directory.root, 'dir/deep'), { recursive: true })
    touch(join(directory.root, 'dir/deep/file'))
    for (const [name, target] of [
      ['to-file', 'dir/deep/file'],
      ['to-dir', 'dir'],
      ['loop', '.'],
      ['none', 'x'],
    ]) {
      symlinkSync(target ?? '', join(directory.root, name ?? ''))
    }
    execFileSync('mkfifo', [join(directory.root, 'fifo')])
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(directory.root, 'socket'), resolve))
    try {
      expect(walk()).toEqual([
        { name: 'dir/deep/file' },
        { name: 'fifo', passed: 'fifo' },
        ...['loop', 'none'].map((name) => ({ name, passed: 'link' })),
        { name: 'socket', passed: 'socket' },
        ...['to-dir', 'to-file'].map((name) => ({ name, passed: 'link' })),
      ])
      expect(list()).toEqual(['dir/deep/file'])
    } finally {
      server.close()
    }
  })

  it("skips '.vouch' only at the root", () => {
    for (const path of ['.vouch/tmp', 'a/.vouch', '.vouchx'])
      mkdirSync(join(directory.root, path), { recursive: true })
    for (const path of ['.vouch/tmp/x', 'a/.vouch/x', '.vouchx/x']) touch(join(directory.root, path))
    expect(list()).toEqual(['.vouchx/x', 'a/.vouch/x'])
  })

  it('visits a name once, and distinguishes it from names that are not UTF-8 and look the same', () => {
    for (const hex of ['61ff', '61fe', '61efbfbd']) touch(toPath(directory.root, Buffer.from(hex, 'hex')))
    const others = ['a\udcfe', 'a\udcff'].map((name) => ({ name, passed: 'not-utf-8' }))
    expect(walk()).toEqual([{ name: 'a\ufffd' }, ...others])
    expect(list()).toEqual(['a\ufffd'])
    rmSync(toPath(directory.root, Buffer.from('a\ufffd')))
    expect(list()).toEqual([])
  })

  it('enters a directory without a valid name, and skips each file in it', () => {
    for (const hex of ['64ff', '645c65']) {
      const path = toPath(directory.root, Buffer.from(hex, 'hex'))
      mkdirSync(Buffer.concat([path, Buffer.from('/sub')]), { recursive: true })
      for (const name of ['/1', '/sub/2']) touch(Buffer.concat([path, Buffer.from(name)]))
    }
    mkdirSync(join(directory.root, 'empty\\'))
    expect(walk()).toEqual([
      ...['d\\e/1', 'd\\e/sub/2'].map((name) => ({ name, passed: 'backslash' })),
      ...['d\udcff/1', 'd\udcff/sub/2'].map((name) => ({ name, passed: 'not-utf-8' })),
    ])
  })

  it('skips an unreadable directory without a valid name', async () => {
    mkdirSync(join(directory.root, 'd\\'), { mode: 0 })
    chmodSync(directory.root, 0o755)
    await asNobody(async () => expect(walk()).toEqual([{ name: 'd\\/', passed: 'backslash' }]))
  })

  it('skips paths longer than any name, and longer than any system call accepts', () => {
    const deep = Array.from({ length: 22 }, () => 'x'.repeat(200))
    const script =
      'import os,sys\nos.chdir(sys.argv[1])\nfor d in sys.argv[2:]:\n os.mkdir(d); os.chdir(d)\nopen("f","w").close()'
    execFileSync('python3', ['-c', script, directory.root, ...deep])
    // A path of more than 4,095 bytes cannot be opened.
    const met = walk()
    // Node cannot remove it either.
    execFileSync('rm', ['-rf', join(directory.root, deep[0] ?? '')])
    expect(met).toEqual([{ name: expect.stringMatching(/^(x{200}\/){20,}$/), passed: 'name-too-long' }])
  })

  it('skips paths longer than any name', () => {
    const deep = Array.from({ length: 5 }, () => 'x'.repeat(204))
    const path = join(directory.root, ...deep.slice(0, 4))
    mkdirSync(join(path, 'x'.repeat(203), 'y'), { recursive: true })
    // 4 × 205 + 204 is the maximum: 1,024.
    for (const name of ['x'.repeat(204), 'z'.repeat(205), `${'x'.repeat(203)}/y`]) {
      if (!name.includes('/')) touch(join(path, name))
    }
    expect(list().map((name) => name.length)).toEqual([1024])
    const passed = walk().filter(({ passed }) => passed !== undefined)
    expect(passed).toEqual([{ name: expect.stringMatching(/z{205}$/), passed: 'name-too-long' }])
  })

  it('reads no directory without a wanted name', () => {
    for (const path of ['a/b', 'c/d']) {
      mkdirSync(join(directory.root, path), { recursive: true })
      touch(join(directory.root, path, 'x'))
    }
    const read: string[] = []
    const isPath = (key: string) => {
      read.push(key)
      return true
    }
    expect(list({ prefix: 'a/b/', isPath })).toEqual(['a/b/x'])
    expect(list({ ranges: [{ after: 'b', until: null }], isPath })).toEqual(['c/d/x'])
    expect(read.filter((key) => key.startsWith('c/')).length).toBe(
      read.filter((key) => key === 'c/').length + 2,
    )
  })

  it('keeps one directory open at a time, and none when it is closed', async () => {
    mkdirSync(join(directory.root, 'a/b/c/d'), { recursive: true })
    for (const path of ['a/1', 'a/b/1', 'a/b/c/1', 'a/b/c/d/1']) touch(join(directory.root, path))
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => true })
    const before = await countDescriptors()
    for (const met of walk) if (met !== null) expect(await countDescriptors()).toBe(before)
  })

  it('that is closed within a directory closes that too', async () => {
    // More than are read in one call.
    for (let i = 0; i < 1000; i++) touch(join(directory.root, `f${i}`.padEnd(100, 'x')))
    const before = await countDescriptors()
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => true })
    expect(walk.next().value).toBeNull()
    // One descriptor to verify the location, and one to read the entries.
    expect(await countDescriptors()).toBe(before + 2)
    walk.return(null)
    expect(await countDescriptors()).toBe(before)
  })

  it('lets its caller check the clock after every few entries, skipped ones included', () => {
    for (let i = 0; i < 10 * ENTRIES_PER_LOOK; i++) touch(join(directory.root, `f${i}`))
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => false })
    expect([...walk].length).toBeGreaterThanOrEqual(10)
  })
})

describe('a walk that remembers entries', () => {
  const names = Array.from({ length: 12 }, (_, i) => `large/f${String(i).padStart(2, '0')}`)
  beforeEach(() => {
    mkdirSync(join(directory.root, 'large'))
    for (const name of names) touch(join(directory.root, name))
    // Directories that were unchanged for long enough.
    vi.spyOn(Date, 'now').mockReturnValue(performance.timeOrigin + performance.now() + 60_000)
  })
  afterEach(() => void vi.restoreAllMocks())

  /** The names after one, a few of them, and how many entries of `large` were read for them. */
  function page(memory: EntryMemory, after: string, changes: Partial<Course> = {}) {
    let read = 0
    const isPath = (key: string) => {
      if (key.startsWith('large/f')) read++
      return true
    }
    const course = { ranges: [{ after, until: null }], isPath, memory, room: 8, ...changes }
    return { names: list(course).slice(0, 3), read }
  }

  it('reads a directory once for all the pages that it caches', () => {
    const memory = createEntryMemory()
    let [after, read, pages] = ['', 0, 0]
    const seen: string[] = []
    for (let one = page(memory, after); one.names.length > 0; one = page(memory, after)) {
      after = one.names.at(-1) ?? ''
      read += one.read
      pages++
      seen.push(...one.names)
    }
    expect(seen).toEqual(names)
    expect(pages).toBe(4)
    expect(read).toBeLessThan(4 * names.length)
    expect(page(memory, 'large/f09').read).toBe(0)
  })

  it('reads it again when it changed, for a page before the cached entries, or for another prefix', () => {
    const memory = createEntryMemory()
    page(memory, 'large/f05')
    expect(page(memory, 'large/f06').read).toBe(0)
    touch(join(directory.root, 'large/f06-new'))
    expect(page(memory, 'large/f06').names[0]).toBe('large/f06-new')
    expect(page(memory, 'large/f03')).toMatchObject({ names: names.slice(4, 7), read: expect.any(Number) })
    expect(page(memory, '', { prefix: 'large/f1' }).names).toEqual(['large/f10', 'large/f11'])
    rmSync(join(directory.root, 'large/f11'))
    expect(page(memory, '', { prefix: 'large/f1' }).names).toEqual(['large/f10'])
  })

  it('distinguishes the paths of two roots that lead to the same directory', () => {
    const memory = createEntryMemory()
    expect(page(memory, '').names).toEqual(names.slice(0, 3))
    const within = { ...place, path: join(place.path, 'large') }
    const course = { ranges: WHOLE, prefix: '', isWanted: () => true, memory }
    const met = toMet(walkTree(within, course)).map(({ name }) => `large/${name}`)
    expect(met).toEqual(names)
  })

  it('does not cache a directory that was changed a moment ago', () => {
    vi.restoreAllMocks()
    const memory = createEntryMemory()
    page(memory, '')
    expect(page(memory, '').read).toBeGreaterThan(0)
  })
})

it('a file that disappeared with its file system is an error, not skipped', () => {
  const at = { ...place, mounts: new Set(['photos']) }
  expect(readEntry(at, { name: 'a' })).toBeNull()
  expect(() => readEntry(at, { name: 'photos/a' })).toThrow("mounted at 'photos' is not mounted")
})

describe('while a walk is under way', () => {
  function start() {
    for (const path of ['a', 'b', 'c/d']) mkdirSync(join(directory.root, path), { recursive: true })
    for (const path of ['a/1', 'b/1', 'b/2', 'c/d/1', 'e']) touch(join(directory.root, path))
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => true })
    expect(next(walk)).toEqual({ name: 'a/1' })
    return walk
  }

  const toRest = (walk: Iterable<Met | null>) => toMet(walk).map(({ name }) => name)

  function next(walk: Generator<Met | null>): Met | undefined {
    for (const met of { [Symbol.iterator]: () => ({ next: () => walk.next() }) }) if (met !== null) return met
    return undefined
  }

  it('a directory that becomes a link is not followed', async () => {
    const walk = start()
    const outside = await createTestDirectory()
    try {
      touch(join(outside.root, 'secret'))
      renameSync(join(directory.root, 'b'), join(directory.root, 'z'))
      symlinkSync(outside.root, join(directory.root, 'b'))
      renameSync(join(directory.root, 'c'), join(directory.root, 'y'))
      symlinkSync('y', join(directory.root, 'c'))
      expect(toRest(walk)).toEqual(['e'])
    } finally {
      await outside.close()
    }
  })

  it('a parent of the next directory that becomes a link is not followed', async () => {
    mkdirSync(join(directory.root, 'p/q'), { recursive: true })
    for (const path of ['p/a', 'p/q/1', 'z']) touch(join(directory.root, path))
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => true })
    expect(next(walk)).toEqual({ name: 'p/a' })
    renameSync(join(directory.root, 'p'), join(directory.root, 'moved'))
    symlinkSync('moved', join(directory.root, 'p'))
    expect(toRest(walk)).toEqual(['z'])
  })

  it('a directory may be removed, and the remaining entries are visited', () => {
    const walk = start()
    rmSync(join(directory.root, 'b'), { recursive: true })
    expect(toRest(walk)).toEqual(['c/d/1', 'e'])
  })

  it('the root may be removed, and the entries read before are visited', () => {
    const walk = start()
    rmSync(directory.root, { recursive: true })
    expect(toRest(walk)).toEqual(['e'])
  })

  it('every file that stays is visited once while others come and go in its directory', () => {
    const names = Array.from({ length: 20 }, (_, i) => `f${String(i).padStart(2, '0')}`)
    for (const name of names) touch(join(directory.root, name))
    const walk = walkTree(place, { ranges: WHOLE, prefix: '', isWanted: () => true })
    const met: string[] = []
    for (const one of walk) {
      if (one === null) continue
      const { name } = one
      met.push(name)
      const nth = met.length
      if (nth > 20) continue
      touch(join(directory.root, `f${String(nth).padStart(2, '0')}-new`))
      rmSync(join(directory.root, `f${String((nth * 7) % 20).padStart(2, '0')}-new`), { force: true })
      linkSync(join(directory.root, name), join(directory.root, `aaa${nth}`))
    }
    expect(met.filter((name) => names.includes(name))).toEqual(names)
    expect(new Set(met).size).toBe(met.length)
    expect(met.some((name) => name.startsWith('aaa'))).toBe(false)
  })
})
