import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('main.ts', import.meta.url))
const USAGE = 'usage: npm run emulator -- --replica ID=DIRECTORY'

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

it.each(['--help', '-h'])('%s prints only the usage, on standard output', (flag) => {
  expect(run(flag)).toEqual({ status: 0, stdout: expect.stringContaining(USAGE), stderr: '' })
})

it.each([
  ['an unknown option', ['--replcia', 'a=.'], "'--replcia'"],
  ['an option without its value', ['--replica'], "'--replica <value>'"],
  ['no replica', [], '--replica is missing'],
])('%s is an error in one line, with the usage', (_, args, named) => {
  const { status, stdout, stderr } = run(...args)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain(named)
  expect(stderr).toContain(USAGE)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
})
