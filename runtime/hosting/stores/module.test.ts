import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createStageWith, type Files } from '../../cli/stage.suite.ts'

const EXAMPLE = fileURLToPath(new URL('../../../examples/json-store.ts', import.meta.url))

/** A stage with a directory, and the example of a module over a JSON file that differs in one name. */
function setUp(files: Files = {}) {
  const stage = createStageWith({
    'dir/a': 'same',
    'dir/b': 'here',
    'files.json': JSON.stringify({ a: 'same', b: 'there', c: 'more' }),
    ...files,
  })
  copyFileSync(EXAMPLE, join(stage.cwd, 'json-store.ts'))
  const address = `module:./json-store.ts?file=${encodeURIComponent(join(stage.cwd, 'files.json'))}`
  return { ...stage, address, replicas: ['--replica', 'dir=dir', '--replica', `mine=${address}`] }
}

test("a module of the user's is checked and read like any store", async () => {
  const { run, replicas, read } = setUp()
  expect(await run(['check', ...replicas])).toMatchObject({ status: 1, stdout: '* b\n- c\n' })
  const got = await run(['get', 'a', '-o', 'got', ...replicas])
  expect([got.status, read('got')]).toEqual([0, 'same'])
  expect(got.stderr).toContain('unanimous: dir, mine')
})

test('a cluster of the settings file names it, from the folder of that file', async () => {
  const { run, address, write } = setUp()
  write({
    'etc/vouch.toml': `[cluster.home.replicas]\ndir = "../dir"\nmine = "${address.replace('./', '../')}"\n`,
  })
  const { status, stdout } = await run(['check', '--config', 'etc/vouch.toml'])
  expect([status, stdout]).toEqual([1, '* b\n- c\n'])
})

test.each([
  ['module:./none.js', /^vouch: the module \S+none\.js cannot be loaded: /],
  ['module:./empty.js', /empty\.js has no default export that is a function; it returns the storage\n$/],
  ['module:./half.js', /the storage of the module \S+half\.js has no method open, list\n$/],
  ['module:./json-store.ts', /^vouch: the module \S+json-store\.ts: the address lacks \?file=PATH\n$/],
])('%s is refused with a reason', async (address, message) => {
  const files = { 'empty.js': 'export {}', 'half.js': 'export default () => ({ describe() {} })' }
  const { run } = setUp(files)
  const { status, stderr } = await run(['check', '--replica', 'dir=dir', '--replica', `mine=${address}`])
  expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('an error of the module is one of its replica, not an absent file', async () => {
  const { run, replicas } = setUp({ 'files.json': 'not JSON' })
  const { status, stderr } = await run(['get', 'a', '-o', '-', ...replicas])
  expect(status).toBe(3)
  expect(stderr).toContain('degraded')
})
