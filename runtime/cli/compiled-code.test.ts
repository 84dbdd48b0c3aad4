import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { finish, startVouch } from './process.suite.ts'
import { createStageWith, type Stage } from './stage.suite.ts'

let stage: Stage

beforeEach(() => {
  stage = createStageWith({ 'a/f': '1', 'b/f': '1', 'a/g': '2', 'b/g': '2' })
})

async function run(...args: readonly string[]) {
  const { NODE_COMPILE_CACHE: _, ...others } = process.env
  return await finish(
    startVouch(args, stage.cwd, [], { ...others, XDG_CACHE_HOME: join(stage.cwd, 'cache') }),
  )
}

const get = async () => await run('get', 'f', '--replica', 'a=a', '--replica', 'b=b', '-o', '-')

/** Where the code of `get` is kept. */
function findCode(): string {
  const directory = join(stage.cwd, 'cache/vouch/compiled')
  const [name = ''] = readdirSync(directory).filter((name) => name.startsWith('vouch-get-main-'))
  return join(directory, name)
}

test('a run keeps the code that it compiled, and another leaves it as it is', async () => {
  expect((await get()).status).toBe(0)
  const [code, { ino, mode }] = [readFileSync(findCode()), statSync(findCode())]
  expect(mode & 0o777).toBe(0o600)
  expect(code.includes('sayReceived')).toBe(true)
  expect((await get()).said[0]).toBe('1')
  expect(statSync(findCode()).ino).toBe(ino)
})

test('damaged code is not run, but replaced', async () => {
  await get()
  const code = readFileSync(findCode())
  for (const at of [0, code.length / 2, code.length - 1]) {
    const damaged = Buffer.from(code)
    damaged[Math.floor(at)] = (damaged[Math.floor(at)] ?? 0) ^ 1
    writeFileSync(findCode(), damaged)
    expect(await get()).toMatchObject({ status: 0, said: ['1', expect.any(String)] })
    expect(readFileSync(findCode()).equals(damaged)).toBe(false)
  }
})

test('code that another user could have written is not run, but replaced', async () => {
  await get()
  chmodSync(findCode(), 0o666)
  const { ino } = statSync(findCode())
  expect((await get()).status).toBe(0)
  expect(statSync(findCode())).not.toMatchObject({ ino })
  expect(statSync(findCode()).mode & 0o777).toBe(0o600)
})

test('a link, a FIFO and a directory that others can write to are not read', async () => {
  await get()
  const file = findCode()
  renameSync(file, `${file}.there`)
  symlinkSync(`${file}.there`, file)
  expect((await get()).status).toBe(0)
  expect(lstatSync(file).isFile()).toBe(true)
  rmSync(file)
  expect(spawnSync('mkfifo', [file]).status).toBe(0)
  expect((await get()).status).toBe(0)
  expect(lstatSync(file).isFile()).toBe(true)
  const { ino } = statSync(file)
  chmodSync(dirname(file), 0o777)
  expect((await get()).status).toBe(0)
  expect(statSync(file).ino).not.toBe(ino)
})

test('commands that end soon read one file, which has all that they run; others read a second', async () => {
  const replicas = ['--replica', 'a=a', '--replica', 'b=b']
  const often = [['help', 'get'], ['get', 'f'], ['get', 'f', 'g'], ['cat', 'f'], ['ls'], ['check']] as const
  for (const [command, ...args] of often) await run(command, ...args, ...(command === 'help' ? [] : replicas))
  expect((await run('key', 'generate', 'own.key')).status).toBe(0)
  const kept = readdirSync(join(stage.cwd, 'cache/vouch/compiled'))
  const files = kept.flatMap((name) => /^vouch-(\w+-(?:main|rest))-/.exec(name)?.[1] ?? [])
  const ofOften = ['cat-main', 'check-main', 'get-main', 'help-main', 'ls-main']
  expect(files.sort()).toEqual([...ofOften, 'key-main', 'key-rest'].sort())
})

test('a run that was trouble keeps no code, and none has the name of what is no command', async () => {
  expect((await run('get', 'gone', '--replica', 'a=a', '--replica', 'b=b')).status).toBe(2)
  await run('../get', 'f')
  expect(readdirSync(join(stage.cwd, 'cache/vouch/compiled')).filter((name) => /^vouch/.test(name))).toEqual(
    [],
  )
  expect(existsSync(join(stage.cwd, 'cache/vouch/get'))).toBe(false)
})
