import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import {
  createStage,
  type Ran,
  type Stage,
  startCoordinator,
  toReplicaFlags,
} from '../../runtime/cli/stage.suite.ts'

/** Writes files of any bytes below a directory of the stage, each character of a path a byte. */
function write({ cwd }: Stage, paths: readonly string[], content = 'x'): void {
  for (const path of paths) {
    const whole = Buffer.concat([Buffer.from(`${cwd}/`), Buffer.from(path, 'latin1')])
    mkdirSync(Buffer.from(dirname(whole.toString('latin1')), 'latin1'), { recursive: true })
    writeFileSync(whole, content)
  }
}

const FLAGS = toReplicaFlags('a', 'b')

async function check(stage: Stage, ...args: string[]): Promise<Ran> {
  return await stage.run(['check', ...args, ...FLAGS])
}

const LONG = Array.from({ length: 6 }, () => 'l'.repeat(200)).join('/')

/** Names that vouch does not support, but Linux file systems do. */
const UNTAKEN = [
  ...['back\\slash.txt', 'd/a\\b', 'dir\\/1', 'dir\\/sub/2'],
  ...['caf\xe9.txt', 'd/\xff\xfe', '\xe9t\xe9/inside', '\xe9t\xe9/sub/too'],
  `${LONG}/file`,
]

describe('vouch check', () => {
  it('exits with 2 and prints the names when two trees differ in unsupported names', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', ...UNTAKEN.map((path) => `b/${path}`)])
    const { status, stdout, stderr } = await check(stage)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr.split('\n')).toEqual([
      '1 name: 1 the same everywhere',
      'warning: b: 4 files with a backslash in their names could not be compared: back\\slash.txt, d/a\\b, dir\\/1, dir\\/sub/2',
      'warning: b: 4 files with names that are not UTF-8 could not be compared: caf\\xe9.txt, d/\\xff\\xfe, \\xe9t\\xe9/inside, \\xe9t\\xe9/sub/too',
      `warning: b: 1 file with a name that is too long could not be compared: ${LONG.slice(0, 200)}…${`${LONG}/file`.slice(-199)}`,
      expect.stringMatching(/^evidence: /),
      '',
    ])
  })

  const rclone = spawnSync('rclone', ['version']).status === 0
  if (!rclone) console.warn('NOT TESTED without rclone: that both count the same')
  it.skipIf(!rclone)('counts as many unsupported names as rclone check finds missing', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', ...UNTAKEN.map((path) => `b/${path}`)])
    const { stdout } = await check(stage, '--json')
    const { summary } = JSON.parse(stdout)
    const args = ['check', 'a', 'b', '--combined', '-', '--config', '/dev/null']
    const { stdout: combined } = spawnSync('rclone', args, { cwd: stage.cwd, encoding: 'latin1' })
    const marks = combined
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(0, 1))
    expect(marks.sort()).toEqual([...UNTAKEN.map(() => '-'), '='])
    expect(summary).toMatchObject({ agreement: 'degraded', names: 1, uncompared: UNTAKEN.length })
  })

  it('prints which links and FIFOs it skips, and exits as without them', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same'])
    symlinkSync('same', join(stage.cwd, 'a/link'))
    symlinkSync('nowhere', join(stage.cwd, 'a/dangling'))
    execFileSync('mkfifo', [join(stage.cwd, 'b/fifo')])
    expect(await check(stage)).toEqual({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(
        /^1 name: 1 the same everywhere\na: 2 symbolic links were skipped: dangling, link\nb: 1 FIFO was skipped: fifo\nevidence: .*\n$/,
      ),
    })
  })

  it('prints the count when there are more than it names', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', ...Array.from({ length: 1234 }, (_, i) => `a/${i}\\`)])
    const { status, stderr } = await check(stage)
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(
        'a: 1,234 files with a backslash in their names could not be compared, such as 0\\, ',
      ),
    ])
  })

  it.each([
    ['a prefix beside them', ['d/']],
    ['a glob that leaves them out', ['--exclude', '*\\*', '--exclude', 'caf*']],
    ['a glob that selects others', ['--match', 'same']],
    ['--one-way, where the first has none', ['--one-way']],
  ])('ignores them with %s', async (_, args) => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', 'a/d/x', 'b/d/x', 'b/back\\slash', 'b/caf\xe9'])
    expect(await check(stage, ...args)).toMatchObject({ status: 0, stdout: '' })
  })

  it('reports those of the first replica with --one-way', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', 'a/caf\xe9'])
    expect(await check(stage, '--one-way')).toMatchObject({ status: 2 })
  })

  it('exits with 2 when a replica does not report what it skips', async () => {
    const silent = {
      ...createMemoryStorage(),
      async *survey() {
        yield { last: null, names: 0, bytes: 0, fingerprint: '0'.repeat(64) }
      },
    }
    const { status, stderr } = await createStage().run([
      'check',
      ...(await startCoordinator({ a: silent, b: silent })),
    ])
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('warning: a does not report which of its files it skips'),
    ])
  })
})

describe('vouch plan', () => {
  it('exits with 2 and prints the names of files that cannot be copied', async () => {
    const stage = createStage()
    write(stage, ['a/same', 'b/same', 'b/back\\slash'])
    const { status, stderr } = await stage.run(['plan', ...FLAGS])
    expect([status, stderr]).toEqual([
      2,
      '0 steps, 0 B to be written\n' +
        'warning: b: 1 file with a backslash in its name could not be compared: back\\slash\n',
    ])
  })
})
