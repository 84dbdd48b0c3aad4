import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'

// The documents as others use them: a public generator makes clients of what running servers answer, the
// compiler holds a program against the clients, and the program asks the servers.

const GENERATOR = fileURLToPath(new URL('generate-client.suite.ts', import.meta.url))
const ROOT = resolve(import.meta.dirname, '../..')
const TOKEN = 'a-token-that-nobody-guesses-0123456789'

const FILES = {
  'server1/a folder/same.bin': Uint8Array.of(0, 255, 10),
  'server2/a folder/same.bin': Uint8Array.of(0, 255, 10),
  'server1/differ.txt': 'one',
  'server2/differ.txt': 'two',
  'server1/only.txt': 'x',
}

/** A typed program of a client's author; it prints its results. */
const PROGRAM = `
import * as coordinator from './coordinator/index.ts'
import { createClient } from './coordinator/client/index.ts'
import * as replica from './replica/index.ts'
import { createClient as createReplicaClient } from './replica/client/index.ts'

const [coordinatorUrl = '', replicaUrl = '', auth = ''] = process.argv.slice(2)
const client = createClient({ baseUrl: coordinatorUrl, auth })
// The slashes of a name are not encoded.
client.interceptors.request.use((request) => new Request(request.url.replaceAll('%2F', '/'), request))

const path = { name: 'a folder/same.bin' }
const { data: file, response } = await coordinator.readFile({ client, path, parseAs: 'blob' })
if (!(file instanceof Blob)) throw new Error('a file is no Blob')
const bytes = [...new Uint8Array(await file.arrayBuffer())]
const part = await coordinator.readFile({ client, path, headers: { Range: 'bytes=1-1' }, parseAs: 'text' })

const { error: conflict } = await coordinator.readFile({ client, path: { name: 'differ.txt' } })
if (typeof conflict !== 'object' || conflict.type !== 'conflict') throw new Error('no conflict')
const holders: string[][] = conflict.versions.map(({ replicas }) => replicas)
// @ts-expect-error no version wins a conflict
conflict.winner

const { error: absent } = await coordinator.readFile({ client, path: { name: 'nothing' } })
const page = await coordinator.listFiles({ client, query: { prefix: 'a folder/', limit: 10 } })
const names: string[] | undefined = page.data?.entries.map(({ name }) => name)
// @ts-expect-error a limit is a number
void (() => coordinator.listFiles({ client, query: { limit: 'ten' } }))
const states = await coordinator.getReplicas({ client })
const breakers: ('closed' | 'open' | 'half-open')[] | undefined = states.data?.replicas.map(({ breaker }) => breaker)

const audit = await coordinator.audit({ client, query: { all: true, match: ['*.txt'] }, parseAs: 'text' })
const found = parseLines<coordinator.AuditLine>(audit.data).flatMap((line) => ('versions' in line ? line.name : []))

const rules = [{ prefix: '', policy: { keep: 'server1' } }]
const planned = await coordinator.plan({ client, body: { prefix: '', match: [], exclude: [], rules } })
if (planned.data === undefined) throw new Error('no plan')
const applied = await coordinator.apply({ client, body: planned.data, parseAs: 'text' })
const outcomes = parseLines<coordinator.ApplyLine>(applied.data).flatMap((line) => ('outcome' in line ? line.outcome : []))
// @ts-expect-error a plan is no text
void (() => coordinator.apply({ client, body: 'copy all' }))

const there = createReplicaClient({ baseUrl: replicaUrl, auth })
const described = await replica.describe({ client: there, body: { names: ['only.txt'] }, parseAs: 'text' })
const facts = parseLines<replica.DescribeLine>(described.data).flatMap((line) => ('size' in line ? line.size : []))

function parseLines<Line>(text: string | undefined): Line[] {
  return (text ?? '').trimEnd().split('\\n').map((line) => JSON.parse(line))
}

console.log(JSON.stringify({
  bytes, agreement: response?.headers.get('Replica-Agreement'), part: part.data === String.fromCharCode(0xfffd),
  holders, absent: absent?.title, names, breakers, found, outcomes, bytesPlanned: planned.data.summary.bytes, facts,
}))
`

describe('clients generated from the documents by a public generator', () => {
  let cwd: string
  const servers: ServerProcess[] = []

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'vouch-client-'))
    await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'))
    for (const [path, content] of Object.entries({
      ...FILES,
      token: `${TOKEN}\n`,
      'use.ts': PROGRAM,
      'package.json': '{"type":"module"}',
    })) {
      await mkdir(join(cwd, dirname(path)), { recursive: true })
      await writeFile(join(cwd, path), content)
    }
    const door = ['--writable', '--token-file', 'token', '--index', 'index']
    const replica = await startServer(['replica', 'server2', ...door], cwd)
    servers.push(replica)
    const replicas = ['--replica', 'server1=server1', '--replica', `server2=${replica.url}`]
    servers.push(
      await startServer(['coordinator', ...replicas, '--replica-token-file', 'token', ...door], cwd),
    )
    await generate('replica', replica.url)
    await generate('coordinator', servers[1]?.url ?? '')
  }, 120_000)

  afterAll(async () => {
    for (const server of servers) await server.stop()
    await rm(cwd, { recursive: true, force: true })
  })

  async function generate(name: string, url: string): Promise<void> {
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const document = await (await fetch(`${url}/openapi.json`, { headers })).text()
    await writeFile(join(cwd, `${name}.json`), document)
    expect(await run(process.execPath, [GENERATOR, `${name}.json`, join(cwd, name)])).toMatchObject({
      status: 0,
    })
  }

  async function run(program: string, args: readonly string[]) {
    return await new Promise<{ status: unknown; stdout: string; stderr: string }>((done) => {
      execFile(program, args, { cwd }, (error, stdout, stderr) =>
        done({ status: error === null ? 0 : error.code, stdout, stderr }),
      )
    })
  }

  it('type-check, and reject members that the document does not have', async () => {
    const options = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        ...{ noEmit: true, composite: false, emitDeclarationOnly: false, rootDir: '.' },
        ...{ lib: ['ES2024', 'DOM', 'DOM.Iterable'], types: ['node'] },
        // The generator's own part of a client is not written for this.
        exactOptionalPropertyTypes: false,
      },
      files: ['use.ts'],
      references: [],
    }
    await writeFile(join(cwd, 'tsconfig.json'), JSON.stringify(options))
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    expect(await run(tsc, ['-p', cwd, '--pretty', 'false'])).toEqual({ status: 0, stdout: '', stderr: '' })
  }, 120_000)

  it('read, meet a conflict, list, audit, plan and apply', async () => {
    const urls = servers.toReversed().map(({ url }) => url)
    const { stdout, stderr } = await run(process.execPath, ['use.ts', ...urls, TOKEN])
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      bytes: [0, 255, 10],
      agreement: 'unanimous;answered=2;of=2',
      part: true,
      holders: [['server1'], ['server2']],
      absent: 'There is no such file',
      names: ['a folder/same.bin'],
      breakers: ['closed', 'closed'],
      found: ['differ.txt', 'only.txt'],
      outcomes: ['done', 'done'],
      bytesPlanned: 4,
      facts: [1],
    })
  })
})
