import { chmodSync, linkSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { hasSharedMemory, isTmpfs, SHARED_MEMORY } from '../../node/mounts/shared-memory.suite.ts'
import { createStageWith, startCoordinator } from '../stage.suite.ts'
import { createFolder } from './folder.ts'

function createPaths(platform: NodeJS.Platform, directory = 'out') {
  return createFolder({ directory, names: [], replicas: [], platform }, { cwd: '/' })
}

test('a name keeps its folders below the directory, and a version its name', () => {
  const linux = createPaths('linux', 'out/')
  expect(linux.toPath('a/b c/d.tar.gz')).toBe('out/a/b c/d.tar.gz')
  expect(linux.toVersionPath('a/d.tar.gz', 'vm1')).toBe('out/a/d.tar.vm1_version.gz')
  expect(linux.toVersionPath('a/none', 'vm1')).toBe('out/a/none.vm1_version')
  expect(linux.toVersionPath('.hidden', 'vm1')).toBe('out/.hidden.vm1_version')
  expect(createPaths('linux', '.').toPath('a/b')).toBe('a/b')
  expect(createPaths('linux', '/srv').toPath('a/b')).toBe('/srv/a/b')
})

test('each segment is made valid for Windows, only on Windows', () => {
  expect(createPaths('win32').toPath('C:/nul/a..b/x ')).toBe('out/C_/_nul/a..b/x_')
  expect(createPaths('linux').toPath('C:/nul')).toBe('out/C:/nul')
  expect(createPaths('win32').toVersionPath('a:b.x:y', 'i')).toBe('out/a_b.i_version.x_y')
})

test('the name of a version is cut to the longest file name, in whole characters', () => {
  const path = createPaths('linux').toVersionPath(`${'é'.repeat(120)}.txt`, 'a'.repeat(64))
  expect(path).toMatch(/^out\/é+\.a{64}_version\.txt$/)
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(255 + 4)
  expect(Buffer.byteLength(path)).toBeGreaterThan(253 + 4)
})

test('two versions, or a version and a file, never have one path, not even in another case', () => {
  const folder = createFolder({ directory: 'out', names: ['A.X_VERSION.txt'], replicas: [] }, { cwd: '/' })
  expect(() => folder.toVersionPath('a.txt', 'x')).toThrow('needed for another file too')
  expect(folder.toVersionPath('b.txt', 'x')).toBe(folder.toVersionPath('b.txt', 'x'))
  expect(() => folder.toVersionPath('B.txt', 'x')).toThrow('get this one by itself')
})

test('of names that a file system keeps as one file only the first is written', async () => {
  // Two links to one file look as one does on a file system that ignores case.
  const stage = createStageWith({ name: 'same' })
  linkSync(join(stage.cwd, 'name'), join(stage.cwd, 'NAME'))
  const replica = createMemoryStorage({ name: 'same', NAME: 'other', Name: 'third' })
  const coordinator = await startCoordinator({ replica })
  const { status, stderr } = await stage.run(['get', 'name', 'NAME', 'Name', ...coordinator])
  expect([status, stderr]).toEqual([
    2,
    "error: NAME: this directory has one file for it and for 'name', which was written; get it by itself\n" +
      '3 files, 5 B received: 2 on one replica, compared with nothing, 1 not received; 1 already there\n',
  ])
  expect([stage.read('NAME'), stage.read('Name')]).toEqual(['same', 'third'])
})

test('a file that is replaced keeps its permissions', async () => {
  const stage = createStageWith({ 'd/x': 'before' })
  const path = join(stage.cwd, 'd/x')
  chmodSync(path, 0o640)
  const coordinator = await startCoordinator({ a: createMemoryStorage({ 'd/x': 'after', 'd/y': 'new' }) })
  expect(await stage.run(['get', 'd/', ...coordinator])).toMatchObject({ status: 0 })
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['after', 0o640])
  expect(statSync(join(stage.cwd, 'd/y')).mode & 0o777).toBe(0o666 & ~process.umask())
})

if (!hasSharedMemory)
  console.warn(`NOT TESTED without tmpfs at ${SHARED_MEMORY}: downloads to a file system in memory`)

test.each([tmpdir(), ...(hasSharedMemory ? [SHARED_MEMORY] : [])])(
  'after many files the file system is written to its disk, if it has one: %s',
  async (parent) => {
    const output = mkdtempSync(join(parent, 'vouch-output-'))
    onTestFinished(() => rmSync(output, { recursive: true }))
    const stage = createStageWith({})
    writeFileSync(join(stage.cwd, 'sync'), `#!/bin/sh\necho "$@" >${join(stage.cwd, 'called')}\n`, {
      mode: 0o755,
    })
    vi.stubEnv('PATH', [stage.cwd, process.env['PATH']].join(delimiter))
    onTestFinished(() => void vi.unstubAllEnvs())
    const names = Array.from({ length: 20 }, (_, i) => `d/${i}`)
    const replica = createMemoryStorage(Object.fromEntries(names.map((name) => [name, name])))
    const coordinator = await startCoordinator({ replica })
    expect(await stage.run(['get', 'd/', '-o', output, ...coordinator])).toMatchObject({ status: 0 })
    expect(readFileSync(join(output, 'd/19'), 'utf8')).toBe('d/19')
    expect(stage.files().includes('called')).toBe(!isTmpfs(output))
  },
)
