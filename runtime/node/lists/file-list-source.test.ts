import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ask, createRecording } from '../../../functions/storage/lists/lists.suite.ts'
import { expectTrouble } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { createTemporaryDirectory } from '../temporary-directory.suite.ts'
import { createFileListSource } from './file-list-source.ts'

vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  MAX_LIST_BYTES: 1000,
}))

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)] as const

let directory: ReturnType<typeof createTemporaryDirectory>
let path: string
beforeEach(() => {
  directory = createTemporaryDirectory()
  path = join(directory.path, 'SHA256SUMS')
})
afterEach(() => directory.remove())

function open(file = path) {
  return createRecording(createFileListSource(file))
}

it('a list is read from its file, with the time of the file', async () => {
  writeFileSync(path, `${A}  a\n`)
  utimesSync(path, 1_000_000, 1_000_000)
  const storage = open()
  expect(await ask(storage, ['a', 'b'])).toEqual([A, null])
  expect(await storage.readRecord()).toMatchObject({ names: 1, modified: 1_000_000_000 })
})

it('a list that is the same is not read again, whether or not it was changed a moment ago', async () => {
  const changing = createFileListSource(path)
  writeFileSync(path, `${A}  a\n`)
  const now = await changing.read(null)
  expect(await changing.read(now?.version ?? '')).toBeNull()

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  try {
    const source = createFileListSource(path)
    const first = await source.read(null)
    expect(first?.version).not.toBe(now?.version)
    expect(await source.read(first?.version ?? '')).toBeNull()
    expect(await source.read(null)).toMatchObject({ name: 'SHA256SUMS' })
  } finally {
    vi.useRealTimers()
  }
})

it('each change is seen at the next question, also one of the same size, time and moment', async () => {
  const storage = open()
  for (const digest of [A, B, A, B]) {
    writeFileSync(path, `${digest}  a\n`)
    utimesSync(path, 1_000_000, 1_000_000)
    expect(await ask(storage, ['a'])).toEqual([digest])
  }
  writeFileSync(`${path}.new`, `${A}  a\n`)
  renameSync(`${path}.new`, path)
  expect(await ask(storage, ['a'])).toEqual([A])
})

it('a list that is gone is unreachable, never empty', async () => {
  writeFileSync(path, `${A}  a\n`)
  const storage = open()
  expect(await ask(storage, ['a'])).toEqual([A])
  rmSync(path)
  await expectTrouble(storage.describe(['b'])[0], 'unreachable')
  await expectTrouble(storage.list(), 'unreachable')
  await expectTrouble(open(join(path, 'below')).list(), 'unreachable')
})

it('what is not a regular file is not read, and nothing waits for a FIFO', async () => {
  const fifo = join(directory.path, 'fifo')
  execFileSync('mkfifo', [fifo])
  await expectTrouble(open(fifo).list(), 'not-a-file')
  writeFileSync(path, `${A}  a\n`)
  const link = join(directory.path, 'link')
  symlinkSync(path, link)
  await expectTrouble(open(link).list(), 'not-a-file')
  await expectTrouble(open(directory.path).list(), 'not-a-file')
})

it('a list over the limit is refused in words', async () => {
  writeFileSync(path, `${A}  a\n`.repeat(20))
  await expect(open().list()).rejects.toThrow(/^the list has more than 1000 B; divide it by folders$/)
})

it('a manifest of a bag is read with the files beside it, and again when one of them changes', async () => {
  const bag = join(directory.path, 'bag')
  mkdirSync(bag)
  const write = (version: string) =>
    writeFileSync(join(bag, 'bagit.txt'), `BagIt-Version: ${version}\nTag-File-Character-Encoding: UTF-8\n`)
  writeFileSync(join(bag, 'manifest-sha256.txt'), `${A} data/a%25\n`)
  write('1.0')
  const storage = open(join(bag, 'manifest-sha256.txt'))
  expect(await ask(storage, ['data/a%'])).toEqual([A])
  write('0.97')
  expect(await ask(storage, ['data/a%', 'data/a%25'])).toEqual([null, A])
})
