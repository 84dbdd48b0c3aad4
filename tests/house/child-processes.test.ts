import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

it('no test hands its own output to a process that it starts, for which Vitest would wait without end', () => {
  const paths = globSync('{functions,runtime,emulator,tests}/**/*.{test,suite}.ts', {
    cwd: ROOT,
    exclude: ['**/node_modules/**'],
  })
  expect(paths.length).toBeGreaterThan(200)
  const inheriting = /stdio: .*'inherit'|\bfork\(/
  expect(paths.filter((path) => inheriting.test(readFileSync(join(ROOT, path), 'utf8')))).toEqual([
    'tests/house/child-processes.test.ts',
  ])
})
