import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createReplica } from '../../functions/replica/replica.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { NOTHING_SEEN } from '../../functions/storage/survey/survey.ts'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { type Served, serve } from '../../runtime/node/http/serve.ts'
import { showErrors } from '../../runtime/node/show-errors.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { findPort } from '../stores/web-servers.suite.ts'
import { hasProgram } from './operating.suite.ts'

// A real nginx with the configuration of deploy/ in front of a real coordinator.

const CONF = fileURLToPath(new URL('../../deploy/nginx/vouch.conf', import.meta.url))
const TOKEN = 'a-token-of-more-than-sixteen'
const HEARTBEAT = 200
const canServe = hasProgram('nginx', 'the configuration for nginx') && hasProgram('openssl', 'nginx with TLS')

const large = randomBytes(3_000_000)
const strange = 'a b/ü%41?#&+.txt'
const { path: directory, remove } = createTemporaryDirectory('vouch-nginx-')
let endless: Served
let coordinator: ServerProcess
let nginx: ChildProcess | undefined
let port: number

/** A replica whose surveys last until the client leaves. */
async function startEndless(): Promise<Served> {
  const app = createReplica({
    ...createMemoryStorage(),
    async *survey(_survey, { signal } = {}) {
      for (;;) {
        yield { seen: NOTHING_SEEN, of: null }
        await new Promise((resolve) => setTimeout(resolve, HEARTBEAT))
        signal?.throwIfAborted()
      }
    },
  })
  return await serve((asked) => app.fetch(asked), { host: '127.0.0.1', port: 0 })
}

/** The configuration with other ports and paths, and the surroundings that a test needs. */
function writeConfiguration(): string {
  const [key, crt] = [join(directory, 'key.pem'), join(directory, 'crt.pem')]
  const subject = ['-subj', '/CN=files.example.org', '-addext', 'subjectAltName=DNS:files.example.org']
  const keys = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    crt,
  ]
  execFileSync('openssl', ['req', '-x509', ...keys, ...subject], { stdio: 'ignore' })
  const text = readFileSync(CONF, 'utf8')
    .replace('127.0.0.1:6001', new URL(coordinator.url).host)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('/etc/nginx/tls/files.example.org.crt', crt)
    .replace('/etc/nginx/tls/files.example.org.key', key)
  writeFileSync(join(directory, 'vouch.conf'), text)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  )
  const main = join(directory, 'nginx.conf')
  writeFileSync(
    main,
    `daemon off; master_process off; pid ${join(directory, 'pid')}; error_log stderr; events {}
    http { access_log off; ${temporary.join(' ')} include ${join(directory, 'vouch.conf')}; }`,
  )
  return main
}

beforeAll(async () => {
  if (!canServe) return
  endless = await startEndless()
  for (const id of ['one', 'other']) {
    mkdirSync(join(directory, id, 'a b'), { recursive: true })
    writeFileSync(join(directory, id, 'large'), large)
    writeFileSync(join(directory, id, strange), 'strange')
    writeFileSync(join(directory, id, 'differ'), id)
  }
  writeFileSync(join(directory, 'token'), TOKEN)
  const words = ['--replica', 'one=one', '--replica', 'other=other', '--replica', `endless=${endless.url}`]
  const door = ['--token-file', 'token', '--writable', '--index', 'index']
  coordinator = await startServer(['coordinator', ...words, ...door], directory)
  port = await findPort()
  nginx = showErrors(spawn('nginx', ['-p', directory, '-c', writeConfiguration()]))
  await vi.waitFor(async () => expect((await ask('/healthz')).status).toBe(200), { timeout: 20_000 })
})

afterAll(async () => {
  if (!canServe) return
  if (nginx && nginx.exitCode === null) {
    nginx.kill('SIGKILL')
    await once(nginx, 'exit')
  }
  await coordinator.stop()
  endless.close()
  await endless.close()
  remove()
})

/** A request that is answered by nginx; the body is still to come. */
async function begin(path: string, options: RequestOptions = {}, body?: Uint8Array) {
  const headers = { Authorization: `Bearer ${TOKEN}`, ...options.headers }
  const ca = readFileSync(join(directory, 'crt.pem'))
  const to = { host: '127.0.0.1', port, path, ca, servername: 'files.example.org' }
  const sent = request({ ...to, ...options, headers })
  sent.end(body)
  const [response] = await once(sent, 'response')
  return response as IncomingMessage // events are typed any
}

async function ask(path: string, options: RequestOptions = {}, body?: Uint8Array) {
  const response = await begin(path, options, body)
  const { statusCode: status, headers } = response
  return { status, headers, body: await buffer(response) }
}

describe.skipIf(!canServe)('a coordinator behind nginx', () => {
  it('sends a whole file, with all its fields', async () => {
    const { status, headers, body } = await ask('/files/large')
    expect([status, body.equals(large)]).toEqual([200, true])
    expect(headers).toMatchObject({
      'content-length': String(large.length),
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache, no-transform',
      'replica-agreement': 'incomplete;answered=3;of=3',
      'repr-digest': expect.stringMatching(/^sha-256=:/),
    })
  })

  it('sends ranges, and refuses those outside the file', async () => {
    const part = await ask('/files/large', { headers: { Range: 'bytes=1000000-1000099' } })
    expect([part.status, part.headers['content-range']]).toEqual([
      206,
      `bytes 1000000-1000099/${large.length}`,
    ])
    expect(part.body.equals(large.subarray(1_000_000, 1_000_100))).toBe(true)
    expect((await ask('/files/large', { headers: { Range: 'bytes=9999999-' } })).status).toBe(416)
  })

  it('keeps the validator, so that an unchanged file is not sent again', async () => {
    const { headers } = await ask('/files/large', { method: 'HEAD' })
    const { etag = '' } = headers
    expect(etag).toMatch(/^"/)
    expect((await ask('/files/large', { headers: { 'If-None-Match': etag } })).status).toBe(304)
  })

  it('gets names as they were sent', async () => {
    const { status, body } = await ask(`/files/${encodeURIComponent(strange).replaceAll('%2F', '/')}`)
    expect([status, body.toString()]).toEqual([200, 'strange'])
    for (const path of ['/files/a//b', '/files/a%2Fb']) {
      expect((await ask(path)).body.toString()).toContain('invalid-name')
    }
  })

  it('passes the answers of the coordinator for missing tokens and conflicts', async () => {
    const refused = await ask('/files/large', { headers: { Authorization: '' } })
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer realm="vouch"'])
    const conflict = await ask('/files/differ')
    expect([conflict.status, conflict.headers['content-type']]).toEqual([409, 'application/problem+json'])
  })

  it('streams the progress of an audit', async () => {
    const response = await begin('/audit')
    expect(response.statusCode).toBe(200)
    const [line] = await once(response, 'data')
    expect(JSON.parse(String(line).split('\n')[0] ?? '')).toHaveProperty('progress')
    response.destroy()
  })

  it('accepts a plan longer than the default limit of nginx', async () => {
    const plan = {
      vouch: 'plan',
      version: 1,
      made: new Date().toISOString(),
      replicas: ['one', 'other', 'endless'],
      steps: [],
    }
    const body = Buffer.from(JSON.stringify(plan).replace('"steps"', `${' '.repeat(5_000_000)}"steps"`))
    const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }
    const direct = await fetch(`${coordinator.url}/apply`, {
      method: 'POST',
      headers: { ...headers, Authorization: `Bearer ${TOKEN}` },
      body,
    })
    const through = await ask('/apply', { method: 'POST', headers }, body)
    expect([through.status, through.body.toString()]).toEqual([200, await direct.text()])
  })

  it('shows its metrics only to this machine', async () => {
    expect((await ask('/metrics')).status).toBe(200)
    expect((await ask('/metrics', { localAddress: '127.0.0.2' })).status).toBe(403)
    expect((await ask('/healthz', { localAddress: '127.0.0.2' })).status).toBe(200)
  })
})
