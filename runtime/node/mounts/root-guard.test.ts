import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import { acceptRoot, createRootGuard } from './root-guard.ts'

const ID = '00000000-0000-4000-8000-000000000000'

let directory: TestDirectory
let stored: Map<string, string>
let isFull: boolean

/** Writes succeed as long as the disk is not full. */
const memory = {
  readRoot: (path: string) => stored.get(path),
  writeRoot(path: string, text: string) {
    if (!isFull) stored.set(path, text)
  },
}

beforeEach(async () => {
  directory = await createTestDirectory()
  stored = new Map()
  isFull = false
})

afterEach(() => directory.close())

function mark(id = ID): void {
  mkdirSync(join(directory.root, '.vouch'), { recursive: true })
  writeFileSync(join(directory.root, '.vouch/replica'), `${id}\n`)
}

const unmark = () => rmSync(join(directory.root, '.vouch'), { recursive: true })

it('a root is checked against its last known state, even while the index is not writable and older', () => {
  const guard = createRootGuard(directory.root, memory)
  expect(guard.resolve().isMarked).toBe(false)
  isFull = true
  mark()
  expect(guard.resolve().isMarked).toBe(true)
  unmark()
  expect(guard.resolve).toThrow("its marker '.vouch/replica' is not there")
  // A new index does not remember the root.
  stored.clear()
  expect(guard.resolve).toThrow("its marker '.vouch/replica' is not there")
})

it('the state of a root is written once the index is writable', () => {
  const guard = createRootGuard(directory.root, memory)
  isFull = true
  mark()
  guard.resolve()
  expect(stored.size).toBe(0)
  isFull = false
  // A new marker of the same text, so that it is checked again.
  mark()
  guard.resolve()
  unmark()
  expect(createRootGuard(directory.root, memory).resolve).toThrow('is not there')
})

it('a root counts as what another process has accepted in its place', () => {
  const guard = createRootGuard(directory.root, memory)
  mark()
  guard.resolve()
  mark('11111111-1111-4111-8111-111111111111')
  expect(guard.resolve).toThrow("another replica's marker is there")
  acceptRoot(directory.root, memory)
  expect(guard.resolve().isMarked).toBe(true)
})

it('the modes of a file are not read when another directory took the place of the root', async () => {
  mark()
  await directory.write('a', new Uint8Array())
  const storage = openStorage(directory.root)
  expect(await storage.readModes?.('a')).toEqual([expect.any(Number)])
  renameSync(directory.root, `${directory.root}.away`)
  try {
    await directory.write('a', new Uint8Array())
    await expect(storage.readModes?.('a')).rejects.toMatchObject({ code: 'unreachable' })
  } finally {
    rmSync(directory.root, { recursive: true })
    renameSync(`${directory.root}.away`, directory.root)
  }
})
