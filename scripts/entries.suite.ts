import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Installation } from './cluster.ts'
import { demand, ROOT, run, withNode } from './installed.ts'

/** What each entry is made from. A new entry gets a line here, in package.json and in examples/tsconfig.json. */
export const ENTRIES = {
  vouch: () => import('../functions/index.ts'),
  'vouch/node': () => import('../runtime/node/index.ts'),
  'vouch/s3': () => import('../runtime/s3/index.ts'),
  'vouch/workers': () => import('../runtime/workers/index.ts'),
} as const

/** What a strict user of TypeScript has. */
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
    it.each(Object.entries(ENTRIES))('%s gives what its source does', async (entry, load) => {
      const { directory, node } = setup()
      const script = `console.log(JSON.stringify(Object.keys(await import('${entry}'))))`
      const args = ['--input-type=module', '--eval', script]
      const given = JSON.parse(await demand(node, args, { cwd: directory, env: withNode(node) }))
      expect(given).toEqual(Object.keys(await load()).sort())
    })

    it('are those that package.json names, and lead nowhere else', async () => {
      const { directory, node } = setup()
      const { default: about } = await import('../package.json', { with: { type: 'json' } })
      const named = Object.keys(about.exports).filter((entry) => entry !== './package.json')
      expect(named.map((entry) => join('vouch', entry))).toEqual(Object.keys(ENTRIES))
      const script = "await import('vouch/dist/functions/wire/limits.js')"
      const { stderr } = await run(node, ['--input-type=module', '--eval', script], { cwd: directory })
      expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
    })

    it('have types that a strict user can work with', async () => {
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
