import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { finish, startVouch } from '../cli/process.suite.ts'
import { createStageWith, type Stage } from '../cli/stage.suite.ts'
import { createDirectoryStorage } from '../node/directory-storage.ts'

const REPLICAS = ['--replica', 'a=a', '--replica', 'b=b']

/** Two directories with the same file. */
function createTrees(): Stage {
  return createStageWith({ 'a/f': 'x', 'b/f': 'x' })
}

test.each([['check'], ['get', 'f'], ['coordinator', '--port', '0']])(
  'an --index inside a replica is refused by %s',
  async (...command) => {
    const stage = createTrees()
    const { status, stderr } = await stage.run([...command, ...REPLICAS, '--index', 'b/not/there/yet'])
    expect([status, stderr]).toEqual([
      2,
      "vouch: --index 'b/not/there/yet' is inside the replica b, where the files that vouch writes would be compared; name a directory outside it\n",
    ])
    expect([readdirSync(join(stage.cwd, 'a')), readdirSync(join(stage.cwd, 'b'))]).toEqual([['f'], ['f']])
  },
)

test('an --index inside the directory of a replica server is refused', async () => {
  const { status, stderr } = await createTrees().run(['replica', 'a', '--port', '0', '--index', 'a'])
  expect([status, stderr]).toEqual([2, expect.stringContaining("--index 'a' is inside the replica replica")])
})

test("the user's own index is not kept inside a replica, which is reported once, and everything else works", async () => {
  const stage = createTrees()
  const { status, stdout, stderr } = await stage.run(['check', ...REPLICAS], {
    env: { HOME: join(stage.cwd, 'a') },
  })
  expect([status, stdout]).toEqual([0, ''])
  expect(stderr).toMatch(
    /^warning: .*a\/\.cache\/vouch is inside the replica a, .*: digests are remembered in memory only; --index .*\n1 name: 1 the same everywhere\nevidence: .*\n$/,
  )
  expect(readdirSync(join(stage.cwd, 'a'))).toEqual(['f'])
})

test('a process writes nothing into a replica that contains the cache of its user', async () => {
  const stage = createTrees()
  const env = { PATH: process.env['PATH'], HOME: join(stage.cwd, 'a') }
  for (const words of [
    ['--replica', 'a=./a', '--replica', 'b=b'],
    ['--replica=a=a', '--replica=b=b'],
  ]) {
    const { status } = await finish(startVouch(['check', ...words], stage.cwd, undefined, env))
    expect(status).toBe(0)
    expect(readdirSync(join(stage.cwd, 'a'))).toEqual(['f'])
  }
})

test('a compile cache of Node inside a replica is refused', async () => {
  const stage = createTrees()
  const { status, stderr } = await stage.run(['check', ...REPLICAS], {
    env: { NODE_COMPILE_CACHE: 'b/compiled' },
  })
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining("NODE_COMPILE_CACHE names 'b/compiled', which is inside the replica b"),
  ])
})

test.each([
  [['-o', 'a/new'], 'a/new'],
  [['-o', 'a/below/../new'], 'a/new'],
])('get writes no file into one of its replicas: %j', async (flags, path) => {
  const stage = createTrees()
  mkdirSync(join(stage.cwd, 'a/below'))
  const { status, stderr } = await stage.run(['get', 'f', ...REPLICAS, ...flags])
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining(`'${path}' is inside the replica a, which is compared`),
  ])
  expect(readdirSync(join(stage.cwd, 'a')).sort()).toEqual(['below', 'f'])
})

test('get run in the directory of a replica writes nothing there', async () => {
  const stage = createTrees()
  const replicas = ['--replica', 'a=.', '--replica', 'b=../b']
  const { status } = await stage.run(['get', 'f', ...replicas], { cwd: join(stage.cwd, 'a') })
  expect([status, readdirSync(join(stage.cwd, 'a'))]).toEqual([2, ['f']])
  const elsewhere = await stage.run(['get', 'f', ...replicas, '-o', '../got'], { cwd: join(stage.cwd, 'a') })
  expect([elsewhere.status, stage.read('got')]).toEqual([0, 'x'])
})

test('output redirected into a file of a replica causes a warning', () => {
  const stage = createTrees()
  const script = '"$0" "$@" > a/plan.json'
  const vouch = new URL('../cli/vouch.ts', import.meta.url).pathname
  const args = ['-c', script, process.execPath, vouch, 'plan', ...REPLICAS, '--index', 'index']
  const { stderr } = spawnSync('sh', args, { cwd: stage.cwd, encoding: 'utf8' })
  expect(stderr).toMatch(/^warning: standard output goes to .*a\/plan\.json, inside the replica a: /)
})

test('a directory opened by a program keeps no index inside itself', async () => {
  const stage = createTrees()
  const root = join(stage.cwd, 'a')
  const notices: string[] = []
  expect(() => createDirectoryStorage(root, { indexPath: join(root, 'index') })).toThrow(
    /lies inside .*a', which it would change; name one outside$/,
  )
  const before = process.env['XDG_CACHE_HOME']
  process.env['XDG_CACHE_HOME'] = join(root, 'cache')
  try {
    const storage = createDirectoryStorage(root, { onNotice: (line) => notices.push(line) })
    expect(await storage.describe(['f'])[0]).toMatchObject({ size: 1 })
    await storage.close()
  } finally {
    if (before === undefined) delete process.env['XDG_CACHE_HOME']
    else process.env['XDG_CACHE_HOME'] = before
  }
  expect(notices).toEqual([expect.stringContaining('digests are kept in memory only')])
  expect(readdirSync(root)).toEqual(['f'])
})
