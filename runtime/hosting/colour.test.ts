import { expect, test } from 'vitest'
import { createCollector, createStageWith, type Stage } from '../cli/stage.suite.ts'
import { createPaint } from './colour.ts'
import type { Io } from './io.ts'

test.each([
  [true, {}, true],
  [true, { TERM: 'xterm' }, true],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [false, {}, false],
  [false, { FORCE_COLOR: '' }, false],
  [false, { FORCE_COLOR: '1' }, true],
  [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  [true, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
])('terminal %s with %j: coloured %s', (isTTY, env, expected) => {
  const painted = createPaint({ isTTY }, env)('x', 'red')
  expect(painted).toBe(expected ? '\x1b[31mx\x1b[0m' : 'x')
})

const FLAGS = ['--replica', 'a=a', '--replica', 'b=b']

function setUp(): Stage {
  return createStageWith({ 'a/t': 'one\n', 'b/t': 'two\n', 'a/only': '', 'b/x\x1b[2J': '' })
}

/** The output of one command on terminals. */
async function show({ run }: Stage, args: readonly string[], env: Io['env'] = {}): Promise<string> {
  const [stdout, stderr] = [createCollector(), createCollector()].map((stream) =>
    Object.assign(stream, { isTTY: true, columns: 80 }),
  )
  if (stdout === undefined || stderr === undefined) throw new Error('there are two')
  await run([...args, ...FLAGS], { stdout, stderr, env })
  return stdout.text() + stderr.text()
}

test('on a terminal the marks of check, the diff of explain and warnings are coloured, and names are escaped', async () => {
  const stage = setUp()
  expect(await show(stage, ['check'])).toContain(
    '\x1b[31m*\x1b[0m t\n\x1b[33m+\x1b[0m only\n\x1b[33m-\x1b[0m x\\u{1b}[2J\n',
  )
  expect(await show(stage, ['explain', 't'])).toContain('\n\x1b[31m-one\x1b[0m\n\x1b[32m+two\x1b[0m\n')
  expect(await show(stage, ['get', 'only', '-o', '-'])).toContain(
    '\x1b[33mwarning:\x1b[0m only: missing on b\n',
  )
  expect(await show(stage, ['get', '-o', ''])).toContain('\x1b[31mvouch:\x1b[0m --output takes')
})

test('nothing is coloured for programs, or with NO_COLOR', async () => {
  const stage = setUp()
  // A machine that is slow draws a progress bar, which is no colour.
  expect(await show(stage, ['check'], { NO_COLOR: '1' })).not.toMatch(/\x1b\[\d+m/)
  const forced = { FORCE_COLOR: '1' }
  for (const args of [['check'], ['explain', 't'], ['get', 't']]) {
    const { stdout } = await stage.run([...args, '--json', ...FLAGS], { env: forced })
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toMatch(/^\{/)
  }
  expect((await stage.run(['check', ...FLAGS])).stdout).not.toContain('\x1b')
  expect((await stage.run(['check', ...FLAGS], { env: forced })).stdout).toContain('\x1b[31m*\x1b[0m t')
})
