import { chmodSync, statSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Interruption } from '../../../hosting/io.ts'
import { asNobody } from '../../../node/directory-setup.suite.ts'
import { MAX_LEFT_OUT_SAID } from '../../limits.ts'
import {
  createStage,
  createStageWith,
  hash,
  type Stage,
  startScript,
  toReplicaFlags,
} from '../../stage.suite.ts'

function sums(stage: Stage, ...args: string[]) {
  return stage.run(['sums', ...args, ...toReplicaFlags('a', 'b')])
}

const SAME = { 'a/d/x': '1', 'b/d/x': '1', 'a/d-': '22', 'b/d-': '22', 'a/y': '', 'b/y': '' }
const LIST = `${hash('22')}  d-\n${hash('1')}  d/x\n${hash('')}  y\n`

describe('vouch sums', () => {
  it('prints the digests of all files in the order of the bytes of their names', async () => {
    expect(await sums(createStageWith(SAME))).toEqual({
      status: 0,
      stdout: LIST,
      stderr: '3 names written, 3 B\nevidence: a, b: 3 read now\n',
    })
  })

  it.each([
    [['d/'], `${hash('1')}  d/x\n`],
    [['--match', 'y', '--format', 'tag'], `SHA256 (y) = ${hash('')}\n`],
    [['--exclude', 'd*'], `${hash('1')}  d/x\n${hash('')}  y\n`],
  ])('with %j lists only these', async (args, expected) => {
    expect(await sums(createStageWith(SAME), ...args)).toMatchObject({ status: 0, stdout: expected })
  })

  it('says for a prefix that no name has, and for empty replicas, that nothing was written', async () => {
    const stage = createStageWith({ ...SAME, 'c/f': '', 'e/f': '' })
    const none = await sums(stage, 'typo', '-o', 'list')
    expect(none).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining("with 'typo'") })
    const empty = await stage.run(['sums', '--exclude', '*', ...toReplicaFlags('c', 'e')])
    expect(empty).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('nothing was compared'),
    })
    expect(stage.files()).not.toContain('list')
  })

  it('replaces a file by a complete list, and keeps its permissions', async () => {
    const stage = createStageWith({ ...SAME, list: 'before' })
    chmodSync(join(stage.cwd, 'list'), 0o640)
    expect(await sums(stage, '-o', 'list')).toMatchObject({ status: 0, stdout: '' })
    expect(stage.read('list')).toBe(LIST)
    expect(statSync(join(stage.cwd, 'list')).mode & 0o777).toBe(0o640)
    expect(stage.files()).toEqual(['a', 'b', 'index', 'list'])
  })
})

describe('what the replicas do not agree on', () => {
  const APART = { ...SAME, 'a/differ': '1', 'b/differ': '2', 'a/only a': '', 'b/d/only b': '' }

  it('is reported as check reports it, and nothing is written', async () => {
    const stage = createStageWith({ ...APART, list: 'before' })
    expect(await sums(stage, '-o', 'list')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        "- d/only b\n* differ\n+ only a\nvouch: nothing was written, because 3 names are not the same everywhere; 'vouch check' prints more, and --agreed leaves them out\n",
    })
    expect([stage.read('list'), stage.files()]).toEqual(['before', ['a', 'b', 'index', 'list']])
    expect(await sums(stage)).toMatchObject({ status: 1, stdout: '' })
  })

  it('is left out with --agreed, and told', async () => {
    const { status, stdout, stderr } = await sums(createStageWith(APART), '--agreed')
    expect([status, stdout]).toEqual([1, LIST])
    expect(stderr).toContain('* differ\n')
    expect(stderr).toContain('3 names written, 3 B, without 3 names that are not the same everywhere\n')
  })

  it('is reported with its first names and the number of the others', async () => {
    const names = Array.from({ length: MAX_LEFT_OUT_SAID + 2 }, (_, i) => [`a/only/${i}`, ''])
    const { stderr } = await sums(createStageWith({ ...SAME, ...Object.fromEntries(names) }))
    expect(stderr.match(/^\+ /gm)).toHaveLength(MAX_LEFT_OUT_SAID)
    expect(stderr).toContain("and 2 more names; 'vouch check' lists all\n")
  })

  it('is trouble where a copy cannot be read, or a replica does not answer', async () => {
    const stage = createStageWith({ ...SAME, 'b/z': '', 'a/z': '' })
    chmodSync(join(stage.cwd, 'b/z'), 0)
    chmodSync(stage.cwd, 0o777)
    const unread = await asNobody(() => sums(stage, '-o', '/dev/null'))
    expect(unread).toMatchObject({ status: 2, stderr: expect.stringContaining('it is not a regular file') })
    const whole = await asNobody(() => sums(stage))
    expect(whole).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('! z\n') })
    const rest = await asNobody(() => sums(stage, '--agreed'))
    expect(rest).toMatchObject({ status: 2, stdout: LIST })
    const gone = await stage.run([
      'sums',
      '--agreed',
      ...toReplicaFlags('a'),
      '--replica',
      'c=http://127.0.0.1:9',
    ])
    expect(gone).toMatchObject({ status: 2, stdout: '' })
    expect(gone.stderr).toContain('warning: c was skipped: ')
    expect(gone.stderr).toContain('vouch: nothing was written: the replicas agree on no file\n')
  })

  it('may be among files whose names are not valid: these are reported, and only --agreed writes the others', async () => {
    const stage = createStageWith({ ...SAME, 'a/back\\slash': '', 'b/back\\slash': '' })
    writeFileSync(Buffer.concat([Buffer.from(`${stage.cwd}/a/`), Buffer.from([0xff])]), '')
    const all = await sums(stage)
    expect(all).toMatchObject({ status: 2, stdout: '' })
    expect(all.stderr).toContain('warning: a: 1 file with a name that is not UTF-8 could not be compared: ')
    expect(all.stderr).toContain(
      'warning: a: 1 file with a backslash in its name could not be compared: back\\slash\n',
    )
    expect(all.stderr).toContain('vouch: nothing was written, because some files could not be compared;')
    expect(await sums(stage, '--agreed')).toMatchObject({ status: 2, stdout: LIST })
  })
})

describe('-o', () => {
  it.each([
    [['-o', 'a/list'], "'a/list' is inside the replica a, where the list would be compared itself"],
    [['-o', 'there'], 'it is a directory'],
    [['-o', 'nowhere/list'], "cannot write '"],
    [['-o', 'there/'], '--output takes the path of a file'],
  ])('refuses %j', async (args, message) => {
    const stage = createStageWith({ ...SAME, 'there/f': '' })
    const { status, stderr } = await sums(stage, ...args)
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(stage.files()).toEqual(['a', 'b', 'index', 'there'])
  })
})

describe('a coordinator', () => {
  const manifest = (name: string, more = {}) => ({
    ...{ name, agreement: 'unanimous' },
    versions: [{ digest: hash(''), size: 0, modified: null, replicas: ['r1', 'r2'], href: '' }],
    replicas: ['r1', 'r2'].map((id) => ({ id, state: 'match', version: hash(''), ...more })),
  })

  async function sumsOf(lines: readonly unknown[], end?: (response: ServerResponse) => void) {
    const stage = createStage()
    const url = await startScript((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
      response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      end === undefined ? response.end() : end(response)
    })
    const ending = new AbortController()
    const ran = stage.run(['sums', '-o', 'list', '--coordinator', url], { signal: ending.signal })
    return { stage, ran, ending }
  }

  it.each([
    ['breaks off', [manifest('a'), manifest('b')], 'the audit broke off before its end'],
    ['names a file twice', [manifest('a'), manifest('a')], "out of order: 'a'"],
    ['names files out of order', [manifest('b'), manifest('a')], "out of order: 'a'"],
    ['names a file outside', [manifest('../a')], "is not valid, or out of order: '../a'"],
  ])('that %s leaves no list', async (_what, lines, message) => {
    const { stage, ran } = await sumsOf(lines)
    expect(await ran).toMatchObject({ status: 2, stderr: expect.stringContaining(message) })
    expect(stage.files()).toEqual([])
  })

  it('that is interrupted leaves no list', async () => {
    const { stage, ran, ending } = await sumsOf([manifest('a')], () =>
      ending.abort(new Interruption('SIGTERM')),
    )
    expect(await ran).toMatchObject({ status: 143 })
    expect(stage.files()).toEqual([])
  })

  it('that found rot leaves the file out, even where all copies have the same bytes now', async () => {
    const { ran } = await sumsOf([manifest('a', { rottedFrom: hash('x') })])
    const { stderr } = await ran
    expect(stderr).toContain('* a\n')
  })
})

it('asks a single replica only with --single', async () => {
  const stage = createStageWith(SAME)
  const flags = toReplicaFlags('a')
  expect(await stage.run(['sums', ...flags])).toMatchObject({ status: 2, stdout: '' })
  expect(await stage.run(['sums', '--single', ...flags])).toMatchObject({ status: 0, stdout: LIST })
})
