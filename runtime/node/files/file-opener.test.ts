import {
  closeSync,
  createReadStream,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { createFileOpener } from './file-opener.ts'
import { resolvePlace } from './root.ts'

let scratch: string
let root: string
let opener: ReturnType<typeof createFileOpener>

beforeEach(() => {
  scratch = useTemporaryDirectory()
  root = join(scratch, 'root')
  for (const path of ['root/a/deep', 'elsewhere']) mkdirSync(join(scratch, path), { recursive: true })
  for (const path of ['root/top', 'root/a/one', 'root/a/two', 'root/a/deep/three', 'elsewhere/one'])
    writeFileSync(join(scratch, path), path)
  opener = createFileOpener(resolvePlace(root))
})

afterEach(() => opener.rest())

/** The content of the file; null for no file. */
async function read(name: string): Promise<string | null> {
  const file = opener.open(name)
  return file && (await text(createReadStream('', { fd: file.fd })))
}

it('opens files of any directory in any order', async () => {
  for (const name of ['a/one', 'a/two', 'top', 'a/deep/three', 'a/one', 'top']) {
    expect(await read(name)).toBe(`root/${name}`)
  }
})

it('treats anything else than a file as openFile does', () => {
  symlinkSync('one', join(root, 'a/link'))
  expect(opener.open('a/none')).toBeNull()
  expect(opener.open('none/one')).toBeNull()
  expect(opener.open('a/deep')).toBeNull()
  expect(opener.open('a/one/x')).toBeNull()
  expect(() => opener.open('a/link')).toThrow(expect.objectContaining({ code: 'not-a-file' }))
})

it('follows no link in place of a directory, nor one that appears there while it is idle', async () => {
  expect(await read('a/one')).toBe('root/a/one')
  opener.rest()
  renameSync(join(root, 'a'), join(scratch, 'away'))
  symlinkSync(join(scratch, 'elsewhere'), join(root, 'a'))
  expect(() => opener.open('a/one')).toThrow(expect.objectContaining({ code: 'not-a-file' }))
})

it('stays in the directory that it holds open when a link takes its place', async () => {
  expect(await read('a/one')).toBe('root/a/one')
  renameSync(join(root, 'a'), join(scratch, 'away'))
  symlinkSync(join(scratch, 'elsewhere'), join(root, 'a'))
  expect(await read('a/two')).toBe('root/a/two')
})

it('holds no descriptor while it is idle', () => {
  const before = readdirSync('/proc/self/fd').length
  for (const name of ['a/one', 'a/none', 'top', 'a/deep/three']) {
    const file = opener.open(name)
    if (file) closeSync(file.fd)
  }
  opener.rest()
  expect(readdirSync('/proc/self/fd').length).toBe(before)
})
