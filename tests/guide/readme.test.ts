import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { useTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const README = fileURLToPath(new URL('../../README.md', import.meta.url))
const VOUCH = fileURLToPath(new URL('../../runtime/cli/vouch.ts', import.meta.url))

it('the transcript in README.md is the output of its commands', () => {
  const [transcript = ''] = /(?: {4}.*\n)+/.exec(readFileSync(README, 'utf8')) ?? []
  const shown = transcript.replaceAll(/^ {4}/gm, '')
  const commands = [...shown.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command)
  expect(commands).toHaveLength(3)
  const cwd = useTemporaryDirectory()
  const files = { a: { notes: 'same', colour: 'blue', new: '' }, b: { notes: 'same', colour: 'green' } }
  for (const [directory, texts] of Object.entries(files)) {
    mkdirSync(join(cwd, directory))
    for (const [name, text] of Object.entries(texts))
      writeFileSync(join(cwd, directory, `${name}.txt`), `${text}\n`)
  }
  const npx = `npx() { shift; "$NODE" "$VOUCH" "$@"; }`
  const env = { ...process.env, NODE: process.execPath, VOUCH, XDG_CACHE_HOME: join(cwd, 'cache') }
  const printed = commands.map((command) => {
    const text = execFileSync('bash', ['-c', `${npx}\n{ ${command}; } 2>&1 || true`], {
      cwd,
      env,
      encoding: 'utf8',
    })
    return `$ ${command}\n${text}`
  })
  expect(printed.join('')).toBe(shown)
})
