import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readStates } from '../../functions/storage/suite/states.suite.ts'
import { finish, type ServerProcess, startServer, startVouch } from '../cli/process.suite.ts'
import { createDirectory, createStage, writeFiles } from '../cli/stage.suite.ts'

const [CLIENTS, REPLICAS, OTHER] = [
  'clients-token-0123456789',
  'replica-token-0123456789',
  'another-token-0123456789',
]

const LARGE = 40_000_000

const directory = createDirectory()
const servers: ServerProcess[] = []

beforeAll(async () => {
  writeFiles(directory, { 'server1/f': 'the same', 'server2/f': 'the same' })
  write('clients', `# who may ask\n\n${CLIENTS}\n`)
  write('replicas', `${REPLICAS}\n`)
  write('other', OTHER)
  createAuthority('ca')
  createCertificate('server', 'ca')
  createCertificate('client', 'ca')
  createAuthority('strange')
  createCertificate('stranger', 'strange')
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text)
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
}

function createAuthority(name: string): void {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...files)
}

function createCertificate(name: string, authority: string): void {
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
  )
  write(`${name}.ext`, 'subjectAltName=IP:127.0.0.1\n')
  const by = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.pem`)
}

async function start(...args: string[]): Promise<ServerProcess> {
  const server = await startServer(args, directory)
  servers.push(server)
  return server
}

const startReplica = (...door: string[]) => start('replica', 'server2', '--id', 'server2', ...door)

async function startPair(replicaDoor: string[], coordinatorDoor: string[]) {
  const replica = await startReplica(...replicaDoor)
  const words = ['--replica', 'server1=server1', '--replica', `server2=${replica.url}`]
  return { replica, coordinator: await start('coordinator', ...words, ...coordinatorDoor) }
}

async function get(url: string, ...flags: string[]) {
  return await finish(startVouch(['get', 'f', '-o', '-', '--coordinator', url, ...flags], directory))
}

/** The first line of a stream that matches. */
async function readLine(stream: Readable | null, pattern: RegExp): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream ?? Readable.from([]) })) {
    if (pattern.test(line)) return line
  }
  return undefined
}

const bearer = (token = '') => ({ headers: { Authorization: `Bearer ${token}` } })

describe('tokens', () => {
  it('give clients access to the coordinator, and the coordinator to its replicas', async () => {
    const { replica, coordinator } = await startPair(
      ['--token-file', 'replicas'],
      ['--token-file', 'clients', '--replica-token-file', 'replicas'],
    )
    expect((await fetch(`${coordinator.url}/files/f`)).status).toBe(401)
    expect((await fetch(`${coordinator.url}/files/f`, bearer(OTHER))).status).toBe(401)
    expect((await fetch(`${replica.url}/files/f`, bearer(CLIENTS))).status).toBe(401)
    expect((await fetch(`${coordinator.url}/healthz`)).status).toBe(200)
    const response = await fetch(`${coordinator.url}/files/f`, bearer(CLIENTS))
    expect(await response.text()).toBe('the same')
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    expect(await get(coordinator.url, '--token-file', 'clients')).toMatchObject({
      status: 0,
      said: ['the same', expect.any(String)],
    })
    expect(await get(coordinator.url, '--token-file', 'other')).toMatchObject({ status: 2 })
  })

  it('are required from clients that use another host name, or the name is refused', async () => {
    const ask = async (url: string, Host: string, headers = {}) => {
      const asked = httpRequest(`${url}/files/f`, { headers: { ...headers, Host } })
      const [response] = await once(asked.end(), 'response')
      response.resume()
      return response.statusCode
    }
    const { coordinator, replica } = await startPair(['--open', '--writable'], [])
    for (const { url } of [coordinator, replica]) {
      const { port } = new URL(url)
      for (const host of [
        '127.0.0.1',
        'localhost',
        'vouch.localhost',
        '[::1]',
        '192.168.1.101',
        'LOCALHOST',
      ]) {
        expect([host, await ask(url, `${host}:${port}`), await ask(url, host)]).toEqual([host, 200, 200])
      }
      for (const host of ['evil.test', 'localhost.evil.test', '127.0.0.1.evil.test', 'evil-localhost', 'x']) {
        expect([host, await ask(url, `${host}:${port}`), await ask(url, host)]).toEqual([host, 421, 421])
      }
    }
    for (const door of [['--open'], ['--token-file', 'clients'], ['--token-file', 'clients', '--writable']]) {
      const { url } = await startReplica(...door)
      expect(await ask(url, 'files.example.org', bearer(CLIENTS).headers)).toBe(200)
    }
  })

  it('that a replica refuses are reported at start, in readiness, and in every read, audit and page', async () => {
    const { coordinator, replica } = await startPair(
      ['--token-file', 'replicas'],
      ['--replica-token-file', 'other'],
    )
    expect(await readLine(coordinator.child.stderr, / error: /)).toMatch(
      / error: server2: the replica refused the token; reads do without it until that is fixed$/,
    )
    const { headers } = await fetch(`${coordinator.url}/files/f`)
    expect(readStates(headers)).toBe('server1;state=match, server2;state=error;error=http_request_denied')
    const ready = await fetch(`${coordinator.url}/readyz`)
    const failed = { id: 'server2', error: 'http_request_denied', detail: 'the replica refused the token' }
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', required: 1, of: 2, failed: [failed] },
    ])
    const said = 'server2 sent no copy: the replica refused the token'
    const stage = createStage()
    const got = await stage.run(['get', 'f', '-o', '-', '--coordinator', coordinator.url])
    expect([got.status, got.stdout]).toEqual([3, 'the same'])
    expect(got.stderr).toContain(`f: degraded: server1\nwarning: f: ${said}`)
    expect(await (await fetch(`${coordinator.url}/files/none`)).json()).toMatchObject({
      type: 'existence-unknown',
      detail: expect.stringMatching(new RegExp(`^cannot say: ${said}.*; the others lack it$`)),
    })
    const page = await fetch(`${coordinator.url}/compare/f`, { headers: { Accept: 'text/html' } })
    expect(await page.text()).toContain('sent no copy: the replica refused the token')
    const words = ['--replica', 'server1=server1', '--replica', `server2=${replica.url}`]
    const explained = await stage.run(['explain', 'f', ...words], { cwd: directory })
    expect(explained.stdout).toContain('the replica requires a token, and none was sent')
    expect(explained.stderr).toContain('f: no copy from server2, for the reason given above')
  })

  it('are read again when their file changes, and stay when it becomes invalid', async () => {
    write('changing', CLIENTS)
    const replica = await startReplica('--token-file', 'changing')
    const status = async (token = '') => (await fetch(`${replica.url}/files/f`, bearer(token))).status
    expect(await status(CLIENTS)).toBe(200)
    write('changing', OTHER)
    await expect.poll(() => status(OTHER), { timeout: 10_000 }).toBe(200)
    expect(await status(CLIENTS)).toBe(401)
    let said = ''
    replica.child.stderr?.on('data', (data) => {
      said += data
    })
    write('changing', 'too short')
    await expect
      .poll(async () => `${await status(OTHER)} ${said}`, { timeout: 10_000 })
      .toMatch(/^200 .*the tokens stay as they were: line 1 of .* is not a valid token/s)
    expect(said).not.toContain('too short')
  })

  it('are never printed by a server', async () => {
    const replica = await startReplica('--token-file', 'replicas')
    let printed = ''
    for (const stream of [replica.child.stdout, replica.child.stderr])
      stream?.on('data', (data) => (printed += data))
    await fetch(`${replica.url}/files/f?token=x`, bearer(REPLICAS))
    await fetch(`${replica.url}/files/g`, bearer(OTHER))
    await expect.poll(() => printed).toContain('/files/g 401')
    for (const token of [REPLICAS, OTHER]) expect(printed).not.toContain(token)
  })
})

describe('certificates', () => {
  const SERVER = ['--tls-cert', 'server.pem', '--tls-key', 'server.key']
  const CLIENT = ['--ca', 'ca.pem', '--client-cert', 'client.pem', '--client-key', 'client.key']
  const STRANGER = ['--ca', 'ca.pem', '--client-cert', 'stranger.pem', '--client-key', 'stranger.key']

  it('of both sides authenticate coordinator, replica and client', async () => {
    const mutual = [...SERVER, '--tls-client-ca', 'ca.pem']
    const { coordinator } = await startPair(mutual, [...mutual, ...CLIENT])
    expect(coordinator.banner).toContain('https://')
    const got = await get(coordinator.url, ...CLIENT)
    expect(got).toMatchObject({ status: 0, said: ['the same', expect.stringContaining('unanimous')] })
    for (const flags of [[], ['--ca', 'ca.pem'], STRANGER]) {
      expect((await get(coordinator.url, ...flags)).status).toBe(2)
    }
  })

  it('do not cut off a download when the server ends', async () => {
    writeFileSync(join(directory, 'server2', 'large'), new Uint8Array(LARGE))
    const replica = await startReplica(...SERVER, '--tls-client-ca', 'ca.pem')
    const ca = readFileSync(join(directory, 'ca.pem'))
    const [cert, key] = ['client.pem', 'client.key'].map((file) => readFileSync(join(directory, file)))
    const [response] = await once(request(`${replica.url}/files/large`, { ca, cert, key }).end(), 'response')
    const [first] = await once(response, 'data')
    response.pause()
    replica.child.kill('SIGTERM')
    let size = first.length
    for await (const chunk of response) size += chunk.length
    expect(size).toBe(LARGE)
  })

  it('that are not trusted are reported as a replica that did not answer', async () => {
    const { coordinator } = await startPair(SERVER, ['--ca', 'strange.pem'])
    const { headers } = await fetch(`${coordinator.url}/files/f`)
    expect(readStates(headers)).toBe('server1;state=match, server2;state=error;error=tls_certificate_error')
  })
})

describe('a server does not start', () => {
  it.each([
    [
      ['--host', '0.0.0.0'],
      'on 0.0.0.0 anyone who reaches this machine could ask: add --token-file or --tls-client-ca, or --open',
    ],
    [['--host', '0.0.0.0', '--tls-cert', 'server.pem', '--tls-key', 'server.key'], 'on 0.0.0.0 anyone'],
    [['--token-file', 'nowhere'], 'cannot read tokens from '],
    [['--token-file', 'server1'], 'it is not a file'],
    [['--token-file', 'server1/f'], 'is not a valid token: a token is at least 16'],
    [['--tls-cert', 'server.pem'], '--tls-cert needs --tls-key'],
    [
      ['--tls-cert', 'server.pem', '--tls-key', 'client.key'],
      'client.key does not match the certificate in ',
    ],
    [
      ['--tls-cert', 'nowhere', '--tls-key', 'server.key'],
      'nowhere, which --tls-cert names: no such file or directory',
    ],
    [['--tls-client-ca', 'ca.pem'], '--tls-client-ca needs --tls-cert'],
  ])('with %j', async (flags, line) => {
    const { status, said } = await finish(
      startVouch(['replica', 'server2', '--port', '0', ...flags], directory),
    )
    expect(status).toBe(2)
    expect(said[1]).toContain(line)
    expect(said[1]?.trim().split('\n')).toHaveLength(1)
    expect(said[1]).not.toContain(readFileSync(join(directory, 'server1/f'), 'utf8'))
  })

  it('without a word when it demands what a client sends, as older instructions set it up', async () => {
    const start = (env: Record<string, string>) =>
      createStage().run(['replica', '.', '--port', '0'], { env: { ...env, XDG_CACHE_HOME: directory } })
    const { status, stderr } = await start({ VOUCH_TOKEN: 'short' })
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^\S+ warning: this server demands the token in VOUCH_TOKEN, .*; name it VOUCH_ACCEPTED_TOKEN\nvouch: .*VOUCH_TOKEN.*\n$/,
      ),
    ])
    const named = await start({ VOUCH_TOKEN: CLIENTS, VOUCH_ACCEPTED_TOKEN: 'short' })
    expect(named.stderr).toMatch(/^vouch: .*VOUCH_ACCEPTED_TOKEN.*\n$/)
  })

  it('on every address of this machine unless --open is set', async () => {
    const open = await startReplica('--host', '0.0.0.0', '--open')
    const guarded = await startReplica('--host', '0.0.0.0', '--token-file', 'replicas')
    const status = async ({ url }: ServerProcess) =>
      (await fetch(`${url.replace('0.0.0.0', '127.0.0.1')}/files/f`)).status
    expect([await status(open), await status(guarded)]).toEqual([200, 401])
  })
})
