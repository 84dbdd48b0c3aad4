import { spawnSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { startServer } from '../../runtime/cli/process.suite.ts'
import { createStage, createStageWith, type Stage, startCoordinator } from '../../runtime/cli/stage.suite.ts'

/** Two directories with the same file, apart, and one inside the first. */
function createTrees(): Stage {
  return createStageWith({ 'a/f': 'x', 'b/f': 'x', 'a/below/f': 'x' })
}

const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0
if (!canMount)
  console.warn('not tested, since nothing can be mounted here: a directory mounted a second time')

/** The result of a command over replicas at these addresses, called `one`, `two` and so on. */
function run(stage: Stage, command: readonly string[], ...words: string[]) {
  const replicas = words.flatMap((word, i) => ['--replica', `${['one', 'two', 'three'][i]}=${word}`])
  return stage.run([...command, ...replicas])
}

const SAME =
  'vouch: --replica: one and two are the same place, and comparing it with itself shows nothing; give one of them another place\n'

describe('the same place twice is refused', () => {
  it.each([['check'], ['plan'], ['get', 'f'], ['explain', 'f'], ['coordinator', '--port', '0']])(
    'by %s',
    async (...command) => {
      expect(await run(createTrees(), command, 'a', './b/../a')).toEqual({
        status: 2,
        stdout: '',
        stderr: SAME,
      })
    },
  )

  it('through a symbolic link and a file: URL', async () => {
    const stage = createTrees()
    symlinkSync('a', join(stage.cwd, 'link'))
    expect((await run(stage, ['check'], 'a', 'link')).stderr).toBe(SAME)
    expect((await run(stage, ['check'], 'link/.', 'a')).stderr).toBe(SAME)
    const url = pathToFileURL(join(stage.cwd, 'a')).href
    expect((await run(stage, ['check'], url, 'a')).stderr).toBe(SAME)
  })

  it('and one inside another, in any order', async () => {
    const stage = createTrees()
    symlinkSync('a/below', join(stage.cwd, 'link'))
    for (const words of [
      ['a', 'a/below'],
      ['a', 'link'],
    ]) {
      const { status, stderr } = await run(stage, ['check'], ...words)
      expect([status, stderr]).toEqual([2, expect.stringContaining('two is inside one, so its files would')])
    }
    expect((await run(stage, ['check'], 'link', 'b', 'a')).stderr).toContain('one is inside three')
  })

  it('by two addresses of one replica server, and by its address beside its directory', async () => {
    const stage = createTrees()
    const server = await startServer(['replica', 'a'], stage.cwd)
    onTestFinished(() => server.stop())
    const other = server.url.replace('127.0.0.1', 'localhost')
    expect((await run(stage, ['check'], server.url, other)).stderr).toBe(SAME)
    expect((await run(stage, ['check'], `${server.url}//`, 'a')).stderr).toBe(SAME)
    expect((await run(stage, ['check'], server.url, 'a/below')).stderr).toContain('two is inside one')
    expect((await run(stage, ['check'], server.url, 'b')).status).toBe(1)
  })

  it('but not two directories that lie apart', async () => {
    expect(await run(createTrees(), ['check', '--exclude', 'below/**'], 'a', 'b')).toMatchObject({
      status: 0,
    })
  })
})

describe('one replica alone', () => {
  it.each([['check'], ['plan'], ['explain', 'f'], ['coordinator', '--port', '0']])(
    'is refused by %s without --single',
    async (...command) => {
      const { status, stdout, stderr } = await run(createTrees(), command, 'a')
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toBe(
        'vouch: one replica compares with nothing: name a second with --replica, or add --single if one is intended\n',
      )
    },
  )

  it('is checked with --single, and the summary reports that nothing was compared', async () => {
    const { status, stderr } = await run(createTrees(), ['check', '--single'], 'a')
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/^2 names: 2 on one replica, compared with nothing\nevidence: one: 2 read .*\n$/),
    ])
    expect(await run(createTrees(), ['explain', 'f', '--single'], 'a')).toMatchObject({ status: 0 })
    expect(await run(createTrees(), ['plan', '--single'], 'a')).toMatchObject({ status: 0 })
  })

  it.each([['check'], ['plan'], ['explain', 'f']])(
    'behind a coordinator is refused by %s too',
    async (...command) => {
      const coordinator = await startCoordinator({ a: createMemoryStorage({ f: 'x' }) })
      const { status, stderr } = await createStage().run([...command, ...coordinator])
      expect([status, stderr]).toEqual([2, expect.stringContaining('the coordinator has one replica, which')])
      const single = await createStage().run([...command, '--single', ...coordinator])
      expect(single.status).toBe(0)
    },
  )

  it('lets get write a file, reported as compared with nothing', async () => {
    const { status, stderr } = await run(createTrees(), ['get', 'f'], 'a')
    expect([status, stderr]).toEqual([0, 'f: from one, compared with nothing\nwrote client_received (1 B)\n'])
  })
})

test.each([
  [['nothing/'], "no replica that answered has a name that begins with 'nothing/'"],
  [
    ['--match', '*.jpg'],
    "nothing was compared: no replica that answered has a name that matches --match '*.jpg'",
  ],
  [
    ['--exclude', '**'],
    "nothing was compared: no replica that answered has a name that matches --exclude '**'",
  ],
  [
    ['b', '--match', 'f'],
    "nothing was compared: no replica that answered has a name that matches the prefix 'b', --match 'f'",
  ],
])('a filter that leaves no name is refused by check and plan, and named: %j', async (filter, message) => {
  const coordinator = await startCoordinator({
    a: createMemoryStorage({ f: '' }),
    b: createMemoryStorage({ f: '' }),
  })
  for (const command of ['check', 'plan']) {
    const { status, stderr } = await createStage().run([command, ...filter, ...coordinator])
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
  }
})

test.runIf(canMount)('a directory that is mounted a second time is the same place', () => {
  const stage = createTrees()
  const vouch = new URL('../../runtime/cli/vouch.ts', import.meta.url).pathname
  const script = `mkdir m && mount --bind a m && exec "$0" "$1" check --replica one=a --replica two=m 2>&1`
  const args = ['--mount', 'sh', '-c', script, process.execPath, vouch]
  const { status, stdout } = spawnSync('unshare', args, { cwd: stage.cwd, encoding: 'utf8' })
  expect([status, stdout]).toEqual([2, SAME])
})
