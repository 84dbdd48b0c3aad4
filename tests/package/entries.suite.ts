import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Installation } from '../../scripts/cluster.ts'
import { demand, ROOT, run, withNode } from '../../scripts/installed.ts'

/** The source of each entry. A new entry gets a line here, in package.json and in examples/tsconfig.json. */
export const ENTRIES = {
  vouch: () => import('../../functions/index.ts'),
  'vouch/node': () => import('../../runtime/node/index.ts'),
  'vouch/s3': () => import('../../runtime/s3/index.ts'),
  'vouch/workers': () => import('../../runtime/workers/index.ts'),
  'vouch/testing': () => import('../../functions/testing.ts'),
} as const

/** The compiler options of a strict user of TypeScript. */
const STRICT = {
  target: 'ES2024',
  module: 'NodeNext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowImportingTsExtensions: true,
  skipLibCheck: false,
  noEmit: true,
}

/** Holds the entries of the installed package to their sources, for JavaScript and for TypeScript. */
export function describeEntries(setup: () => Installation): void {
  describe('the entries', () => {
    // The one package that vouch/testing needs beside vouch.
    const toVitest = () => join(setup().directory, 'node_modules/vitest')
    beforeAll(() => symlink(join(ROOT, 'node_modules/vitest'), toVitest()))
    afterAll(() => rm(toVitest()))

    it.each(Object.entries(ENTRIES))('%s exports the same as its source', async (entry, load) => {
      const { directory, node } = setup()
      const script = `console.log(JSON.stringify(Object.keys(await import('${entry}'))))`
      const args = ['--input-type=module', '--eval', script]
      const given = JSON.parse(await demand(node, args, { cwd: directory, env: withNode(node) }))
      expect(given).toEqual(Object.keys(await load()).sort())
    })

    it('are exactly those that package.json names', async () => {
      const { directory, node } = setup()
      const { default: about } = await import('../../package.json', { with: { type: 'json' } })
      const named = Object.keys(about.exports).filter((entry) => entry !== './package.json')
      expect(named.map((entry) => join('vouch', entry))).toEqual(Object.keys(ENTRIES))
      const script = "await import('vouch/dist/functions/wire/limits.js')"
      const { stderr } = await run(node, ['--input-type=module', '--eval', script], { cwd: directory })
      expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
    })

    it('vouch/testing holds a storage to the suite', async () => {
      const { directory, node } = setup()
      const test = 'examples/fixed-storage.test.ts'
      const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root', directory, test]
      const { status, stdout, stderr } = await run(node, args, {
        cwd: directory,
        env: { ...process.env, NO_COLOR: '1' },
      })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(/Tests {2}\d{3} passed/)
    }, 120_000)

    it('have types that compile under strict options', async () => {
      const { directory } = setup()
      const typeRoots = [join(ROOT, 'node_modules/@types')]
      const compilerOptions = { ...STRICT, types: ['node'], typeRoots }
      const config = JSON.stringify({ compilerOptions, include: ['examples/*.ts'] })
      await writeFile(join(directory, 'tsconfig.json'), config)
      const { stdout } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: directory })
      expect(stdout).toBe('')
    }, 120_000)
  })
}
