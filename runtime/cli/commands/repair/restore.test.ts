import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createCoordinator } from '../../../../functions/coordinator/coordinator.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../../functions/storage/memory.ts'
import type { Storage, WritableStorage } from '../../../../functions/storage/storage.ts'
import { readBytes } from '../../../../functions/storage/suite/suite-tools.suite.ts'
import { StorageError } from '../../../../functions/wire/storage-error.ts'
import { createDirectoryStorage } from '../../../node/directory-storage.ts'
import { createHasher } from '../../../node/hasher.ts'
import { serve } from '../../../node/http/serve.ts'
import { createStage, hash, sendProblem, startScript } from '../../stage.suite.ts'

const short = (text: string) => hash(text).slice(0, 12)

async function put(storage: WritableStorage, name: string, text: string, replaces: string): Promise<void> {
  const options = { size: Buffer.byteLength(text), digest: hash(text), replaces: hash(replaces) }
  await storage.put(name, new Blob([text]).stream(), options)
}

/** A replica on which `name` held each of these one after the other, the last of which it still holds. */
async function createWritten(name: string, ...texts: readonly string[]): Promise<MemoryStorage> {
  const storage = createMemoryStorage({ [name]: texts[0] ?? '' })
  for (let i = 1; i < texts.length; i++) await put(storage, name, texts[i] ?? '', texts[i - 1] ?? '')
  return storage
}

/** A coordinator of these replicas over a socket; resolves with the flags that name it. */
async function startCoordinator(replicas: Record<string, Storage>, writable = true): Promise<string[]> {
  const list = Object.entries(replicas).map(([id, storage]) => ({ id, storage }))
  const app = createCoordinator(list, { createHasher, writable })
  const served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  return ['--coordinator', served.url]
}

const dead: Storage = {
  ...createMemoryStorage(),
  listKept: () => Promise.reject(new StorageError('unreachable', 'the replica refused the connection')),
}

const readText = async (storage: Storage, name: string) =>
  new TextDecoder().decode(await readBytes(storage, name))

const WHEN = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d [-+]\\d\\d:\\d\\d'

test('the kept contents of every replica are listed with time, size, digest and name', async () => {
  const stage = createStage()
  const server1 = await createWritten('a.txt', 'one', 'two')
  const flags = await startCoordinator({
    server1,
    nas: await createWritten('b\u001b[2J.txt', 'x'.repeat(2048), ''),
  })
  const { status, stdout, stderr } = await stage.run(['restore', ...flags])
  expect([status, stderr]).toEqual([0, ''])
  const [first, second, ...more] = stdout.split('\n')
  expect(first).toMatch(new RegExp(`^server1  ${WHEN} {8}3 B  ${short('one')}  a\\.txt$`))
  expect(second).toMatch(
    new RegExp(`^nas {6}${WHEN} +2(\\.0)? KiB  ${short('x'.repeat(2048))}  b\\\\u\\{1b\\}\\[2J\\.txt$`),
  )
  expect(more).toEqual([''])
})

test('the kept contents of one name are listed, as JSON where a program reads', async () => {
  const stage = createStage()
  const server1 = await createWritten('a.txt', 'one', 'two', 'three')
  server1.set('b.txt', 'b')
  await put(server1, 'b.txt', 'new', 'b')
  const flags = await startCoordinator({ server1, server2: createMemoryStorage() })
  const { status, stdout } = await stage.run(['restore', 'a.txt', '--json', ...flags])
  expect(status).toBe(0)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  const toLine = (text: string) => ({
    replica: 'server1',
    name: 'a.txt',
    digest: hash(text),
    size: text.length,
    kept: expect.stringMatching(/Z$/),
  })
  expect(lines).toHaveLength(2)
  expect(lines).toEqual(expect.arrayContaining([toLine('one'), toLine('two')]))
})

test('restore reports that no replaced contents are kept', async () => {
  const stage = createStage()
  const flags = await startCoordinator({ server1: createMemoryStorage() })
  expect(await stage.run(['restore', ...flags])).toEqual({
    status: 0,
    stdout: '',
    stderr: 'no replaced contents are kept\n',
  })
  const { stderr } = await stage.run(['restore', 'a.txt', ...flags])
  expect(stderr).toBe('a.txt: no replaced contents are kept\n')
})

test('a replica that does not list its kept contents is reported, and the others are listed', async () => {
  const stage = createStage()
  const flags = await startCoordinator({ server1: dead, server2: await createWritten('a', 'one', 'two') })
  const { status, stdout, stderr } = await stage.run(['restore', ...flags])
  expect(status).toBe(2)
  expect(stdout).toMatch(/^server2 .* a\n$/)
  expect(stderr).toMatch(
    /^warning: server1 did not list its kept contents: .*the replica refused the connection\n$/,
  )
})

test('a kept content is restored, and the replaced one is kept', async () => {
  const stage = createStage()
  const replicas = {
    server1: await createWritten('a', 'one', 'two'),
    server2: await createWritten('a', 'one', 'two'),
  }
  const flags = await startCoordinator(replicas)
  expect(await stage.run(['restore', 'a', '--on', 'server2', ...flags])).toEqual({
    status: 0,
    stdout: '',
    stderr: `a: put ${short('one')} (3 B) back on server2\na: ${short('two')}, which it replaced, is kept\n`,
  })
  expect(await readText(replicas.server1, 'a')).toBe('two')
  expect(await readText(replicas.server2, 'a')).toBe('one')
  const again = await stage.run([
    'restore',
    'a',
    '--on',
    'server2',
    '--digest',
    hash('two'),
    '--json',
    ...flags,
  ])
  const printed = { replica: 'server2', name: 'a', digest: hash('two'), size: 3, replaced: hash('one') }
  expect([again.status, JSON.parse(again.stdout)]).toEqual([0, printed])
})

test('a kept content is restored to a name without a file', async () => {
  const stage = createStage()
  const server1 = await createWritten('dir/a', 'one', 'two')
  server1.delete('dir/a')
  const flags = await startCoordinator({ server1 })
  const { status, stderr } = await stage.run(['restore', 'dir/a', '--on', 'server1', ...flags])
  expect([status, stderr]).toEqual([0, `dir/a: put ${short('one')} (3 B) back on server1\n`])
  expect(await readText(server1, 'dir/a')).toBe('one')
})

test('an ambiguous digest is refused, and the refusal lists the contents', async () => {
  const stage = createStage()
  const server1 = await createWritten('a', 'one', 'two', 'three')
  const flags = ['--on', 'server1', ...(await startCoordinator({ server1 }))]
  const refused = await stage.run(['restore', 'a', ...flags])
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('vouch: server1 keeps 2 contents of a; choose one with --digest: ')
  for (const text of ['one', 'two'])
    expect(refused.stderr).toMatch(new RegExp(`${short(text)} \\(3 B, ${WHEN}\\)`))
  expect(await readText(server1, 'a')).toBe('three')
  const none = await stage.run(['restore', 'a', '--digest', '0000', ...flags])
  expect(none.stderr).toBe(
    "vouch: server1 keeps no content whose digest begins with 0000, of a; 'vouch restore' lists what is kept\n",
  )
  expect((await stage.run(['restore', 'a', '--digest', hash('two').slice(0, 6), ...flags])).status).toBe(0)
  expect(await readText(server1, 'a')).toBe('two')
})

test('a copy that changes meanwhile is skipped, with exit status 1', async () => {
  const stage = createStage()
  const memory = await createWritten('a', 'one', 'two')
  const server1: WritableStorage = {
    ...memory,
    restore(name, options) {
      memory.set('a', 'theirs')
      return memory.restore(name, options)
    },
  }
  const flags = await startCoordinator({ server1 })
  const { status, stderr } = await stage.run(['restore', 'a', '--on', 'server1', ...flags])
  expect([status, stderr]).toEqual([1, 'a: skipped: the copy on server1 changed in the meantime\n'])
  expect(await readText(memory, 'a')).toBe('theirs')
})

test('a refusal of the coordinator is an error in one line', async () => {
  const stage = createStage()
  const server1 = await createWritten('a', 'one', 'two')
  const reading = await startCoordinator({ server1 }, false)
  const refused = await stage.run(['restore', 'a', '--on', 'server1', ...reading])
  expect(refused.status).toBe(2)
  expect(refused.stderr).toMatch(
    /^vouch: a: .*this coordinator was not opened for writing; .* with --writable to allow writes\n$/,
  )
  const unknown = await stage.run(['restore', 'a', '--on', 'x&name=b', ...reading])
  expect(unknown.status).toBe(2)
  expect(unknown.stderr).toContain("--on names no replica 'x&name=b'; there is: server1")
  const missing = await stage.run(['restore', 'b', '--on', 'server1', ...reading])
  expect(missing.stderr).toBe("vouch: server1 keeps no content of b; 'vouch restore' lists what is kept\n")
  expect(await readText(server1, 'a')).toBe('two')
})

test('a copy that cannot be read is not overwritten', async () => {
  const stage = createStage()
  const memory = await createWritten('a', 'one', 'two')
  const failing = () => [Promise.reject(new StorageError('unreadable', 'cannot be read (EIO)'))]
  const flags = await startCoordinator({ server1: { ...memory, describe: failing } })
  const { status, stderr } = await stage.run(['restore', 'a', '--on', 'server1', ...flags])
  expect(status).toBe(2)
  expect(stderr).toContain('cannot be read (EIO)')
  expect(await readText(memory, 'a')).toBe('two')
})

test.each([
  [['restore', '../x'], "'../x' is not a valid name of a file"],
  [['restore', 'a', 'b'], "takes one NAME, got also 'b'"],
  [['restore', '--on', 'server1'], '--on needs NAME too'],
  [['restore', 'a', '--digest', 'abc'], '--digest needs --on'],
  [
    ['restore', 'a', '--on', 'x', '--digest', 'ABC'],
    "--digest takes up to 64 hexadecimal digits in lower case, got 'ABC'",
  ],
  [['restore', 'a', '--on', 'x', '--digest', 'a'.repeat(65)], '--digest takes up to 64'],
  [['restore', 'a', '--on', 'x', '--replica', 'x=.'], 'add --writable to allow it'],
  [['restore', 'a', '--on', 'x', '--writable'], '--writable needs --replica'],
  [['restore', '--writable', '--replica', 'x=.'], '--writable needs --on'],
])('vouch %j is refused in one line', async (args, line) => {
  const { status, stdout, stderr } = await createStage().run(args)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^vouch: .*\n$/)
  expect(stderr).toContain(line)
})

test('directories need no server: their kept contents are listed and put back', async () => {
  const stage = createStage()
  for (const id of ['one', 'two']) mkdirSync(join(stage.cwd, id))
  writeFileSync(join(stage.cwd, 'one/a.txt'), 'old')
  const storage = createDirectoryStorage(join(stage.cwd, 'one'), { indexPath: null, writable: true })
  await put(storage, 'a.txt', 'new', 'old')
  await storage.close()
  const flags = ['--replica', 'one=one', '--replica', 'two=two']
  const listed = await stage.run(['restore', ...flags])
  expect([listed.status, listed.stderr]).toEqual([0, ''])
  expect(listed.stdout).toMatch(new RegExp(`^one  ${WHEN}  .*  ${short('old')}  a\\.txt\n$`))
  expect(existsSync(join(stage.cwd, 'two/.vouch'))).toBe(false)
  const back = await stage.run(['restore', 'a.txt', '--on', 'one', '--writable', ...flags])
  expect(back.status).toBe(0)
  expect(readFileSync(join(stage.cwd, 'one/a.txt'), 'utf8')).toBe('old')
  rmSync(join(stage.cwd, 'one/a.txt'))
  const chosen = ['--on', 'one', '--writable', '--digest', short('new')]
  expect((await stage.run(['restore', 'a.txt', ...chosen, ...flags])).status).toBe(0)
  expect(readFileSync(join(stage.cwd, 'one/a.txt'), 'utf8')).toBe('new')
})

test('a response that is not valid, or never ends, is refused in one line', async () => {
  const stage = createStage()
  const answers: Record<string, (nth: number) => unknown> = {
    none: () => ({ replicas: 1 }),
    endless: (nth) => (nth === 1 ? { replicas: [{ id: 'x' }] } : { entries: [], next: `${hash('')}/a` }),
  }
  for (const [what, answer] of Object.entries(answers)) {
    const url = await startScript((_request, response, nth) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer(nth)))
    })
    const { status, stderr } = await stage.run(['restore', '--coordinator', url])
    expect(status).toBe(2)
    expect(stderr).toContain(what === 'none' ? 'the response is not valid' : 'without an end')
  }
  const url = await startScript((_request, response) => sendProblem(response, 401, { type: 'unauthorized' }))
  expect((await stage.run(['restore', '--coordinator', url])).stderr).toBe(
    'vouch: Trouble; send one of its tokens with --token-file or VOUCH_TOKEN\n',
  )
})
