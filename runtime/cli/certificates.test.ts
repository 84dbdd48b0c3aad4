import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toNetworkError } from '../../functions/storage/network-errors.ts'
import { readAll, toChunks } from '../../functions/storage/streams.ts'
import { createSend } from '../node/http-client.ts'
import { toReason } from './ask.ts'
import { type ServerProcess, startServer } from './process.suite.ts'

/** What every request of a remote storage has. */
const INIT = { headers: {}, redirect: 'manual', duplex: 'half' } as const

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-certificates-'))
  mkdirSync(join(directory, 'files'))
  writeFileSync(join(directory, 'files/f'), 'f')
  for (const name of ['ca', 'strange']) {
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, ...toFiles(name))
  }
  createCertificate('first', { days: 2 })
  createCertificate('second', { days: 90 })
  createCertificate('expired', { days: -1 })
  createCertificate('elsewhere', { days: 2, host: 'DNS:elsewhere.example' })
  createCertificate('stranger', { days: 2, authority: 'strange' })
})

afterAll(() => rmSync(directory, { recursive: true }))

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const toFiles = (name: string) => ['-keyout', `${name}.key`, '-out', `${name}.pem`]
const toPath = (name: string) => join(directory, name)

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' }).toString()
}

function createCertificate(
  name: string,
  { days, host = 'IP:127.0.0.1', authority = 'ca' }: { days: number; host?: string; authority?: string },
): void {
  openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
  writeFileSync(toPath(`${name}.ext`), `subjectAltName=${host}\n`)
  const by = [
    '-CA',
    `${authority}.pem`,
    '-CAkey',
    `${authority}.key`,
    '-CAcreateserial',
    '-days',
    String(days),
  ]
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.pem`)
}

function install(name: string, suffix: 'pem' | 'key'): void {
  copyFileSync(toPath(`${name}.${suffix}`), toPath(`installed.${suffix}`))
}

/** Asks for a file over `agent`: the certificate's name, the status, and the connection. */
async function ask({ url }: ServerProcess, agent: Agent, path = '/files/f') {
  const ca = readFileSync(toPath('ca.pem'))
  const [response] = await once(request(url + path, { ca, agent }).end(), 'response')
  const socket: TLSSocket = response.socket
  const { CN } = socket.getPeerCertificate().subject
  return { CN, status: response.statusCode, port: socket.localPort, body: await text(response) }
}

/** As a client that was not there before. */
async function askAnew(server: ServerProcess, path?: string) {
  const agent = new Agent()
  try {
    return await ask(server, agent, path)
  } finally {
    agent.destroy()
  }
}

it('a certificate that was replaced serves new connections, and those there are go on', async () => {
  install('first', 'pem')
  install('first', 'key')
  const args = ['replica', 'files', '--tls-cert', 'installed.pem', '--tls-key', 'installed.key']
  const server = await startServer(args, directory)
  let said = ''
  server.child.stderr?.on('data', (data) => {
    said += data
  })
  const kept = new Agent({ keepAlive: true })
  const before = await ask(server, kept)
  expect(before).toMatchObject({ CN: 'first', status: 200 })
  await expect.poll(() => said).toMatch(/Z warning: the certificate of this server expires in 1 days, at /)

  install('second', 'pem')
  const refused =
    /Z warning: the certificates stay as they were: --tls-cert, --tls-key name no PEM files that fit/
  await expect.poll(() => said, { timeout: 30_000 }).toMatch(refused)
  expect((await askAnew(server)).CN).toBe('first')

  install('second', 'key')
  await expect.poll(async () => (await askAnew(server)).CN, { timeout: 30_000 }).toBe('second')
  expect(await ask(server, kept)).toEqual(before)

  const { body } = await askAnew(server, '/metrics')
  const ends = openssl('x509', '-in', 'second.pem', '-noout', '-enddate').replace('notAfter=', '')
  const [, seconds] = /^vouch_tls_certificate_expiry_timestamp_seconds (.*)$/m.exec(body) ?? []
  expect(Number(seconds)).toBe(Date.parse(ends) / 1000)
  kept.destroy()
  await server.stop()
})

describe('a certificate that is refused', () => {
  it.each([
    ['expired', 'has expired'],
    ['stranger', 'is from an authority that is not trusted here'],
    ['elsewhere', 'is for another host name'],
    ['strange', 'is self-signed, and not trusted here'],
  ])('is said to be so where it is that of %s', async (name, words) => {
    const files = { cert: readFileSync(toPath(`${name}.pem`)), key: readFileSync(toPath(`${name}.key`)) }
    const server = createServer(files).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // it listens on TCP
    const send = createSend({ tls: { ca: readFileSync(toPath('ca.pem')) } })
    const error = await send(`https://127.0.0.1:${port}/`, INIT).catch((error: unknown) => error)
    expect(toReason(error)).toBe(`its certificate ${words}`)
    server.close()
  })

  it.each([
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'the replica requires a client certificate'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'the replica refused the client certificate'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'the replica refused the client certificate'],
  ])('is that of a client, where the other side says so by %s', (code, message) => {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error('alert'), { code }) })
    expect(toNetworkError(error)).toMatchObject({ reason: 'tls_alert_received', message })
  })
})

it('a replica gets the certificate that the coordinator has when it connects', async () => {
  const ca = readFileSync(toPath('ca.pem'))
  const read = (name: string) => ({
    ca,
    cert: readFileSync(toPath(`${name}.pem`)),
    key: readFileSync(toPath(`${name}.key`)),
  })
  const server = createServer({ ...read('first'), requestCert: true }, (request, response) => {
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject // it is served over TLS
    response.writeHead(200, { Connection: 'close' }).end(CN)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  let files = read('first')
  const send = createSend({ tls: () => files })
  const seen: string[] = []
  for (const name of ['first', 'second']) {
    files = read(name)
    const { body } = await send(`https://127.0.0.1:${port}/`, INIT)
    if (body !== null) seen.push(new TextDecoder().decode(await readAll(toChunks(body))))
  }
  expect(seen).toEqual(['first', 'second'])
  server.close()
})
