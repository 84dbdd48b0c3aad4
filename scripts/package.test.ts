import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Installation } from './cluster.ts'
import { describeCommand } from './command.suite.ts'
import { describeEntries } from './entries.suite.ts'
import { describeExamples } from './examples.suite.ts'
import { demand, install, measure, pack, ROOT } from './installed.ts'
import { startRegistry } from './registry.suite.ts'

/** Every Node that the package is for, as far as this machine has it. */
const NODES = {
  24: process.execPath,
  22: join(ROOT, 'scripts/node22/node_modules/node/bin/node'),
}

let scratch: string
let tarball: string
let directory: string

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'vouch-package-'))
  tarball = await pack(scratch)
  directory = join(scratch, 'elsewhere')
  const registry = await startRegistry()
  await install(tarball, directory, registry.url).finally(registry.close)
  await cp(join(ROOT, 'examples'), join(directory, 'examples'), { recursive: true })
}, 300_000)

afterAll(() => rm(scratch, { recursive: true, force: true }))

const on = (node: string) => (): Installation => ({ directory, node })

describe('the package', () => {
  it('holds JavaScript, types and a few words, and nothing of the machine that made it', async () => {
    const files = (await demand('tar', ['-tzf', tarball], { cwd: scratch })).trim().split('\n')
    const others = files.filter((path) => !/^package\/(dist\/.*\.(js|d\.ts)$|deploy\/.)/.test(path))
    const words = [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'dist/command/LICENSES.txt', 'docs/vouch.1'],
      'package.json',
    ]
    expect(others.sort()).toEqual(words.map((path) => `package/${path}`))
    expect(files.filter((path) => /\/dist\/.*\.(test|suite)\./.test(path))).toEqual([])
    const grep = ['-rlF', '--', ROOT.slice(0, -1), 'node_modules/vouch']
    await expect(demand('grep', grep, { cwd: directory })).rejects.toThrow('ended with 1:\n')
  })

  it('goes with the licence of everything that the command holds a copy of', async () => {
    const path = join(directory, 'node_modules/vouch/dist/command/LICENSES.txt')
    const text = await readFile(path, 'utf8')
    for (const name of ['hono', 'valibot', 'undici', 'pino']) expect(text).toContain(`=== ${name} ===`)
  })

  it('is small, with everything that it needs', async () => {
    const { packages, bytes } = await measure(directory)
    expect(packages).toBeLessThanOrEqual(35)
    expect(bytes).toBeLessThan(20 * 1024 * 1024)
  })
})

describeEntries(on(process.execPath))
for (const [major, node] of Object.entries(NODES)) {
  if (existsSync(node)) {
    describeCommand(Number(major), on(node))
    describeExamples(Number(major), on(node))
  } else console.warn(`NOT TESTED without Node ${major}: the package on it`)
}
