import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { asNobody } from '../node/directory-setup.suite.ts'
import { createDirectoryStorage } from '../node/directory-storage.ts'
import { createHasher } from '../node/hasher.ts'
import { isSettled, toIdentity } from '../node/identity.ts'
import { openIndexFile } from '../node/index-file.ts'
import { toIndexFile } from '../node/index-path.ts'
import { serve } from '../node/serve.ts'
import { createStage, type Stage, startCoordinator, startScript } from './stage.suite.ts'

function write({ cwd }: Stage, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true })
    writeFileSync(join(cwd, path), content)
  }
}

/** Replicas of these ids, each the directory of that name. */
function toFlags(ids: readonly string[]): string[] {
  return [...ids.flatMap((id) => ['--replica', `${id}=${id}`]), '--index', 'index']
}

function check(stage: Stage, ...args: string[]) {
  return stage.run(['check', ...args, ...toFlags(['a', 'b'])])
}

/** Alike, differing, and lacking on either side. */
function createTrees(): Stage {
  const stage = createStage()
  write(stage, {
    ...{ 'a/same': '1', 'b/same': '1', 'a/differ': 'A', 'b/differ': 'B' },
    ...{ 'a/dir/only a.txt': 'x', 'b/only b': 'y' },
  })
  return stage
}

describe('vouch check', () => {
  it('marks as rclone does what is not the same on both, in the order of names', async () => {
    const { status, stdout, stderr } = await check(createTrees())
    expect([status, stdout]).toEqual([1, '* differ\n+ dir/only a.txt\n- only b\n'])
    expect(stderr).toMatch(/^4 names: 1 alike everywhere, 1 differ, 2 lacking somewhere\nevidence: .*\n$/)
  })

  it('exits with 0 when all are alike, and tells of every name only when asked', async () => {
    const stage = createStage()
    write(stage, { 'a/x': '1', 'b/x': '1', 'a/y/z': '', 'b/y/z': '' })
    expect(await check(stage, '--max-age', '0')).toEqual({
      status: 0,
      stdout: '',
      stderr: '2 names: 2 alike everywhere\nevidence: a, b: 2 read now\n',
    })
    expect((await check(stage, '--all')).stdout).toBe('= x\n= y/z\n')
  })

  it('tells of more than two who holds what', async () => {
    const stage = createTrees()
    write(stage, { 'c/same': '1', 'c/differ': 'A', 'c/only b': 'y' })
    const { status, stdout } = await stage.run(['check', ...toFlags(['a', 'b', 'c'])])
    expect([status, stdout]).toEqual([
      1,
      '* differ  a = c ≠ b\n+ dir/only a.txt  a; b lacks it; c lacks it\n- only b  b = c; a lacks it\n',
    ])
  })

  it.each([
    [['dir/'], '+ dir/only a.txt\n'],
    [['d'], '* differ\n+ dir/only a.txt\n'],
    [['--match', '*.txt'], '+ dir/only a.txt\n'],
    [['--match', 'o*', '--match', 'dir/'], '+ dir/only a.txt\n- only b\n'],
    [['--exclude', 'dir/', '--exclude', 'only ?'], '* differ\n'],
    [['--one-way'], '* differ\n+ dir/only a.txt\n'],
  ])('with %j looks at these alone', async (args, expected) => {
    const { status, stdout } = await check(createTrees(), ...args)
    expect([status, stdout]).toEqual([1, expected])
  })

  it('does not even read a directory that is excluded as a whole', async () => {
    const stage = createTrees()
    mkdirSync(join(stage.cwd, 'a/lost+found'), { mode: 0 })
    chmodSync(stage.cwd, 0o777)
    const { status, stdout } = await asNobody(() =>
      check(stage, '--exclude', 'lost+found/', '--exclude', 'dir/**'),
    )
    expect([status, stdout]).toEqual([1, '* differ\n- only b\n'])
  })

  it('is trouble for a prefix that no name has', async () => {
    const { status, stderr } = await check(createTrees(), 'typo/')
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("no replica that answered has a name that begins with 'typo/'"),
    ])
  })

  it('exits with 2 where copies differ and another could not be read', async () => {
    const stage = createTrees()
    write(stage, { 'c/differ': 'C' })
    chmodSync(join(stage.cwd, 'c/differ'), 0)
    chmodSync(stage.cwd, 0o777)
    const { status, stdout } = await asNobody(() =>
      stage.run(['check', 'differ', ...toFlags(['a', 'b', 'c'])]),
    )
    expect([status, stdout]).toEqual([2, expect.stringMatching(/^\* differ {2}a ≠ b; c: /)])
  })

  it.each([
    ['same', '--match', '*.txt'],
    ['same', '--exclude', 'same'],
  ])('is trouble for %s %s %s, which no name passes', async (...args) => {
    const { status, stderr } = await check(createTrees(), ...args)
    const said = `nothing was compared: no replica that answered has a name that passes the prefix 'same', ${args[1]} '${args[2]}'`
    expect([status, stderr]).toEqual([2, expect.stringContaining(said)])
  })

  it('says of two replicas why names could not be compared, of some and how many more', async () => {
    const stage = createStage()
    mkdirSync(join(stage.cwd, 'b'))
    for (let i = 10; i < 22; i++) {
      write(stage, { [`a/${i}`]: 'x' })
      symlinkSync('nowhere', join(stage.cwd, `b/${i}`))
    }
    const { status, stdout, stderr } = await check(stage)
    expect([status, stdout.split('\n').slice(0, 2)]).toEqual([2, ['! 10', '! 11']])
    const said = stderr.split('\n')
    expect(said[0]).toBe('warning: 10: b gave no copy: not a regular file; replace it or exclude it')
    expect(said[10]).toBe('warning: 2 more; --json gives the reason for each')
  })

  it.each([
    ['nothing', '/no/such/path'],
    ['a coordinator', ''],
  ])('says what an address may be at which there is %s in the place of a replica', async (_what, path) => {
    const [, url = ''] = await startCoordinator({ a: createMemoryStorage({ f: '' }) })
    const { status, stderr } = await createTrees().run([
      'check',
      '--replica',
      'a=a',
      '--replica',
      `b=${url}${path}`,
    ])
    expect(status).toBe(2)
    expect(stderr).toContain("is it a coordinator's address, or one with a path too many?\n")
  })

  it('ends at once when it is interrupted', async () => {
    const abort = new AbortController()
    const url = await startScript((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
      response.write('{"seen":{"names":0,"bytes":0,"known":0},"of":null}\n')
      abort.abort()
    })
    const args = ['check', '--replica', 'a=a', '--replica', `b=${url}`, '--index', 'index']
    const { status } = await createTrees().run(args, { signal: abort.signal })
    expect(status).toBe(130)
  })

  it('prints for programs what an audit tells, and its summary last', async () => {
    const { stdout } = await check(createTrees(), '--json')
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ name, agreement }) => [name, agreement])).toEqual([
      ['differ', 'conflict'],
      ['dir/only a.txt', 'incomplete'],
      ['only b', 'incomplete'],
      [undefined, undefined],
    ])
    expect(lines.at(-1).summary).toMatchObject({ agreement: 'conflict', names: 4, rotten: 0 })
  })

  it('never calls missing what a replica that does not answer may hold, and exits with 2', async () => {
    const stage = createTrees()
    const flags = ['--replica', 'a=a', '--replica', 'c=http://127.0.0.1:1', '--index', 'index']
    const { status, stdout, stderr } = await stage.run(['check', ...flags])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('3 not compared everywhere\nwarning: c was left out: ')
  })

  it('lets nothing in a name reach the terminal', async () => {
    const stage = createStage()
    write(stage, { 'a/\x1b[31m\nred': '1', 'b/x': '' })
    expect((await check(stage)).stdout).toBe('+ \\u{1b}[31m\\u{a}red\n- x\n')
  })

  it('passes over links, and what is kept', async () => {
    const stage = createTrees()
    symlinkSync('same', join(stage.cwd, 'a/link'))
    write(stage, { 'a/.vouch/kept/x': '1' })
    expect((await check(stage)).stdout).toBe('* differ\n+ dir/only a.txt\n- only b\n')
  })

  it('reads every byte of a deep one, with the same result', async () => {
    const stage = createTrees()
    await check(stage)
    const { status, stdout } = await check(stage, '--deep')
    expect([status, stdout]).toEqual([1, '* differ\n+ dir/only a.txt\n- only b\n'])
  })

  it('asks a coordinator as it asks replicas', async () => {
    const stage = createTrees()
    const storages = ['a', 'b'].map((id) => ({
      id,
      storage: createDirectoryStorage(join(stage.cwd, id), { indexPath: null }),
    }))
    const app = createCoordinator(storages, { createHasher })
    const served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
    onTestFinished(async () => {
      await served.close()
      await Promise.all(storages.map(({ storage }) => storage.close()))
    })
    const { status, stdout } = await stage.run(['check', '--coordinator', served.url])
    expect([status, stdout]).toEqual([1, '* differ\n+ dir/only a.txt\n- only b\n'])
  })

  it.each([
    [
      'breaks off before its summary',
      ['{"progress":{"replicas":[]}}\n'],
      'the audit broke off before its end; run it again',
    ],
    ['breaks off within a line', ['{"progress"'], 'the answer broke off within a line'],
    ['has a line that is none', ['{"name":1}\n'], "is that a coordinator's address?"],
  ])('is trouble when the answer %s', async (_, lines, expected) => {
    const url = await startScript((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
      response.end(lines.join(''))
    })
    const { status, stderr } = await createStage().run(['check', '--coordinator', url])
    expect([status, stderr]).toEqual([2, expect.stringContaining(expected)])
  })
})

describe('silent rot', () => {
  it.each([
    ['a small file', 5],
    ['a file that is hashed in pieces', 3 * 1024 * 1024],
  ])('of %s is found by reading every byte, and known from then on', async (_, size) => {
    const stage = createStage()
    const [old, now] = ['old', 'now'].map((text) => text.padEnd(size, '.'))
    write(stage, { 'a/x': now ?? '', 'b/x': now ?? '' })
    // A day passes: what was changed a moment ago is hashed anew anyway.
    for (const id of ['a', 'b']) utimesSync(join(stage.cwd, id, 'x'), 1000, 1000)
    await untilSettled(join(stage.cwd, 'b/x'))
    // What the bytes were before they rotted is what the index knows by the same size and times.
    await check(stage)
    const root = join(stage.cwd, 'a')
    const index = openIndexFile(toIndexFile(join(stage.cwd, 'index'), root), () => {})
    const before = createHash('sha256')
      .update(old ?? '')
      .digest('hex')
    index.write((index.readPage('', 1) ?? []).map(({ seal: _, ...row }) => ({ ...row, digest: before })))
    index.close()

    expect((await check(stage)).stdout).toBe('* x\n')
    const { status, stdout, stderr } = await check(stage, '--deep')
    expect([status, stdout]).toEqual([1, '* x\n'])
    expect(stderr).toContain(`a: x changed with no change of its size and times: it was ${before}`)
    expect(await check(stage)).toMatchObject({ status: 0, stdout: '' })
  })
})

/** Waits until a file is old enough for its digest to be remembered; see `isSettled`. */
async function untilSettled(path: string): Promise<void> {
  while (!isSettled(toIdentity(lstatSync(path, { bigint: true })), Date.now())) await delay(100)
}
