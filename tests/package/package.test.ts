import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import type { Installation } from '../../scripts/cluster.ts'
import { demand, install, measure, pack, ROOT } from '../../scripts/installed.ts'
import { describeCommand } from './command.suite.ts'
import { describeEntries } from './entries.suite.ts'
import { describeExamples, describeWorkers } from './examples.suite.ts'
import { startRegistry } from './registry.suite.ts'

/** Every major version of Node that the package runs on. */
const NODES = {
  24: process.execPath,
  22: join(ROOT, 'tests/node_modules/node22/bin/node'),
}

const { path: scratch, remove } = createTemporaryDirectory('vouch-package-')
let tarball: string
let directory: string

beforeAll(async () => {
  tarball = await pack(scratch)
  directory = join(scratch, 'elsewhere')
  const registry = await startRegistry()
  await install(tarball, directory, registry.url).finally(registry.close)
  // As a user copies them: their tsconfig.json leads to the sources of the repository.
  const filter = (path: string) => !path.endsWith('tsconfig.json')
  await cp(join(ROOT, 'examples'), join(directory, 'examples'), { recursive: true, filter })
}, 300_000)

afterAll(remove)

const on = (node: string) => (): Installation => ({ directory, node })

describe('the package', () => {
  it('contains JavaScript, types, documents and examples, and no trace of the machine that built it', async () => {
    const files = (await demand('tar', ['-tzf', tarball], { cwd: scratch })).trim().split('\n')
    const known = /^package\/(dist\/.*\.(js|d\.ts)|deploy\/.+|docs\/.*\.(md|png)|examples\/.*\.(ts|md))$/
    const words = [
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'],
      ...['dist/command/LICENSES.txt', 'dist/command/package.json', 'docs/vouch.1', 'package.json'],
      'dist/command/main.js.LEGAL.txt',
    ]
    const others = files.filter((path) => !known.test(path))
    expect(others.sort()).toEqual(words.map((path) => `package/${path}`).sort())
    const tests = files.filter((path) => /\/dist\/.*\.(test|suite)\./.test(path))
    expect(tests.filter((path) => !/\/functions\/storage\/suite\/[a-z-]+\.suite\./.test(path))).toEqual([])
    const grep = ['-rlF', '--', ROOT.slice(0, -1), 'node_modules/vouch']
    await expect(demand('grep', grep, { cwd: directory })).rejects.toThrow('ended with 1:\n')
  })

  it('contains the files that its documents link to', () => {
    const root = join(directory, 'node_modules/vouch')
    const broken = globSync('{*.md,docs/**/*.md}', { cwd: root }).flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
        .filter(([, link = '']) => !existsSync(join(root, dirname(page), link)))
        .map(([link]) => `${page}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('contains the licences of all bundled packages', async () => {
    const path = join(directory, 'node_modules/vouch/dist/command/LICENSES.txt')
    const text = await readFile(path, 'utf8')
    for (const name of ['hono', 'valibot', 'negotiator', 'aws4fetch'])
      expect(text).toContain(`=== ${name} ===`)
  })

  it('is small, with its dependencies', async () => {
    const { packages, bytes } = await measure(directory)
    expect(packages).toBeLessThanOrEqual(15)
    expect(bytes).toBeLessThan(20 * 1024 * 1024)
  })
})

describeEntries(on(process.execPath))
describeWorkers(on(process.execPath))
for (const [major, node] of Object.entries(NODES)) {
  describeCommand(Number(major), on(node))
  describeExamples(Number(major), on(node))
}
