import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { asNobody } from '../../node/directory-setup.suite.ts'
import { createMounts, type Mounts } from '../../node/mounts/mounted.suite.ts'
import { createStage, type Stage } from '../stage.suite.ts'

let mounts: Mounts
let stage: Stage
beforeEach(() => {
  mounts = createMounts()
  stage = createStage()
})
afterEach(() => mounts.close())

const REPLICAS = ['--replica', 'a=a', '--replica', 'b=b', '--index', 'index']

function run(command: string, ...args: string[]) {
  return stage.run([command, ...args, ...REPLICAS])
}

function write(path: string, text = path): void {
  mkdirSync(join(stage.cwd, path, '..'), { recursive: true })
  writeFileSync(join(stage.cwd, path), text)
}

async function plan() {
  const planned = await run('plan')
  writeFileSync(join(stage.cwd, 'plan.json'), planned.stdout)
  return planned
}

it('accepts a directory after a disk below it was removed, whose names are errors until then', async () => {
  const at = join(stage.cwd, 'b/photos')
  for (const path of ['a/x', 'a/photos/1', 'b/x']) write(path, 'same')
  mounts.mount(mounts.make('image', 'ext4'), at)
  write('b/photos/1', 'same')
  expect(await run('check')).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/^2 names: 2 the same everywhere\n/),
  })
  await mounts.unmount(at)

  const checked = await run('check')
  expect(checked.status).toBe(2)
  expect(checked.stdout).toContain('! photos/')
  expect(checked.stdout).not.toContain('- photos')
  await plan()
  await stage.run(['apply', 'plan.json', ...REPLICAS, '--writable'])
  expect(readdirSync(at)).toEqual([])

  const marked = await stage.run(['mark', 'b', '--index', 'index'])
  expect(marked).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(join(stage.cwd, 'b/.vouch/replica'), 'utf8')).toBe(marked.stdout)
  expect(await run('check')).toMatchObject({ status: 1, stdout: '+ photos/1\n' })
})

it('creates a marker once, without which the directory is not the replica', async () => {
  for (const path of ['a/x', 'b/x']) write(path, 'same')
  const marked = await stage.run(['mark', 'b', '--index', 'index'])
  expect(marked).toEqual(await stage.run(['mark', 'b', '--index', 'index']))
  expect(await run('check')).toMatchObject({ status: 0 })
  for (const path of ['x', '.vouch']) rmSync(join(stage.cwd, 'b', path), { recursive: true })
  const { status, stderr } = await run('check')
  expect(status).toBe(2)
  expect(stderr).toContain("its marker '.vouch/replica' is not there")
  expect(stderr).toContain("run 'vouch mark' on it")
  await stage.run(['mark', 'b', '--index', 'index'])
  expect(await run('check')).toMatchObject({ status: 1, stdout: '+ x\n' })
})

it('refuses an operand that is not a directory, or cannot be written to', async () => {
  write('file')
  expect(await stage.run(['mark'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('mark takes DIR'),
  })
  expect((await stage.run(['mark', 'file'])).stderr).toContain('is not a directory')
  expect((await stage.run(['mark', 'none'])).stderr).toContain(
    "cannot mark 'none': no such file or directory",
  )
  mkdirSync(join(stage.cwd, 'theirs'))
  const refused = await asNobody(() => stage.run(['mark', 'theirs', '--index', 'index']))
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('permission denied') })
})

it('apply does not write a name to and fro where the file system takes it for another, and reports it', async () => {
  mounts.mount(mounts.make('image', 'ntfs'), join(stage.cwd, 'b'))
  write('a/A.txt', 'one')
  write('b/a.txt', 'two')
  for (let round = 1; round <= 2; round++) {
    const checked = await run('check')
    expect(checked.stdout).toContain('+ A.txt\n')
    expect(checked.stdout).not.toContain('*')
    await plan()
    const applied = await stage.run(['apply', 'plan.json', ...REPLICAS, '--writable'])
    expect(applied.status).toBe(2)
    expect(applied.stdout + applied.stderr).toContain("takes 'A.txt' for 'a.txt'")
    expect(readFileSync(join(stage.cwd, 'b/a.txt'), 'utf8')).toBe('two')
    expect(readFileSync(join(stage.cwd, 'a/A.txt'), 'utf8')).toBe('one')
    expect(existsSync(join(stage.cwd, 'a/a.txt'))).toBe(true)
  }
})
