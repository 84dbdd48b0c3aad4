import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createStageWith, hash, type Stage, toReplicaFlags } from '../../stage.suite.ts'

function read({ cwd }: Stage, path: string): string | null {
  return existsSync(join(cwd, path)) ? readFileSync(join(cwd, path), 'utf8') : null
}

const SOURCE = toReplicaFlags('a', 'b')

/** The same, different, and missing on either side. */
function createTrees(): Stage {
  return createStageWith({
    'a/same': '1',
    'b/same': '1',
    'a/differ': 'A',
    'b/differ': 'B',
    'a/dir/only a': 'x',
    'b/only b': 'y',
  })
}

async function plan(stage: Stage, ...args: string[]) {
  const ran = await stage.run(['plan', ...args, ...SOURCE])
  return { ...ran, plan: ran.status < 2 ? JSON.parse(ran.stdout) : null }
}

async function apply(stage: Stage, text: string, ...args: string[]) {
  writeFileSync(join(stage.cwd, 'plan.json'), text)
  return await stage.run(['apply', 'plan.json', ...SOURCE, '--writable', ...args])
}

describe('vouch plan', () => {
  it('fills in missing copies, leaves differences alone, and writes nothing', async () => {
    const stage = createTrees()
    const { status, stdout, stderr, plan: made } = await plan(stage)
    expect(status).toBe(1)
    const steps = made.steps.map(({ name, to }: { name: string; to: string }) => `${name} → ${to}`)
    expect(steps).toEqual(['dir/only a → b', 'only b → a'])
    expect(made.steps[0].seen).toEqual({ a: hash('x'), b: null })
    expect(stderr).toContain('2 steps, 2 B to be written\n1 conflict left alone')
    expect(stdout.split('\n').filter((line) => line.startsWith('{"name"'))).toHaveLength(2)
    expect([read(stage, 'b/dir/only a'), read(stage, 'a/only b')]).toEqual([null, null])
  })

  it('reports a name that only a list has as missing with nothing to copy from', async () => {
    const stage = createStageWith({ 'a/x': 'x', SHA256SUMS: `${hash('x')}  x\n${hash('gone')}  gone\n` })
    const replicas = ['--replica', 'a=a', '--replica', 'then=manifest:SHA256SUMS']
    const { status, stdout, stderr } = await stage.run(['plan', ...replicas])
    expect([status, JSON.parse(stdout).summary]).toMatchObject([0, { steps: 0, left: 1, recorded: 1 }])
    expect(stderr).toContain('1 name is missing with nothing to copy from: only lists have it\n')
    expect(stderr).not.toContain('conflict')
  })

  it.each([
    [['--keep', 'b'], 'B'],
    [['--for', 'differ=keep:a'], 'A'],
    [['--keep', 'b', '--for', 'diff=keep:a', '--for', 'd=fill-missing'], 'A'],
  ])('keeps the copy that %j chooses', async (args, content) => {
    const { plan: made } = await plan(createTrees(), ...args)
    const step = made.steps.find(({ name }: { name: string }) => name === 'differ')
    expect(step.digest).toBe(hash(content))
  })

  it('accepts a prefix and globs, and exits with 0 when there is nothing to do', async () => {
    const stage = createTrees()
    expect((await plan(stage, 'dir/')).plan.steps).toHaveLength(1)
    expect((await plan(stage, '--exclude', 'dir/')).plan.steps).toHaveLength(1)
    const { status, plan: made } = await plan(stage, 'same')
    expect([status, made.steps]).toEqual([0, []])
  })

  it.each([
    [['--keep', 'c'], "keep names no replica 'c'; there is: a, b"],
    [['--keep', 'a', '--newest'], '--keep, --newest, --majority and --repair exclude each other'],
    [
      ['--for', 'dir/=oldest'],
      "--for takes PREFIX=POLICY, got 'dir/=oldest'; POLICY is keep:ID, newest, majority, repair or fill-missing",
    ],
    [['--for', 'dir/'], "got 'dir/'"],
  ])('refuses %j', async (args, line) => {
    const { status, stdout, stderr } = await plan(createTrees(), ...args)
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(line)])
  })

  it('exits with 2, and plans nothing, when a replica does not answer', async () => {
    const stage = createTrees()
    const args = ['plan', '--replica', 'a=a', '--replica', 'b=http://127.0.0.1:1', '--keep', 'a']
    const { status, stdout, stderr } = await stage.run([...args, '--index', 'index'])
    expect([status, JSON.parse(stdout).steps]).toEqual([2, []])
    expect(stderr).toContain('warning: b was skipped')
  })
})

describe('vouch apply', () => {
  it('does the steps of the plan, keeps the replaced contents, and does nothing the second time', async () => {
    const stage = createTrees()
    const { stdout: text } = await plan(stage, '--keep', 'a')
    const { status, stdout, stderr } = await apply(stage, text)
    expect([status, stdout.trimEnd().split('\n').sort()]).toEqual([
      0,
      ['done a only b', 'done b differ', 'done b dir/only a'],
    ])
    expect(stderr).toBe('3 done, 0 done before, 0 skipped, 0 failed\n')
    expect(read(stage, 'b/differ')).toBe('A')
    expect(read(stage, `b/.vouch/kept/${hash('B')}/differ`)).toBe('B')
    expect((await stage.run(['check', ...SOURCE])).status).toBe(0)
    expect((await apply(stage, text)).stderr).toBe('0 done, 3 done before, 0 skipped, 0 failed\n')
    const back = ['restore', 'differ', '--on', 'b', ...SOURCE, '--writable']
    expect((await stage.run(back)).status).toBe(0)
    expect(read(stage, 'b/differ')).toBe('B')
  })

  it('gives a file the name that another replica gave it, and copies nothing', async () => {
    const stage = createStageWith({ 'a/old/file': 'x', 'b/new file': 'x' })
    const { status, stdout: text, stderr } = await plan(stage, '--moves')
    expect([status, stderr.split('\n')[0]]).toEqual([1, '1 step, 1 of them a move, 0 B to be written'])
    const applied = await apply(stage, text)
    expect([applied.status, applied.stdout]).toEqual([0, 'done a old/file -> new file\n'])
    expect([read(stage, 'a/old/file'), read(stage, 'a/new file')]).toEqual([null, 'x'])
    expect((await stage.run(['check', ...SOURCE])).status).toBe(0)
  })

  it('skips what was changed since the plan, and reports it', async () => {
    const stage = createTrees()
    const { stdout: text } = await plan(stage, '--keep', 'a')
    stage.write({ 'b/differ': 'B, changed', 'a/dir/only a': 'x, changed' })
    const { status, stdout } = await apply(stage, text, '--json')
    expect(status).toBe(1)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual({
      name: 'differ',
      to: 'b',
      outcome: 'skipped',
      detail: 'b holds another content than the plan saw',
    })
    expect(lines.at(-1)).toEqual({ summary: { done: 1, already: 0, skipped: 2, failed: 0 } })
    expect([read(stage, 'b/differ'), read(stage, 'b/dir/only a')]).toEqual(['B, changed', null])
  })

  it('applies only the remaining steps of an edited plan, also from standard input', async () => {
    const stage = createTrees()
    const { plan: made } = await plan(stage, '--keep', 'a')
    const cut = { ...made, steps: made.steps.slice(1, 2) }
    const stdin = Readable.from([JSON.stringify(cut, null, 2)])
    expect((await stage.run(['apply', '-', ...SOURCE, '--writable'], { stdin })).status).toBe(0)
    expect([read(stage, 'b/dir/only a'), read(stage, 'b/differ'), read(stage, 'a/only b')]).toEqual([
      'x',
      'B',
      null,
    ])
  })

  it.each([
    [['apply', 'plan.json', ...SOURCE], 'add --writable to allow it'],
    [['apply', 'plan.json', '--writable'], '--writable needs --replica'],
    [['apply', ...SOURCE, '--writable'], 'apply takes PLAN'],
    [['apply', 'none.json', ...SOURCE, '--writable'], 'cannot read none.json'],
    [
      ['apply', 'a/same', ...SOURCE, '--writable'],
      'a/same: this resource takes a plan as POST /plan makes it',
    ],
    [['apply', 'a/differ', ...SOURCE, '--writable'], 'a/differ is not valid JSON: '],
  ])('refuses %j, and writes nothing', async (args, line) => {
    const stage = createTrees()
    writeFileSync(join(stage.cwd, 'plan.json'), (await plan(stage)).stdout)
    const { status, stdout, stderr } = await stage.run(args)
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(line)])
    expect(read(stage, 'a/only b')).toBeNull()
  })
})
