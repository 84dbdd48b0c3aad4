import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCoordinator } from '../../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import { openIndexFile } from '../../node/digests/index-file.ts'
import { toIndexFile } from '../../node/digests/index-path.ts'
import { asNobody } from '../../node/directory-setup.suite.ts'
import { createDirectoryStorage } from '../../node/directory-storage.ts'
import { isSettled, toIdentity } from '../../node/files/identity.ts'
import { createHasher } from '../../node/hasher.ts'
import { serve } from '../../node/http/serve.ts'
import {
  createStage,
  createStageWith,
  hash,
  type Stage,
  startCoordinator,
  startScript,
  toReplicaFlags,
} from '../stage.suite.ts'

function check(stage: Stage, ...args: string[]) {
  return stage.run(['check', ...args, ...toReplicaFlags('a', 'b')])
}

/** The same, different, and missing on either side. */
function createTrees(): Stage {
  return createStageWith({
    ...{ 'a/same': '1', 'b/same': '1', 'a/differ': 'A', 'b/differ': 'B' },
    ...{ 'a/dir/only a.txt': 'x', 'b/only b': 'y' },
  })
}

describe('vouch check', () => {
  it('marks as rclone does the files that are not the same on both, in the order of names', async () => {
    const { status, stdout, stderr } = await check(createTrees())
    expect([status, stdout]).toEqual([1, '* differ\n+ dir/only a.txt\n- only b\n'])
    expect(stderr.split('\n').slice(0, -2)).toEqual([
      '4 names: 1 the same everywhere, 1 differ, 2 missing on a or b',
      'a: 1 missing (1 B), 1 differ',
      'b: 1 missing (1 B), 1 differ',
    ])
  })

  it('counts what differs from the copies that most replicas hold, what is missing, and its size', async () => {
    const stage = createTrees()
    stage.write({ 'c/same': '1', 'c/differ': 'A', 'c/only b': 'y', 'a/large': 'x'.repeat(3_000_000) })
    const { stderr } = await stage.run(['check', ...toReplicaFlags('a', 'b', 'c')])
    expect(stderr.split('\n').slice(1, -2)).toEqual([
      'a: 1 missing (1 B)',
      'b: 2 missing (2.9 MiB), 1 differ',
      'c: 2 missing (2.9 MiB)',
    ])
  })

  it('exits with 0 when all are alike, and lists every name only when asked', async () => {
    const stage = createStage()
    stage.write({ 'a/x': '1', 'b/x': '1', 'a/y/z': '', 'b/y/z': '' })
    expect(await check(stage, '--max-age', '0')).toEqual({
      status: 0,
      stdout: '',
      stderr: '2 names: 2 the same everywhere\nevidence: a, b: 2 read now\n',
    })
    expect((await check(stage, '--all')).stdout).toBe('= x\n= y/z\n')
  })

  it('lists the holders of each version of more than two replicas', async () => {
    const stage = createTrees()
    stage.write({ 'c/same': '1', 'c/differ': 'A', 'c/only b': 'y' })
    const { status, stdout } = await stage.run(['check', ...toReplicaFlags('a', 'b', 'c')])
    expect([status, stdout]).toEqual([
      1,
      '* differ  a = c ≠ b\n+ dir/only a.txt  a; missing on b; missing on c\n- only b  b = c; missing on a\n',
    ])
  })

  it.each([
    [['dir/'], '+ dir/only a.txt\n'],
    [['d'], '* differ\n+ dir/only a.txt\n'],
    [['--match', '*.txt'], '+ dir/only a.txt\n'],
    [['--match', 'o*', '--match', 'dir/'], '+ dir/only a.txt\n- only b\n'],
    [['--exclude', 'dir/', '--exclude', 'only ?'], '* differ\n'],
    [['--one-way'], '* differ\n+ dir/only a.txt\n'],
  ])('with %j compares only these', async (args, expected) => {
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

  it('exits with 2 for a prefix that no name has', async () => {
    const { status, stderr } = await check(createTrees(), 'typo/')
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("no replica that answered has a name that begins with 'typo/'"),
    ])
  })

  it('exits with 2 where copies differ and another could not be read', async () => {
    const stage = createTrees()
    stage.write({ 'c/differ': 'C' })
    chmodSync(join(stage.cwd, 'c/differ'), 0)
    chmodSync(stage.cwd, 0o777)
    const { status, stdout } = await asNobody(() =>
      stage.run(['check', 'differ', ...toReplicaFlags('a', 'b', 'c')]),
    )
    expect([status, stdout]).toEqual([2, expect.stringMatching(/^\* differ {2}a ≠ b; c: /)])
  })

  it.each([
    ['same', '--match', '*.txt'],
    ['same', '--exclude', 'same'],
  ])('exits with 2 for %s %s %s, which no name matches', async (...args) => {
    const { status, stderr } = await check(createTrees(), ...args)
    const said = `nothing was compared: no replica that answered has a name that matches the prefix 'same', ${args[1]} '${args[2]}'`
    expect([status, stderr]).toEqual([2, expect.stringContaining(said)])
  })

  it('prints for two replicas why some names could not be compared, and the number of the rest', async () => {
    const stage = createStage()
    mkdirSync(join(stage.cwd, 'b'))
    for (let i = 10; i < 22; i++) {
      stage.write({ [`a/${i}`]: 'x' })
      symlinkSync('nowhere', join(stage.cwd, `b/${i}`))
    }
    const { status, stdout, stderr } = await check(stage)
    expect([status, stdout.split('\n').slice(0, 2)]).toEqual([2, ['! 10', '! 11']])
    const said = stderr.split('\n')
    expect(said[0]).toBe('warning: 10: b sent no copy: not a regular file; replace it or exclude it')
    expect(said[10]).toBe('warning: 2 more; --json prints the reason for each')
  })

  it.each([
    ['nothing', '/no/such/path'],
    ['a coordinator', ''],
  ])('explains an address with %s in the place of a replica', async (_what, path) => {
    const [, url = ''] = await startCoordinator({ a: createMemoryStorage({ f: '' }) })
    const { status, stderr } = await createTrees().run([
      'check',
      '--replica',
      'a=a',
      '--replica',
      `b=${url}${path}`,
    ])
    expect(status).toBe(2)
    expect(stderr).toContain('is it a coordinator, or does it have an extra path?\n')
  })

  it('ends immediately when it is interrupted', async () => {
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

  it('prints for programs the lines of an audit, and its summary last, with the time of the run', async () => {
    const start = Date.now()
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
    const began = Date.parse(lines.at(-1).summary.began)
    expect(began).toBeGreaterThanOrEqual(start)
    expect(began).toBeLessThanOrEqual(Date.now())
  })

  it('never reports a file as missing on a replica that does not answer, and exits with 2', async () => {
    const stage = createTrees()
    const flags = ['--replica', 'a=a', '--replica', 'c=http://127.0.0.1:1', '--index', 'index']
    const { status, stdout, stderr } = await stage.run(['check', ...flags])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('3 not compared everywhere\nwarning: c was skipped: ')
  })

  it('exits with 2, and a warning, where a replica is silent until its deadline', async () => {
    const stage = createTrees()
    const silent = await startScript(() => {})
    const flags = ['--replica', 'a=a', '--replica', `c=${silent}`, '--silence-timeout', '1']
    const { status, stdout, stderr } = await stage.run(['check', ...flags, '--index', 'index'])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('3 not compared everywhere\nwarning: c was skipped: ')
  })

  it('escapes control characters in names', async () => {
    const stage = createStage()
    stage.write({ 'a/\x1b[31m\nred': '1', 'b/x': '' })
    expect((await check(stage)).stdout).toBe('+ \\u{1b}[31m\\u{a}red\n- x\n')
  })

  it('skips links and kept contents', async () => {
    const stage = createTrees()
    symlinkSync('same', join(stage.cwd, 'a/link'))
    stage.write({ 'a/.vouch/kept/x': '1' })
    expect((await check(stage)).stdout).toBe('* differ\n+ dir/only a.txt\n- only b\n')
  })

  it('reads every byte with --deep, with the same result', async () => {
    const stage = createTrees()
    await check(stage)
    const { status, stdout } = await check(stage, '--deep')
    expect([status, stdout]).toEqual([1, '* differ\n+ dir/only a.txt\n- only b\n'])
  })

  it('prints the same for a coordinator as for its replicas', async () => {
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

  it('prints the missing names that it holds when the answer breaks off, or it is interrupted', async () => {
    const toLine = (name: string, agreement: string, other: object) => {
      const version = { size: 0, modified: null, digest: hash(''), replicas: ['a'], href: '/' }
      const replicas = [
        { id: 'a', state: 'match' },
        { id: 'b', ...other },
      ]
      return `${JSON.stringify({ name, agreement, versions: [version], replicas })}\n`
    }
    const missing = { state: 'missing', missingFolder: 'd/' }
    const lines = ['d/x', 'd/y'].map((name) => toLine(name, 'incomplete', missing))
    const url = await startScript((_, response, nth) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
      response.write([...lines, toLine('z', 'conflict', { state: 'differ' })].join(''))
      if (nth === 1) response.end()
    })
    const args = ['check', '--coordinator', url]
    const expected = '* z\n+ d/x\n+ d/y\n'
    const brokenOff = await createStage().run(args)
    expect([brokenOff.status, brokenOff.stdout]).toEqual([2, expected])

    const abort = new AbortController()
    let printed = ''
    const stdout = new Writable({
      write(chunk, _encoding, done) {
        printed += chunk
        abort.abort()
        done()
      },
    })
    const { status } = await createStage().run(args, { stdout, signal: abort.signal })
    expect([status, printed]).toEqual([130, expected])
  })

  it.each([
    [
      'breaks off before its summary',
      ['{"progress":{"replicas":[]}}\n'],
      'the audit broke off before its end; run it again',
    ],
    ['breaks off within a line', ['{"progress"'], 'the response broke off within a line'],
    ['has a line that is not valid', ['{"name":1}\n'], 'is that URL a coordinator'],
  ])('exits with 2 when the answer %s', async (_, lines, expected) => {
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
  ])('of %s is found by reading every byte, and then remembered', async (_, size) => {
    const stage = createStage()
    const [old, now] = ['old', 'now'].map((text) => text.padEnd(size, '.'))
    stage.write({ 'a/x': now ?? '', 'b/x': now ?? '' })
    // A day passes: a file changed a moment ago is hashed again anyway.
    for (const id of ['a', 'b']) utimesSync(join(stage.cwd, id, 'x'), 1000, 1000)
    await untilSettled(join(stage.cwd, 'b/x'))
    // The index has the digest of the bytes before they rotted, with the same size and times.
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
    expect(stderr).toContain(
      `a: x changed without a change of its size and times, so it is probably corrupt: its digest was ${before}`,
    )
    expect(await check(stage)).toMatchObject({ status: 0, stdout: '' })
  })
})

/** Waits until a file is old enough for its digest to be remembered; see `isSettled`. */
async function untilSettled(path: string): Promise<void> {
  while (!isSettled(toIdentity(lstatSync(path, { bigint: true })), Date.now())) await delay(100)
}
