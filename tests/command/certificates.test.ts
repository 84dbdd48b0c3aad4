import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, it } from 'vitest'
import { readAll, toChunks } from '../../functions/bytes/chunks.ts'
import { toNetworkError } from '../../functions/storage/remote/network-errors.ts'
import { toReason } from '../../runtime/cli/client/coordinator-client.ts'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { createDirectory, writeFiles } from '../../runtime/cli/stage.suite.ts'
import { createSend } from '../../runtime/node/http/http-client.ts'

/** The options of every request of a remote storage. */
const INIT = { headers: {}, redirect: 'manual', duplex: 'half' } as const

const directory = createDirectory()

beforeAll(() => {
  writeFiles(directory, { 'files/f': 'f' })
  for (const name of ['ca', 'strange']) {
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, ...toFiles(name))
  }
  createCertificate('first', { days: 2 })
  createCertificate('second', { days: 90 })
  createCertificate('expired', { days: -1 })
  createCertificate('elsewhere', { days: 2, host: 'DNS:elsewhere.example' })
  createCertificate('stranger', { days: 2, authority: 'strange' })
})

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

/** As a new client. */
async function askAnew(server: ServerProcess, path?: string) {
  const agent = new Agent()
  try {
    return await ask(server, agent, path)
  } finally {
    agent.destroy()
  }
}

it('a replaced certificate serves new connections, and existing ones continue', async () => {
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
  await expect.poll(() => said).toMatch(/Z warning: the certificate of this server expires in 1 day, at /)

  install('second', 'pem')
  const refused =
    /Z warning: the certificates stay as they were: the key in .*installed\.key does not match the certificate in .*installed\.pem/
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
  ])('is reported with the reason: %s', async (name, words) => {
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
  ])('is reported as that of the client after %s', (code, message) => {
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
