import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-here-'))
  mkdirSync(join(directory, 'files'))
  writeFileSync(join(directory, 'files/f'), 'content')
})

afterAll(() => rmSync(directory, { recursive: true }))

it('npm run vouch takes every path from where the user stands', async () => {
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
