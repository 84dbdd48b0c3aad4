import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createReplica } from '../../../functions/replica/replica.ts'
import { hash, toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { toReprDigest } from '../../../functions/wire/fields/fields.ts'
import { MAX_WRITES_UNDER_WAY } from '../../../functions/wire/limits.ts'
import { createTestDirectory, openStorage, type TestDirectory } from '../directory-setup.suite.ts'
import { createSend } from './http-client.ts'
import { type Served, serve } from './serve.ts'

// Clients that announce a body and send nothing of it, or little, to servers on sockets.

const silence = vi.hoisted(() => ({ ms: 300 }))
vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  BODY_MS: 300,
  get BODY_SILENCE_MS() {
    return silence.ms
  },
  MAX_WRITES_UNDER_WAY: 4,
}))
vi.mock('../limits.ts', async (load) => ({ ...(await load<object>()), CLOSING_SILENCE_MS: 100 }))

let directory: TestDirectory
let served: Served
const sockets: Socket[] = []

beforeEach(async () => {
  silence.ms = 300
  directory = await createTestDirectory()
  await directory.write('a', toBytes('old'))
  const app = createReplica(openStorage(directory.root, { writable: true }), { writable: true })
  served = await serve(app.fetch, { host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  served.close()
  await served.close()
  await directory.close()
})

function open(): Socket {
  const socket = connect(served.port, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  return socket
}

/** The head of a write of 1,000 bytes. */
async function toPutHead(name: string, replaces: string | null, more = ''): Promise<string> {
  const condition = replaces === null ? 'If-None-Match: *' : `If-Match: "${await hash(toBytes(replaces))}"`
  const proof = `Repr-Digest: ${toReprDigest(await hash(new Uint8Array(1000)))}`
  return `PUT /files/${name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n${proof}\r\n${condition}\r\n${more}\r\n`
}

const readTempFiles = () => {
  const path = `${directory.root}/.vouch/tmp`
  return existsSync(path) ? readdirSync(path).filter((name) => !name.endsWith('.lock')) : []
}

/** The files of the directory that this process has open, except locks. */
function readOpen(): string[] {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return paths.filter((path) => path.startsWith(directory.root) && !path.endsWith('lock'))
}

/** Status and problem type of the answer. */
function parse(answer: string) {
  const [head = '', body = ''] = answer.split('\r\n\r\n').slice(-2)
  return [Number(head.split(' ')[1]), JSON.parse(body).type]
}

it.each([
  ['sends nothing of it', () => {}],
  ['sends a part of it', (socket: Socket) => void socket.write(Buffer.alloc(500))],
  [
    'trickles',
    (socket: Socket) => {
      const timer = setInterval(() => socket.write('x'), 20)
      socket.once('close', () => clearInterval(timer))
    },
  ],
])('a client that writes a file and %s gets 408, and its resources are freed', async (_how, send) => {
  const socket = open()
  socket.write(await toPutHead('new', null))
  send(socket)
  expect(parse(await text(socket))).toEqual([408, 'request-timeout'])
  socket.destroy()
  await expect.poll(readTempFiles).toEqual([])
  await expect.poll(readOpen).toEqual([])
  expect((await fetch(`${served.url}/files/new`)).status).toBe(404)
})

it('a client whose request stalls gets 408, and its connection is closed', async () => {
  const socket = open()
  socket.write('POST /describe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n')
  socket.write('Content-Length: 100\r\n\r\n{"names":')
  expect(parse(await text(socket))).toEqual([408, 'request-timeout'])
})

it('writes beyond the limit are refused while others stall, and reads are answered', async () => {
  silence.ms = 60_000
  for (let i = 0; i < MAX_WRITES_UNDER_WAY; i++) {
    const stalled = open()
    stalled.write(await toPutHead(`new-${i}`, null))
    stalled.write(Buffer.alloc(1))
    await expect.poll(() => readTempFiles().length).toBeGreaterThan(i)
  }
  const refused = open()
  refused.write(await toPutHead('one-more', null))
  const [answer] = await once(refused, 'data')
  expect(parse(String(answer))).toEqual([503, 'overloaded'])
  expect((await fetch(`${served.url}/files/a`)).status).toBe(200)
})

it.each([
  ['to create an existing file', null],
  ['to replace a missing version', 'other'],
])('a client that asks %s gets 412 before it sends a byte', async (_what, replaces) => {
  const socket = open()
  socket.write(await toPutHead('a', replaces, 'Expect: 100-continue\r\nConnection: close\r\n'))
  const answer = await text(socket)
  expect(answer).not.toContain('100 Continue')
  expect(parse(answer)).toEqual([412, 'precondition-failed'])
  expect(readTempFiles()).toEqual([])
})

it('a client that expects 100-continue gets 100 when its write can succeed', async () => {
  const socket = open()
  socket.write(await toPutHead('a', 'old', 'Expect: 100-continue\r\nConnection: close\r\n'))
  const [first] = await once(socket, 'data')
  expect(String(first)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  socket.write(Buffer.alloc(1000))
  expect(await text(socket)).toMatch(/^HTTP\/1.1 204 /)
})

it.each([
  ['sends the rest of its request', 'Content-Length: 9\r\n\r\nx'],
  ['reads its answer', 'Content-Length: 0\r\n\r\n'],
])('a server that ends does not wait for a client that no longer %s', async (_what, end) => {
  const asked = Promise.withResolvers<void>()
  const endless = () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)) })
  const other = await serve(
    async (request) => {
      asked.resolve()
      await request.text()
      return new Response(endless())
    },
    { host: '127.0.0.1', port: 0 },
  )
  const socket = connect(other.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {}).pause()
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${end}`)
  await asked.promise
  await other.close()
})

it('both ends of a connection are probed after a minute of silence', async () => {
  const send = createSend()
  const reply = await send(`${served.url}/files/a`, { headers: {}, redirect: 'manual', duplex: 'half' })
  const lines = execFileSync('ss', ['-tnoH', `( sport = :${served.port} or dport = :${served.port} )`], {
    encoding: 'utf8',
  })
  // The time left until the first probe.
  const probed = lines.split('\n').filter((line) => /timer:\(keepalive,(1min|[1-5]\dsec)/.test(line))
  expect(probed, lines).toHaveLength(2)
  await reply.body?.cancel()
})
