import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { toEtag, toReprDigest } from '../../functions/wire/fields/fields.ts'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createStage, hash } from '../../runtime/cli/stage.suite.ts'

const TOKEN = 'writers-token-0123456789'

/** A stage with a directory that holds a file, and a file of tokens. */
function createTree() {
  const stage = createStage()
  mkdirSync(join(stage.cwd, 'files'))
  writeFileSync(join(stage.cwd, 'files/a.txt'), 'old')
  writeFileSync(join(stage.cwd, 'token'), TOKEN)
  return stage
}

async function start(args: readonly string[], cwd: string): Promise<ServerProcess> {
  const server = await startServer(args, cwd)
  onTestFinished(() => server.stop())
  return server
}

async function put(url: string, text: string, replaces: string, token?: string): Promise<number> {
  const headers = {
    'Repr-Digest': toReprDigest(createHash('sha256').update(text).digest('hex')),
    'If-Match': toEtag(hash(replaces)),
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  }
  return (await fetch(`${url}/files/a.txt`, { method: 'PUT', body: text, headers })).status
}

const WORDS = {
  replica: ['replica', 'files'],
  coordinator: ['coordinator', '--single', '--replica', 'one=files'],
} as const

test.each(Object.entries(WORDS))(
  'vouch %s --writable requires access control or --open',
  async (_, words) => {
    const { cwd } = createTree()
    const { status, said } = await finish(startVouch([...words, '--writable', '--port', '0'], cwd))
    expect([status, said[0]]).toEqual([2, ''])
    expect(said[1]).toMatch(/^vouch: with --writable .*--token-file or --tls-client-ca, or --open .*\n$/)
    for (const door of [['--token-file', 'token'], ['--open']])
      await start([...words, '--writable', ...door], cwd)
  },
)

test('a replica server accepts writes from clients that send a token, and no others', async () => {
  const { cwd, read } = createTree()
  const { url } = await start(['replica', 'files', '--writable', '--token-file', 'token'], cwd)
  expect(await put(url, 'new', 'old')).toBe(401)
  expect(read('files/a.txt')).toBe('old')
  expect(await put(url, 'new', 'old', TOKEN)).toBe(204)
  expect(read('files/a.txt')).toBe('new')
  expect(read(`files/.vouch/kept/${hash('old')}/a.txt`)).toBe('old')
})

test('a replica server without --writable rejects writes', async () => {
  const { cwd, read } = createTree()
  const { url } = await start(['replica', 'files'], cwd)
  expect(await put(url, 'new', 'old')).toBe(405)
  const body = JSON.stringify({ name: 'a.txt', digest: hash('old'), replaces: null })
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
  expect((await fetch(`${url}/restore`, init)).status).toBe(403)
  expect(read('files/a.txt')).toBe('old')
  expect(existsSync(join(cwd, 'files/.vouch'))).toBe(false)
})

test('a content replaced on a replica server is restored through a coordinator when both are writable', async () => {
  const { cwd, read } = createTree()
  const replica = await start(['replica', 'files', '--writable', '--open'], cwd)
  expect(await put(replica.url, 'new', 'old')).toBe(204)
  const words = ['coordinator', '--single', '--replica', `one=${replica.url}`]
  const [reading, writing] = [await start(words, cwd), await start([...words, '--writable', '--open'], cwd)]
  const restore = (url: string) =>
    finish(startVouch(['restore', 'a.txt', '--on', 'one', '--coordinator', url], cwd))
  expect((await restore(reading.url)).status).toBe(2)
  expect(read('files/a.txt')).toBe('new')
  expect((await restore(writing.url)).status).toBe(0)
  expect(read('files/a.txt')).toBe('old')
  const listed = await finish(startVouch(['restore', '--json', '--coordinator', reading.url], cwd))
  const digests = listed.said[0]
    ?.trim()
    .split('\n')
    .map((line) => JSON.parse(line).digest)
  expect(digests?.sort()).toEqual([hash('new'), hash('old')].sort())
})

test('a coordinator restores a kept content of a directory of its own', async () => {
  const { cwd, read } = createTree()
  const replica = await start(['replica', 'files', '--writable', '--open'], cwd)
  await put(replica.url, 'new', 'old')
  const { url } = await start(
    ['coordinator', '--single', '--replica', 'one=files', '--writable', '--open'],
    cwd,
  )
  const args = ['restore', 'a.txt', '--on', 'one', '--coordinator', url]
  expect((await finish(startVouch(args, cwd))).status).toBe(0)
  expect(read('files/a.txt')).toBe('old')
  expect(readFileSync(join(cwd, 'files/.vouch/kept', hash('new'), 'a.txt'), 'utf8')).toBe('new')
})
