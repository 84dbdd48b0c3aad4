import fs, { linkSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { expectTrouble, readBytes } from '../../../functions/storage/suite/suite-tools.suite.ts'
import { moveFile } from '../../../functions/storage/writable.ts'
import { patchBuiltin } from '../builtins.suite.ts'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'

let directory: TestDirectory
let storage: WritableStorage
let digest: string

beforeEach(async () => {
  directory = await createTestDirectory()
  storage = openStorage(directory.root, { writable: true })
  digest = await hash(toBytes('old'))
  await directory.write('dir/a', toBytes('old'))
})
afterEach(() => directory.close())

const at = (name: string) => join(directory.root, name)
const look = (name: string) => lstatSync(at(name), { bigint: true, throwIfNoEntry: false })
const move = (from: string, to: string, modes?: number[]) => moveFile(storage, from, to, { digest, modes })

describe('a move in a directory', () => {
  it('leaves the file as it is, and gives new directories the permissions that the caller names', async () => {
    await chmod(at('dir/a'), 0o4751)
    utimesSync(at('dir/a'), 1e9, 1e9 + 0.125)
    const before = look('dir/a')
    mkdirSync(at('there'), 0o755)
    await move('dir/a', 'there/new/b', [0o700, 0o750, 0o600])
    const after = look('there/new/b')
    for (const key of ['ino', 'mode', 'uid', 'gid', 'size', 'mtimeNs', 'nlink'] as const)
      expect(after?.[key]).toBe(before?.[key])
    expect([look('there'), look('there/new')].map((stats) => (stats?.mode ?? 0n) & 0o7777n)).toEqual([
      0o755n,
      0o750n,
    ])
    expect([look('dir/a'), look('dir')?.isDirectory()]).toEqual([undefined, true])
  })

  it('is completed where it was interrupted and the file has both names, not where another has', async () => {
    linkSync(at('dir/a'), at('b'))
    await move('dir/a', 'b')
    expect([look('dir/a'), look('b')?.nlink]).toEqual([undefined, 1n])
    await directory.write('twin', toBytes('old'))
    await expectTrouble(move('b', 'twin'), 'precondition')
    expect(look('b')).toBeDefined()
  })

  it('never follows a symbolic link', async () => {
    mkdirSync(at('real'))
    symlinkSync('dir/a', at('link'))
    symlinkSync('real', at('way'))
    symlinkSync('nowhere', at('loose'))
    for (const [from, to] of [
      ['link', 'x'],
      ['dir/a', 'way/x'],
    ] as const)
      await expectTrouble(move(from, to), 'not-a-file')
    await expectTrouble(move('dir/a', 'loose'), 'precondition')
    expect([look('x'), look('real/x'), look('nowhere'), look('dir/a')?.isFile()]).toEqual([
      ...[undefined, undefined, undefined],
      true,
    ])
  })

  /** Runs `run` right after the file has got its new name. */
  async function afterLink(run: () => void, work: () => Promise<void>): Promise<void> {
    let isDone = false
    const undo = patchBuiltin(fs, 'linkSync', (link) => (from, to) => {
      link(from, to)
      if (isDone) return
      isDone = true
      // Between the two sections under the write lock, which other programs do not know.
      queueMicrotask(run)
    })
    try {
      await work()
    } finally {
      undo()
    }
  }

  it('takes the new name back when the file is written to meanwhile', async () => {
    await afterLink(
      () => fs.writeFileSync(at('dir/a'), 'new'),
      () => expectTrouble(move('dir/a', 'b'), 'precondition'),
    )
    expect([look('b'), look('dir/a')?.nlink]).toEqual([undefined, 1n])
  })

  it('never removes the last name of a file that another program replaced or removed meanwhile', async () => {
    await afterLink(
      () => {
        rmSync(at('dir/a'))
        fs.writeFileSync(at('dir/a'), 'another')
      },
      () => expectTrouble(move('dir/a', 'b'), 'changed'),
    )
    expect(await readBytes(storage, 'b')).toEqual(toBytes('old'))
    expect(await readBytes(storage, 'dir/a')).toEqual(toBytes('another'))
    await afterLink(
      () => rmSync(at('b')),
      () => move('b', 'c'),
    )
    expect(await readBytes(storage, 'c')).toEqual(toBytes('old'))
  })
})
