import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = '{functions,runtime,emulator,tests,bench,scripts,examples}'

test('comments are at most 110 columns wide, as the code is', () => {
  const wide = globSync(`${FOLDERS}/**/*.ts`, { cwd: ROOT, exclude: ['**/node_modules/**'] }).flatMap(
    (path) =>
      readFileSync(`${ROOT}/${path}`, 'utf8')
        .split('\n')
        .flatMap((line, i) => (/^\s*(\/\/|\/?\*)/.test(line) && line.length > 110 ? `${path}:${i + 1}` : [])),
  )
  expect(wide).toEqual([])
})
