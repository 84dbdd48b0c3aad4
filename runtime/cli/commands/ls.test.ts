import { expect, test } from 'vitest'
import { createMemoryStorage } from '../../../functions/storage/memory.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import {
  createStage,
  createStageWith,
  startCoordinator,
  startScript,
  toReplicaFlags,
} from '../stage.suite.ts'

const ONE = { 'a.txt': 'a', 'docs/a.txt': 'a', 'docs/deep/b.txt': 'b', 'docs/odd.txt': 'first' }
const TWO = { 'a.txt': 'a', 'docs/odd.txt': 'second', 'docs/only.txt': '' }

const dead: Storage = {
  ...createMemoryStorage(),
  describe: (names) => names.map(() => Promise.reject(new StorageError('unreachable', 'gone'))),
  list: () => Promise.reject(new StorageError('unreachable', 'gone')),
}

async function startPair(): Promise<string[]> {
  return await startCoordinator({ one: createMemoryStorage(ONE), two: createMemoryStorage(TWO) })
}

test.each([
  [[], 'a.txt\ndocs/\n'],
  [['docs'], 'docs/a.txt\ndocs/deep/\ndocs/odd.txt\ndocs/only.txt\n'],
  [['docs/'], 'docs/a.txt\ndocs/deep/\ndocs/odd.txt\ndocs/only.txt\n'],
  [['docs/deep/', '--require', 'all'], 'docs/deep/b.txt\n'],
  [['-r'], 'a.txt\ndocs/a.txt\ndocs/deep/b.txt\ndocs/odd.txt\ndocs/only.txt\n'],
  [['--recursive', 'docs/deep'], 'docs/deep/b.txt\n'],
])('ls %j prints the names that any replica lists', async (args, stdout) => {
  const flags = await startPair()
  expect(await createStage().run(['ls', ...args, ...flags])).toEqual({ status: 0, stdout, stderr: '' })
})

test('ls --json prints each name with its copies, and a folder without', async () => {
  const { stdout } = await createStage().run(['ls', 'docs', '--json', ...(await startPair())])
  const [, deep, odd] = stdout.split('\n').map((line) => (line === '' ? null : JSON.parse(line)))
  expect(deep).toEqual({ name: 'docs/deep/' })
  const copies = [
    { id: 'one', size: 5 },
    { id: 'two', size: 6 },
  ]
  expect(odd).toMatchObject({ name: 'docs/odd.txt', copies })
})

test.each([[[]], [['-r']]])(
  'ls %j exits with 3 where a replica sent no list, and with 2 where too few did',
  async (args) => {
    const stage = createStage()
    const flags = [...args, ...(await startCoordinator({ one: createMemoryStorage(ONE), dead }))]
    const partial = await stage.run(['ls', 'docs/deep/', ...flags])
    expect([partial.status, partial.stdout.startsWith('docs/deep/b.txt\n')]).toEqual([3, true])
    expect(partial.stderr).toContain(
      'warning: dead sent no listing, so files that only it holds are left out',
    )
    const toKind = (stdout: string) => JSON.parse(stdout).error.kind
    const strict = await stage.run(['ls', 'docs/deep/', '--json', '--require', 'all', ...flags])
    expect([strict.status, toKind(strict.stdout)]).toEqual([2, 'too-few-answers'])
    const unknown = await stage.run(['ls', 'nowhere/', '--json', ...flags])
    expect([unknown.status, toKind(unknown.stdout)]).toEqual([2, 'existence-unknown'])
    const absent = await stage.run(['ls', 'nowhere/', '--json', ...args, ...(await startPair())])
    expect([absent.status, toKind(absent.stdout)]).toEqual([2, 'not-found'])
  },
)

test.each([['../x'], ['deep/er'], ['a']])(
  'ls refuses the row %j of a server, in the order asked for',
  async (name) => {
    const entries = [
      { type: 'file', name: 'b', copies: [] },
      { type: 'file', name, copies: [] },
    ]
    const listing = { folder: 'docs/', entries, next: null, replicas: [{ id: 'one', state: 'ok' }] }
    const url = await startScript((_request, response) => response.end(JSON.stringify(listing)))
    const { status, stdout } = await createStage().run(['ls', 'docs', '--json', '--coordinator', url])
    expect([status, JSON.parse(stdout).error.kind]).toEqual([2, 'not-a-coordinator'])
  },
)

test('ls refuses a name that is not valid', async () => {
  const { status, stderr } = await createStage().run(['ls', '../a'])
  expect([status, stderr]).toEqual([2, expect.stringContaining("'../a/' is not a valid name of a folder")])
})

test('ls prints control characters escaped, and obeys .vouchignore', async () => {
  const stage = createStageWith({
    'a/f\n\x1b[1m': '1',
    'a/x.tmp': '1',
    'b/y': '2',
    'a/.vouchignore': '*.tmp\n',
  })
  const { stdout } = await stage.run(['ls', ...toReplicaFlags('a', 'b')])
  expect(stdout).toBe('.vouchignore\nf\\u{a}\\u{1b}[1m\ny\n')
})

test('cat prints files one after the other, and of a conflict or a missing file nothing', async () => {
  const stage = createStage()
  const flags = await startPair()
  const run = async (...args: string[]) => await stage.run(['cat', ...args, ...flags])
  expect(await run('a.txt', 'a.txt')).toEqual({ status: 0, stdout: 'aa', stderr: '' })
  const odd = await run('docs/odd.txt', 'a.txt')
  expect(odd).toMatchObject({ status: 1, stdout: 'a' })
  expect(odd.stderr).toMatch(/^docs\/odd.txt: conflict: one ≠ two\nnothing of it was written/)
  const absent = await run('nowhere', 'docs/odd.txt', 'docs/deep/b.txt')
  expect(absent).toMatchObject({ status: 2, stdout: 'b' })
  expect(absent.stderr).toMatch(/^error: nowhere: not found on .*\n/)
  expect(absent.stderr).toContain('warning: docs/deep/b.txt: missing on two\n')
  expect(stage.files()).toEqual([])
  expect((await stage.run(['cat', ...flags])).stderr).toMatch(
    /^vouch: cat takes the name of a file, got none/,
  )
})

test('cat exits with 3 where a replica sent no copy', async () => {
  const flags = await startCoordinator({ one: createMemoryStorage(ONE), dead })
  expect(await createStage().run(['cat', 'a.txt', ...flags])).toMatchObject({ status: 3, stdout: 'a' })
})

test('version prints what runs', async () => {
  const { stdout } = await createStage().run(['version', '--json'])
  const about = { name: 'vouch', version: expect.stringMatching(/^\d/), node: process.versions.node }
  expect(JSON.parse(stdout)).toEqual(about)
  expect((await createStage().run(['version'])).stdout).toMatch(/^vouch \d+\.\d+\.\d+\n$/)
})

test('trouble is one line of JSON with its kind, of every command with --json', async () => {
  const stage = createStageWith({ 'a/f': '1', 'b/f': '2' })
  const kindOf = async (...args: string[]) => {
    const { stdout, stderr } = await stage.run([...args, '--json'])
    const { error } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(stderr).toContain(error.message)
    return error.kind
  }
  const replicas = toReplicaFlags('a', 'b')
  expect(await kindOf('chek')).toBe('usage')
  expect(await kindOf('status', '--coordinator', 'http://127.0.0.1:1')).toBe('unreachable')
  expect(await kindOf('check', 'nowhere/', ...replicas)).toBe('not-found')
  expect(await kindOf('apply', 'nowhere.json', ...replicas, '--writable')).toBe('io')
  expect(await kindOf('explain', 'none', ...replicas)).toBe('not-found')
  expect(await kindOf('get', 'f', '-O', '-o', 'x', ...replicas)).toBe('usage')
})

test('check --summary prints one line, or the summary alone in JSON', async () => {
  const stage = createStageWith({ 'a/f': '1', 'b/f': '2', 'a/g': 'g', 'b/g': 'g', 'a/h': 'h' })
  const run = async (...args: string[]) =>
    await stage.run(['check', '--summary', '--quiet', ...args, ...toReplicaFlags('a', 'b')])
  const stdout = '3 names: 1 the same everywhere, 1 differ, 1 missing on b\n'
  expect(await run()).toEqual({ status: 1, stdout, stderr: '' })
  const json = await run('--json')
  expect(JSON.parse(json.stdout).summary.agreements).toEqual({ unanimous: 1, conflict: 1, incomplete: 1 })
})
