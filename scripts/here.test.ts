import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTemporaryDirectory } from '../runtime/node/temporary-directory.suite.ts'

const ROOT = resolve(import.meta.dirname, '..')
const { path: directory, remove } = createTemporaryDirectory('vouch-here-')

beforeAll(() => {
  mkdirSync(join(directory, 'files'))
  writeFileSync(join(directory, 'files/f'), 'content')
})

afterAll(remove)

it('npm run vouch resolves every path in the directory of the user', async () => {
  const args = ['get', 'f', '--replica', 'a=./files', '--index', 'index', '-o', 'out']
  const status = await new Promise((done) => {
    const command = ['--prefix', ROOT, 'run', '-s', 'vouch', '--', ...args]
    execFile('npm', command, { cwd: directory, env: { ...process.env, INIT_CWD: undefined } }, (error) =>
      done(error === null ? 0 : error.code),
    )
  })
  expect(status).toBe(0)
  expect(readdirSync(directory).sort()).toEqual(['files', 'index', 'out'])
})
