import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  INDEX_RETRY_MS,
  MAX_INDEX_RETRY_MS,
  MAX_REMEMBERED_DIGESTS,
  MAX_UNWRITTEN_DIGESTS,
} from '../limits.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { type IndexFile, openIndexFile } from './index-file.ts'
import { removeIndex } from './index-table.ts'
import { createIndexWriter } from './index-writer.ts'

/** Only root may mount a file system that is full. */
const canMount = process.getuid?.() === 0
if (!canMount) console.warn('NOT TESTED without root: an index on a full disk')

let directory: string
let path: string
let clock: number
let notices: string[]
let available: boolean | undefined
beforeEach(() => {
  directory = useTemporaryDirectory()
  path = join(directory, 'index.sqlite')
  clock = 0
  notices = []
  available = undefined
})

function open(at = path): IndexFile {
  const index = openIndexFile(
    at,
    ({ isAvailable, notice }) => {
      available = isAvailable
      if (notice !== null) notices.push(notice)
    },
    { now: () => clock },
  )
  onTestFinished(() => index.close())
  return index
}

const toRow = (name: string) => ({ name, identity: `of ${name}`, digest: 'ab'.repeat(32), readAt: 1 })
const readNames = (index: IndexFile) => index.readPage('', 100)?.map(({ name }) => name)

/** The names that another process would find. */
function readAgain(at = path): string[] | undefined {
  const index = openIndexFile(at, () => {})
  try {
    return readNames(index)
  } finally {
    index.close()
  }
}

describe('a block of an index', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const toBlock = (first: string, last = first) => ({ first, last, data: bytes })
  const blocks = [toBlock('b', 'd'), toBlock('f', 'g'), toBlock('k')]
  const readBlocks = (index: IndexFile) =>
    [...'abcdefghijkl'].filter((first) => index.readBlock(first) !== undefined)

  /** An index with rows and blocks. */
  function fill(): IndexFile {
    const index = open()
    index.write(['b', 'c', 'f', 'g', 'k'].map(toRow))
    index.writeBlocks(blocks, index.readEpoch() ?? 0)
    expect(index.readBlock('f')).toEqual(bytes)
    expect(index.readBlock('g')).toBeUndefined()
    return index
  }

  it('is gone once one of its files has another row', () => {
    const index = fill()
    index.write([toRow('a'), toRow('d'), { ...toRow('g'), readAt: 2 }])
    expect(readBlocks(index)).toEqual(['b', 'k'])
    index.write([{ ...toRow('b'), identity: 'of another' }])
    expect(readBlocks(index)).toEqual(['k'])
  })

  it('is gone with all others once a digest changes and its identity does not', () => {
    const index = fill()
    const before = index.readEpoch() ?? 0
    index.write([{ ...toRow('g'), digest: 'cd'.repeat(32) }])
    expect(readBlocks(index)).toEqual([])
    // Made of rows that were read before.
    index.writeBlocks(blocks, before)
    expect(readBlocks(index)).toEqual([])
    index.writeBlocks(blocks, index.readEpoch() ?? 0)
    expect(readBlocks(index)).toEqual(['b', 'f', 'k'])
  })

  it('is left where a file of no block has another row', () => {
    const index = fill()
    index.write([toRow('e')])
    index.write([{ ...toRow('e'), readAt: 2 }])
    expect(readBlocks(index)).toEqual(['b', 'f', 'k'])
  })

  it('takes the place of those that have a file of its own', () => {
    const index = fill()
    index.writeBlocks([toBlock('c', 'e'), toBlock('g', 'l')], index.readEpoch() ?? 0)
    expect(readBlocks(index)).toEqual(['c', 'g'])
  })

  it('of an index that was removed does not count in the new one', () => {
    const index = fill()
    const before = index.readEpoch() ?? 0
    index.close()
    removeIndex(path)
    const created = open()
    created.write([toRow('x')])
    created.writeBlocks(blocks, before)
    expect(readBlocks(created)).toEqual([])
  })

  it('is not left when a vouch of the version before finds that a file has rotted', () => {
    const index = fill()
    // It knows the table of its own version, and creates it in a file of another one.
    const before = new DatabaseSync(path)
    before.exec('DROP TABLE IF EXISTS files; CREATE TABLE files (name BLOB PRIMARY KEY, digest BLOB)')
    before.exec("INSERT OR REPLACE INTO files VALUES (CAST('g' AS BLOB), x'cd'); PRAGMA user_version = 5")
    before.close()
    index.write([{ ...toRow('g'), digest: 'cd'.repeat(32) }])
    expect(readBlocks(index)).toEqual([])
    index.close()
    expect(readBlocks(open())).toEqual([])
  })

  it('is not written while another process locks the index', () => {
    const index = fill()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    index.writeBlocks([toBlock('z')], index.readEpoch() ?? 0)
    other.close()
    expect([index.readBlock('z'), index.readBlock('b')]).toEqual([undefined, bytes])
  })
})

describe('an index that is unavailable for a while', () => {
  it('because another process locks it accepts writes again, and reports both', () => {
    const index = open()
    expect([index.write([toRow('a')]), available, notices]).toEqual([true, true, []])
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    expect([index.write([toRow('b')]), available]).toEqual([false, false])
    expect(notices.splice(0)).toEqual([expect.stringMatching(/cannot be used \(database is locked\)/)])
    expect(readNames(index)).toEqual(['a'])
    other.close()
    clock = INDEX_RETRY_MS
    expect([index.write([toRow('b')]), available]).toEqual([true, true])
    expect(notices).toEqual([expect.stringContaining('can be used again')])
    expect(readAgain()).toEqual(['a', 'b'])
  })

  it('is not written to for a root during its pause', () => {
    const index = open()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    index.write([toRow('a')])
    clock = INDEX_RETRY_MS - 1
    index.writeRoot('/root', 'text')
    other.close()
    clock = INDEX_RETRY_MS
    expect([index.write([toRow('a')]), available]).toEqual([true, true])
    index.writeRoot('/root', 'text')
    expect(index.readRoot('/root')).toBe('text')
  })

  it('because it is locked is opened later', () => {
    const first = open()
    first.write([toRow('a')])
    first.close()
    const other = new DatabaseSync(path)
    other.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    const index = open()
    expect([readNames(index), available]).toEqual([undefined, false])
    other.close()
    clock = INDEX_RETRY_MS
    expect([readNames(index), available]).toEqual([['a'], true])
  })

  it('is retried after pauses that double up to a limit', () => {
    const parent = join(directory, 'parent')
    writeFileSync(parent, '')
    const index = open(join(parent, 'index.sqlite'))
    expect([available, notices.length]).toEqual([false, 1])
    for (let pause = INDEX_RETRY_MS, at = pause; at < 10 * MAX_INDEX_RETRY_MS; at += pause) {
      clock = at - 1
      rmSync(parent)
      expect(index.write([toRow('a')])).toBe(false)
      writeFileSync(parent, '')
      clock = at
      expect(index.write([toRow('a')])).toBe(false)
      pause = Math.min(2 * pause, MAX_INDEX_RETRY_MS)
    }
    expect([available, notices.length]).toEqual([false, 1])
    clock += MAX_INDEX_RETRY_MS
    rmSync(parent)
    expect([index.write([toRow('a')]), available, notices.length]).toEqual([true, true, 2])
  })

  it.skipIf(!canMount)(
    'because the disk is full can still be read, and accepts writes once there is room',
    () => {
      const disk = join(directory, 'disk')
      mkdirSync(disk)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk])
      try {
        const at = join(disk, 'index.sqlite')
        const index = openIndexFile(at, ({ isAvailable }) => (available = isAvailable), { now: () => clock })
        try {
          expect(index.write([toRow('a')])).toBe(true)
          writeFileSync(
            join(disk, 'ballast'),
            new Uint8Array(statfsSync(disk).bavail * statfsSync(disk).bsize),
          )
          const many = Array.from({ length: 500 }, (_, i) => toRow(`b${i}`))
          expect([index.write(many), available, readNames(index)]).toEqual([false, false, ['a']])
          clock += INDEX_RETRY_MS
          expect([index.write(many), available, readNames(index)]).toEqual([false, false, ['a']])
          rmSync(join(disk, 'ballast'))
          clock += 2 * INDEX_RETRY_MS
          expect([index.write(many), available]).toEqual([true, true])
          expect(readAgain(at)).toHaveLength(100)
        } finally {
          index.close()
        }
      } finally {
        execFileSync('umount', ['-l', disk])
      }
    },
  )
})

describe('an index whose file', () => {
  it.each([
    ['was removed', () => rmSync(path)],
    ['was removed with its side files', () => ['', '-wal', '-shm'].map((end) => rmSync(path + end))],
    ['was removed with its directory', () => rmSync(directory, { recursive: true })],
    ['was renamed', () => renameSync(path, `${path}.aside`)],
  ])('%s writes to a new one', (_how, remove) => {
    const index = open()
    index.write([toRow('a')])
    remove()
    expect(index.write([toRow('b')])).toBe(true)
    expect([readAgain(), available, notices]).toEqual([['b'], true, []])
  })

  it('is damaged twice starts over twice', () => {
    const index = open()
    for (const name of ['a', 'b']) {
      expect(index.write([toRow(name)])).toBe(true)
      const other = new DatabaseSync(path)
      other.exec('DROP TABLE readings')
      other.close()
      expect(readNames(index)).toBeUndefined()
      expect(notices.splice(0)).toEqual([expect.stringContaining('was damaged and starts over')])
    }
    expect([index.write([toRow('c')]), readAgain()]).toEqual([true, ['c']])
  })

  it('is damaged, and was replaced by another process since, is not removed again', () => {
    const index = open()
    index.write([toRow('a')])
    const other = new DatabaseSync(path)
    other.exec('DROP TABLE readings')
    other.close()
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    const replacing = openIndexFile(path, () => {})
    replacing.write([toRow('b')])
    replacing.close()
    expect(readNames(index)).toBeUndefined()
    expect([readNames(index), notices]).toEqual([['b'], []])
  })
})

describe('rows for an index that is unavailable', () => {
  it('are found by name, and all written once it is available', async () => {
    let isOpen = false
    const written: string[] = []
    const writer = createIndexWriter({
      write(rows) {
        if (isOpen) written.push(...rows.map(({ name }) => name))
        return isOpen
      },
    })
    const names = Array.from({ length: 3 * MAX_UNWRITTEN_DIGESTS }, (_, i) => `${i}`)
    for (const name of names) writer.add(toRow(name))
    expect(writer.find('0')).toEqual(toRow('0'))
    writer.flush()
    expect(written).toEqual([])
    isOpen = true
    writer.close()
    expect(written).toEqual(names)
  })

  it('are tried once for each pause, not for each row', () => {
    let asked = 0
    const writer = createIndexWriter({
      write() {
        asked++
        return false
      },
    })
    for (let i = 0; i < 3 * MAX_UNWRITTEN_DIGESTS; i++) writer.add(toRow(`${i}`))
    expect(asked).toBe(1)
    writer.close()
  })

  it('number at most the remembered digests', () => {
    const writer = createIndexWriter({ write: () => false })
    for (let i = 0; i <= MAX_REMEMBERED_DIGESTS; i++) writer.add(toRow(`${i}`))
    expect([writer.find('0'), writer.find('1')]).toEqual([undefined, toRow('1')])
    writer.close()
  })
})
