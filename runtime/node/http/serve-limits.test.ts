import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createAnswer } from '../../../functions/http/answer.ts'
import { createApp } from '../../../functions/http/app.ts'
import { MAX_HEADER_BYTES } from '../limits.ts'
import { type Served, serve } from './serve.ts'

vi.mock('../limits.ts', async (load) => ({
  ...(await load<object>()),
  HEADERS_MS: 50,
  SERVER_CHECK_MS: 20,
  STALLED_MS: 50,
  MAX_CONNECTIONS: 4,
}))

vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  MAX_STREAMED_BYTES: 40 * 2 ** 20,
}))

let served: Served
const cancelled = Promise.withResolvers<void>()

beforeAll(async () => {
  const endless = () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)),
      cancel: () => cancelled.resolve(),
    })
  /** Sends one byte, and no end. */
  const held = () => new ReadableStream({ start: (controller) => controller.enqueue(Uint8Array.of(1)) })
  const bodies: Readonly<Record<string, () => ReadableStream>> = { '/endless': endless, '/held': held }
  served = await serve((request) => new Response(bodies[new URL(request.url).pathname]?.() ?? 'x'), {
    host: '127.0.0.1',
    port: 0,
  })
})

afterAll(async () => {
  served.close()
  await served.close()
})

/** The whole answer, head and body. */
async function say(sent: string): Promise<string> {
  const socket = connect(served.port, '127.0.0.1')
  socket.write(sent)
  return await text(socket)
}

it.each([
  ['no HTTP', 'GET / HTTQ/9\r\n\r\n', 400, 'malformed-request'],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
    'malformed-request',
  ],
  [
    'fields without end',
    `GET / HTTP/1.1\r\nHost: a\r\nA: ${'a'.repeat(MAX_HEADER_BYTES)}\r\n\r\n`,
    431,
    'fields-too-large',
  ],
  ['half a header section', 'GET / HTTP/1.1\r\nHost: a\r\n', 408, 'request-timeout'],
])(
  '%s gets a problem document that explains it, and the connection is closed',
  async (_what, sent, status, type) => {
    const [head = '', body = ''] = (await say(sent)).split('\r\n\r\n')
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\n`))
    expect(head).toMatch(/Content-Type: application\/problem\+json\r\n/)
    expect(head).toMatch(/X-Content-Type-Options: nosniff\r\n/)
    expect(JSON.parse(body)).toMatchObject({ type, status })
  },
)

it('a client that reads nothing of its answer is disconnected, and the body cancelled', async () => {
  const socket = connect(served.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  socket.pause()
  await cancelled.promise
  socket.destroy()
})

it('a client that reads nothing of a large answer from memory is disconnected, and the budget is freed', async () => {
  const app = createApp({})
  app.get('/whole', () => createAnswer(200, {}, new Uint8Array(32 * 2 ** 20)))
  const own = await serve((request, peer) => app.fetch(request, peer), { host: '127.0.0.1', port: 0 })
  const socket = connect(own.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await once(socket, 'readable')
  const ask = async () => {
    const answer = await fetch(`${own.url}/whole`)
    await answer.body?.cancel()
    return answer.status
  }
  await expect.poll(ask).toBe(200)
  let taken = 0
  socket.on('data', ({ length }) => (taken += length))
  await once(socket, 'close')
  expect(taken).toBeLessThan(32 * 2 ** 20)
  await own.close()
})

it('a connection beyond the limit is closed, and the others are served', async () => {
  const held = []
  for (let i = 0; i < 4; i++) held.push(await hold())
  const fifth = connect(served.port, '127.0.0.1')
  fifth.on('error', () => {})
  expect(await text(fifth).catch(() => '')).toBe('')
  for (const socket of held) {
    expect(socket.closed).toBe(false)
    socket.destroy()
  }
})

/** A connection whose answer has begun; the server may not have noticed yet that those before are gone. */
async function hold(): Promise<Socket> {
  for (;;) {
    const socket = connect(served.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /held HTTP/1.1\r\nHost: a\r\n\r\n')
    const [begun] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
    if (!(begun instanceof Buffer)) continue
    expect(begun.toString()).toMatch(/^HTTP\/1.1 200 /)
    return socket
  }
}
