import * as fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createTestDirectory, type TestDirectory } from '../directory-setup.suite.ts'
import { resolvePlace } from '../files/root.ts'

vi.mock('node:fs', async (load) => {
  const real = await load<typeof fs>()
  return { ...real, statfsSync: vi.fn(real.statfsSync), readdirSync: vi.fn(real.readdirSync) }
})

let directory: TestDirectory
beforeEach(async () => {
  directory = await createTestDirectory()
})
afterEach(async () => {
  vi.mocked(fs.statfsSync).mockReset()
  vi.mocked(fs.readdirSync).mockReset()
  await directory.close()
})

function write(...names: readonly string[]): void {
  for (const name of names) {
    fs.mkdirSync(join(directory.root, name, '..'), { recursive: true })
    fs.writeFileSync(join(directory.root, name), 'x')
  }
}

/** The names that a walk finds which has asked no device for its file system before. */
async function walk(): Promise<string[]> {
  vi.resetModules()
  const { walkTree } = await import('./tree-walk.ts')
  const course = { ranges: [{ after: '', until: null }], prefix: '', isWanted: () => true }
  return [...walkTree(resolvePlace(directory.root), course)].flatMap((met) => met?.name ?? [])
}

function fail(code: string) {
  return () => {
    throw Object.assign(new Error(code), { code })
  }
}

it.each<[string, () => void]>([
  ['shows that it is short', () => {}],
  ['is on a file system whose sizes show nothing', () => sayType(0x6969)],
  [
    'is on a file system that does not say what it is',
    () => vi.mocked(fs.statfsSync).mockImplementation(fail('ENOENT')),
  ],
  ['loses an entry while it is read', () => vi.mocked(fs.readdirSync).mockImplementation(fail('ENOENT'))],
])('a directory that %s is listed whole', async (_what, change) => {
  write('a', 'd/b', 'd/c')
  change()
  expect(await walk()).toEqual(['a', 'd/b', 'd/c'])
})

function sayType(type: number): void {
  vi.mocked(fs.statfsSync).mockReturnValue({ type } as fs.StatsFs)
}

it('asks a device once for its file system', async () => {
  write('d/a', 'e/b', 'f/c')
  await walk()
  expect(fs.statfsSync).toHaveBeenCalledTimes(1)
})
