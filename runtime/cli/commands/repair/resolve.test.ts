import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../../functions/storage/memory.ts'
import { isAbsence } from '../../../node/files/errno.ts'
import { finish, startVouch } from '../../process.suite.ts'
import {
  createStageWith,
  type Files,
  hash,
  type Ran,
  type Stage,
  startCoordinator,
  toReplicaFlags,
} from '../../stage.suite.ts'

const A = 'one\nours\nthree\n'
const B = 'one\ntheirs\nthree\n'
const MERGED = 'one\nboth\nthree\n'

function createCopies(files: Files = { 'a/d/notes.txt': A, 'b/d/notes.txt': B }): Stage {
  return createStageWith(files)
}

const NAME = 'd/notes.txt'
const RESULT = 'resolved/d/notes.txt'
const LIST = `${RESULT}.vouch-conflict.json`

async function resolve(
  stage: Stage,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return await stage.run(['resolve', NAME, ...toReplicaFlags('a', 'b'), ...args], {
    env: { PATH: process.env['PATH'], ...env },
  })
}

/** Runs a shell script as `$MERGETOOL`. */
async function resolveWith(stage: Stage, script: string, args: readonly string[] = []): Promise<Ran> {
  writeFileSync(join(stage.cwd, 'tool.sh'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(stage.cwd, 'tool.sh'), 0o700)
  return await resolve(stage, args, { MERGETOOL: './tool.sh "$@"' })
}

async function apply(stage: Stage, { stdout }: Ran, ...ids: readonly string[]): Promise<Ran> {
  stage.write({ 'plan.json': stdout })
  return await stage.run(['apply', 'plan.json', ...toReplicaFlags(...ids), '--writable'])
}

function read(stage: Stage, path: string): string | null {
  try {
    return stage.read(path)
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

describe('vouch resolve', () => {
  it('plans what MERGETOOL writes over each copy; apply keeps what it replaces', async () => {
    const stage = createCopies()
    const ran = await resolveWith(stage, `printf '${MERGED.replaceAll('\n', '\\n')}' > "$MERGED"`)
    expect(ran).toMatchObject({
      status: 0,
      stderr: [
        'd/notes.txt: conflict: a ≠ b',
        `wrote ${RESULT}`,
        '2 steps, 30 B to be written',
        'no replica holds the result yet: give apply --replica resolved=resolved too\n',
      ].join('\n'),
    })
    const digest = hash(MERGED)
    const seen = { a: hash(A), b: hash(B), resolved: digest }
    const step = { name: NAME, digest, size: MERGED.length, seen }
    expect(JSON.parse(ran.stdout)).toMatchObject({
      vouch: 'plan',
      version: 1,
      replicas: ['a', 'b', 'resolved'],
      steps: [
        { ...step, to: 'a' },
        { ...step, to: 'b' },
      ],
    })
    expect([read(stage, `a/${NAME}`), read(stage, `b/${NAME}`)]).toEqual([A, B])
    expect(await apply(stage, ran, 'a', 'b', 'resolved')).toMatchObject({
      status: 0,
      stderr: '2 done, 0 done before, 0 skipped, 0 failed\n',
    })
    expect([read(stage, `a/${NAME}`), read(stage, `b/${NAME}`)]).toEqual([MERGED, MERGED])
    expect((await stage.run(['check', ...toReplicaFlags('a', 'b')])).status).toBe(0)
    expect(readdirSync(join(stage.cwd, 'resolved'))).toEqual(['d'])
    const back = ['restore', NAME, '--on', 'b', ...toReplicaFlags('a', 'b'), '--writable']
    expect((await stage.run(back)).status).toBe(0)
    expect(read(stage, `b/${NAME}`)).toBe(B)
  })

  it('gives MERGETOOL what git gives mergetool.NAME.cmd, and leaves only the result and its list', async () => {
    const stage = createCopies()
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('vouch-resolve-'))
    const script = `cat "$LOCAL" "$REMOTE" "$BASE" > "$MERGED.new"
      [ "$1" = "$LOCAL" ] && [ "$2" = "$REMOTE" ] && [ $# = 2 ] && cp "$MERGED" marked && mv "$MERGED.new" "$MERGED"
      echo talk; basename "$LOCAL" > names; basename "$REMOTE" >> names`
    const ran = await resolveWith(stage, script)
    expect(ran.status).toBe(0)
    expect([read(stage, RESULT), read(stage, 'names')]).toEqual([
      A + B,
      'notes.a_version.txt\nnotes.b_version.txt\n',
    ])
    expect(read(stage, 'marked')).toContain('one\n<<<<<<< a\nours\n')
    expect(ran.stdout).not.toContain('talk')
    expect(readdirSync(join(stage.cwd, 'resolved/d'))).toEqual(['notes.txt', 'notes.txt.vouch-conflict.json'])
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('vouch-resolve-'))).toEqual(before)
  })

  it('has git mark the differences without MERGETOOL, and plans the result once they are edited', async () => {
    const stage = createCopies()
    const first = await resolve(stage)
    expect(first).toMatchObject({ status: 1, stdout: '' })
    expect(first.stderr).toContain(
      `not resolved: differences are marked in ${RESULT} (<<<<<<< a); edit it, and run this again with --edited\n`,
    )
    expect(read(stage, RESULT)).toBe('one\n<<<<<<< a\nours\n=======\ntheirs\n>>>>>>> b\nthree\n')
    expect(await resolve(stage)).toMatchObject({
      status: 2,
      stderr: `vouch: '${RESULT}' is there already; --edited plans the result of an earlier run, or remove it to begin again\n`,
    })
    expect(await resolve(stage, ['--edited'])).toMatchObject({ status: 1, stdout: '' })
    stage.write({ [RESULT]: MERGED })
    const edited = await resolve(stage, ['--edited'])
    expect(edited.status).toBe(0)
    expect((await apply(stage, edited, 'a', 'b', 'resolved')).status).toBe(0)
    expect([read(stage, `a/${NAME}`), read(stage, `b/${NAME}`)]).toEqual([MERGED, MERGED])
  })

  it('overwrites no result that has the path of the list of the versions', async () => {
    const other = `${NAME}.vouch-conflict.json`
    const stage = createCopies({ [`a/${NAME}`]: A, [`b/${NAME}`]: B, [`a/${other}`]: A, [`b/${other}`]: B })
    const flags = toReplicaFlags('a', 'b')
    await stage.run(['resolve', other, ...flags], { env: process.env })
    const made = read(stage, LIST)
    expect(made).toContain('<<<<<<< a')
    expect(await resolve(stage)).toMatchObject({
      status: 2,
      stderr: `vouch: '${LIST}' is there already, and is no list of versions; move it away, or -o names another directory\n`,
    })
    expect([read(stage, LIST), read(stage, RESULT)]).toEqual([made, null])
  })

  it('plans no edited result of other versions than the copies are now', async () => {
    const stage = createCopies()
    await resolve(stage)
    stage.write({ [RESULT]: MERGED, [`b/${NAME}`]: 'changed' })
    const ran = await resolve(stage, ['--edited', '--json'])
    expect([ran.status, JSON.parse(ran.stdout)]).toEqual([
      2,
      {
        error: {
          kind: 'changed-while-reading',
          message: expect.stringContaining('the copies have changed since'),
        },
      },
    ])
  })

  it('plans a result that is one of the versions from its holder', async () => {
    const stage = createCopies()
    const ran = await resolveWith(stage, 'cat "$REMOTE" > "$MERGED"')
    expect(ran).toMatchObject({
      status: 0,
      stderr: `d/notes.txt: conflict: a ≠ b\nwrote ${RESULT}\n1 step, 17 B to be written\n`,
    })
    expect((await apply(stage, ran, 'a', 'b')).stdout).toBe(`done a ${NAME}\n`)
    expect(read(stage, `a/${NAME}`)).toBe(B)
  })

  it('copies nothing over a copy that changes meanwhile', async () => {
    const stage = createCopies()
    const ran = await resolveWith(stage, `echo changed > b/${NAME}; echo merged > "$MERGED"`)
    expect(ran.status).toBe(0)
    const { status, stdout } = await apply(stage, ran, 'a', 'b', 'resolved')
    expect([status, stdout]).toEqual([1, expect.stringContaining('skipped b')])
    expect([read(stage, `a/${NAME}`), read(stage, `b/${NAME}`)]).toEqual([A, 'changed\n'])
  })

  it.each([
    ['true', 'MERGETOOL ended with exit status 0 and wrote no result'],
    [': > "$MERGED"', 'MERGETOOL ended with exit status 0 and left the result empty'],
    ['rm "$MERGED"', 'MERGETOOL ended with exit status 0 and wrote no result'],
    ['exit 3', 'MERGETOOL ended with exit status 3 and wrote no result'],
    ['kill -9 $$', 'wrote no result'],
  ])('plans nothing, and leaves nothing, when MERGETOOL is %j', async (script, words) => {
    const stage = createCopies()
    const { status, stdout, stderr } = await resolveWith(stage, script, ['--json'])
    expect([status, JSON.parse(stdout).error.kind, stderr]).toEqual([
      2,
      'failed-merge',
      expect.stringContaining(words),
    ])
    expect(readdirSync(join(stage.cwd, 'resolved/d'))).toEqual([])
  })

  it('keeps what MERGETOOL wrote before it failed', async () => {
    const stage = createCopies()
    const ran = await resolveWith(stage, 'echo half > "$MERGED"; exit 1')
    expect(ran).toMatchObject({ status: 1, stdout: '' })
    expect(ran.stderr).toContain(
      `MERGETOOL ended with exit status 1, and what it wrote is in ${RESULT}; --edited plans it`,
    )
    expect((await resolve(stage, ['--edited'])).status).toBe(0)
  })

  it('plans no result of MERGETOOL in which marks are left', async () => {
    const stage = createCopies()
    const ran = await resolveWith(stage, 'echo more >> "$MERGED"')
    expect([ran.status, ran.stdout]).toEqual([1, ''])
    expect(read(stage, LIST)).not.toBeNull()
  })

  it.each([
    [{ 'a/d/notes.txt': 'x\0y', 'b/d/notes.txt': 'x\0z' }, 'Cannot merge binary files'],
    [{ 'a/d/notes.txt': '', 'b/d/notes.txt': B }, 'one of them is empty'],
  ])('does not choose what git cannot merge: %j', async (files, words) => {
    const stage = createCopies(files)
    const { status, stderr } = await resolve(stage)
    expect([status, stderr]).toEqual([2, expect.stringContaining(words)])
    expect(readdirSync(join(stage.cwd, 'resolved/d'))).toEqual([])
  })

  it('reports that git is not installed', async () => {
    const { status, stderr } = await resolve(createCopies(), [], { PATH: '/nowhere' })
    expect([status, stderr]).toEqual([2, expect.stringContaining('git is not installed')])
  })

  it('takes three versions only with a MERGETOOL that names them all', async () => {
    const stage = createCopies({
      'a/d/notes.txt': A,
      'b/d/notes.txt': B,
      'c/d/notes.txt': 'C\n',
      'e/other': '',
    })
    const flags = toReplicaFlags('a', 'b', 'c', 'e')
    const run = (MERGETOOL: string) =>
      stage.run(['resolve', NAME, ...flags], { env: { PATH: process.env['PATH'], MERGETOOL } })
    expect((await run('')).stderr).toContain('there are 3 versions, and git merge-file takes two')
    expect((await run('cat "$LOCAL" > "$MERGED"')).stderr).toContain(
      'MERGETOOL takes two, as LOCAL and REMOTE',
    )
    const ran = await run('! printenv LOCAL && cat "$@" > "$MERGED"')
    expect([ran.status, read(stage, RESULT)]).toEqual([0, `${A}${B}C\n`])
    expect((await apply(stage, ran, 'a', 'b', 'c', 'e', 'resolved')).status).toBe(0)
    expect(read(stage, `e/${NAME}`)).toBe(`${A}${B}C\n`)
  })

  it('plans nothing for copies that do not differ', async () => {
    const stage = createCopies({ 'a/d/notes.txt': A, 'b/d/notes.txt': A, 'a/only': '' })
    const ran = await resolve(stage)
    expect(ran).toMatchObject({ status: 0, stderr: 'd/notes.txt: unanimous: nothing to resolve\n' })
    expect((await apply(stage, ran, 'a', 'b')).status).toBe(0)
    const { status, stderr } = await stage.run(['resolve', 'only', ...toReplicaFlags('a', 'b')])
    expect([status, stderr]).toEqual([
      0,
      "only: incomplete: nothing to resolve; 'vouch plan' copies it to where it is missing\n",
    ])
    expect(readdirSync(stage.cwd)).not.toContain('resolved')
  })

  it.each([
    [['resolve'], 'usage', 'resolve takes the name of a file'],
    [['resolve', 'none', ...toReplicaFlags('a', 'b')], 'not-found', 'none: '],
    [
      ['resolve', NAME, '--replica', 'a=a', '--replica', 'b=http://127.0.0.1:1'],
      'unreachable',
      'no copy from b',
    ],
    [['resolve', NAME, ...toReplicaFlags('a', 'b'), '-o', '.'], 'usage', "the replica a is inside '.'"],
    [['resolve', NAME, ...toReplicaFlags('a', 'b'), '-o', 'a/x'], 'usage', 'is inside the replica a'],
    [
      ['resolve', NAME, ...toReplicaFlags('a', 'b'), '--edited'],
      'io',
      'there is no result of an earlier run',
    ],
    [['resolve', NAME, ...toReplicaFlags('a', 'resolved')], 'usage', "'resolved' is the id of the result"],
  ])('refuses %j', async (args, kind, words) => {
    const stage = createCopies({ 'a/d/notes.txt': A, 'b/d/notes.txt': B, 'resolved/other': '' })
    const { status, stdout, stderr } = await stage.run([...args, '--json'])
    expect([status, JSON.parse(stdout).error.kind, stderr]).toEqual([2, kind, expect.stringContaining(words)])
  })

  it.each([
    ['resolved', 'not a directory'],
    [`${RESULT}/x`, 'it is a directory'],
    [`${LIST}/x`, 'it is a directory'],
  ])('removes nothing when %s is in the way of the result', async (path, words) => {
    const stage = createCopies({ 'a/d/notes.txt': A, 'b/d/notes.txt': B, [path]: 'x' })
    const { status, stderr } = await resolve(stage)
    expect([status, stderr, read(stage, path)]).toEqual([2, expect.stringContaining(words), 'x'])
    expect(stderr).not.toContain('bug')
  })

  it('waits for MERGETOOL when Ctrl-C is pressed in it, and leaves what that writes', async () => {
    const stage = createCopies()
    // Waits until the signal is no longer pending: bit 2 of the last digit.
    const press = 'kill -INT $PPID; while grep -q "^ShdPnd:.*[2367abef]$" /proc/$PPID/status; do :; done'
    const MERGETOOL = `${press}; ${press}; echo talk; echo merged > "$MERGED"`
    const args = ['resolve', NAME, ...toReplicaFlags('a', 'b')]
    const { status, said } = await finish(startVouch(args, stage.cwd, [], { ...process.env, MERGETOOL }))
    expect(said).toEqual(['', expect.stringContaining(`what it wrote is in ${RESULT}`)])
    expect([status, read(stage, RESULT)]).toEqual([130, 'merged\n'])
    expect((await resolve(stage, ['--edited'])).status).toBe(0)
  })

  it('writes through no symbolic link in the directory of results', async () => {
    const stage = createCopies()
    mkdirSync(join(stage.cwd, 'resolved'))
    symlinkSync('../a/d', join(stage.cwd, 'resolved/d'))
    expect(await resolve(stage)).toMatchObject({ status: 2, stdout: '' })
    expect(readdirSync(join(stage.cwd, 'a/d'))).toEqual(['notes.txt'])
  })

  it('plans only one of the versions through a coordinator elsewhere', async () => {
    const stage = createCopies()
    const copies = { a: createMemoryStorage({ [NAME]: A }), b: createMemoryStorage({ [NAME]: B }) }
    const source = await startCoordinator(copies, { writable: true })
    const run = (MERGETOOL: string) =>
      stage.run(['resolve', NAME, ...source], { env: { PATH: process.env['PATH'], MERGETOOL } })
    const warning = 'warning: a coordinator elsewhere cannot read the result from this machine'
    const chosen = await run('cat "$LOCAL" > "$MERGED"')
    expect([chosen.status, chosen.stderr]).toEqual([0, expect.stringContaining(warning)])
    stage.write({ 'plan.json': chosen.stdout })
    expect((await stage.run(['apply', 'plan.json', ...source])).stdout).toBe(`done b ${NAME}\n`)
  })

  it('says where a new content is that no coordinator elsewhere can read', async () => {
    const stage = createCopies()
    const source = await startCoordinator({
      a: createMemoryStorage({ [NAME]: A }),
      b: createMemoryStorage({ [NAME]: B }),
    })
    const env = { PATH: process.env['PATH'], MERGETOOL: 'echo new > "$MERGED"' }
    const { status, stdout, stderr } = await stage.run(['resolve', NAME, ...source], { env })
    expect([status, stdout, stderr]).toEqual([
      2,
      '',
      expect.stringContaining(`copy ${RESULT} to one replica`),
    ])
    expect(read(stage, RESULT)).toBe('new\n')
  })

  it('writes to no list, also where it lacks the name', async () => {
    const stage = createCopies()
    stage.write({ SHA256SUMS: `${hash('x')}  other\n` })
    const ran = await resolveWith(stage, 'echo merged > "$MERGED"', ['--replica', 'then=manifest:SHA256SUMS'])
    expect(JSON.parse(ran.stdout).steps.map(({ to }: { to: string }) => to)).toEqual(['a', 'b'])
  })
})
