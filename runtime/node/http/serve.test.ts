import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { fromBytes, toStream } from '../../../functions/bytes/chunks.ts'
import { allowFreeing } from '../../../functions/bytes/freeing.ts'
import { createAnswer } from '../../../functions/http/answer.ts'
import { ONE_WRITE_BYTES } from '../limits.ts'
import { type Served, type ServeOptions, serve } from './serve.ts'

const open: Served[] = []

async function start(
  fetch: (request: Request) => Response | Promise<Response>,
  options: Partial<ServeOptions> = {},
): Promise<Served> {
  const served = await serve(fetch, { host: '127.0.0.1', port: 0, ...options })
  open.push(served)
  return served
}

afterEach(async () => {
  for (const served of open.splice(0)) {
    served.close()
    await served.close()
  }
})

/** A body that a test feeds chunk by chunk. */
function createFeed() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 9 })
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  return {
    body: readable,
    write: (chunk: string) => void writer.write(new TextEncoder().encode(chunk)).catch(() => {}),
    close: () => void writer.close(),
    fail: (error: Error) => void writer.abort(error).catch(() => {}),
    cancelled: writer.closed.then(
      () => {},
      () => {},
    ),
  }
}

async function ask(url: string): Promise<IncomingMessage> {
  const [response] = await once(get(url, { agent: false }), 'response')
  return response
}

test('a server answers at the address that it reports, with a free port', async () => {
  const served = await start((request) => new Response(new URL(request.url).pathname))
  expect(served.url).toBe(`http://127.0.0.1:${served.port}`)
  const response = await fetch(`${served.url}/a/b`)
  expect(await response.text()).toBe('/a/b')
})

test.each([
  ['a small body', new Uint8Array(10)],
  ['a large one', new Uint8Array(ONE_WRITE_BYTES + 1)],
  ['a stream', toStream(fromBytes(new Uint8Array(10)))],
  ['no body', null],
])('fields that the host adds to an answer with %s are sent', async (_what, body) => {
  const served = await start(() => {
    const answer = createAnswer(200, { 'Content-Type': 'text/plain' }, body)
    answer.headers.set('X-Added', 'yes')
    answer.headers.delete('Referrer-Policy')
    return answer
  })
  const { headers } = await ask(served.url)
  expect(headers).toMatchObject({ 'x-added': 'yes', 'content-type': 'text/plain' })
  expect(headers).not.toHaveProperty('referrer-policy')
})

test('the address of an IPv6 host has brackets', async () => {
  const served = await start(() => new Response('six'), { host: '::1' })
  expect(served.url).toBe(`http://[::1]:${served.port}`)
  expect(await (await fetch(served.url)).text()).toBe('six')
})

test('a port in use rejects with the error of listening', async () => {
  const { port } = await start(() => new Response())
  await expect(serve(() => new Response(), { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
})

test.each([0, 1, 256, ONE_WRITE_BYTES, ONE_WRITE_BYTES + 1])(
  '%d bytes from memory arrive as they are',
  async (size) => {
    const body = Uint8Array.from({ length: size }, (_, i) => i)
    const fields = { 'Content-Length': String(size), 'X-A': 'b' }
    const served = await start(() => createAnswer(200, fields, body))
    const response = await ask(served.url)
    expect(response.headers).toMatchObject({ 'content-length': String(size), 'x-a': 'b' })
    expect(new Uint8Array(await buffer(response))).toEqual(body)
  },
)

test('status and fields arrive as they were given, HEAD without a body', async () => {
  const served = await start(
    ({ method }) =>
      new Response(method === 'HEAD' ? null : 'gone', {
        status: 410,
        headers: { 'Content-Length': '4', 'X-A': 'b' },
      }),
  )
  for (const [method, body] of [
    ['GET', 'gone'],
    ['HEAD', ''],
  ] as const) {
    const response = await fetch(served.url, { method })
    expect([response.status, response.headers.get('Content-Length'), response.headers.get('X-A')]).toEqual([
      410,
      '4',
      'b',
    ])
    expect(await response.text()).toBe(body)
  }
})

test('the header section is sent before a slow first chunk', async () => {
  const feed = createFeed()
  const served = await start(() => new Response(feed.body))
  const response = await ask(served.url)
  feed.write('late')
  feed.close()
  expect(await text(response)).toBe('late')
})

test.each([
  ['at once', null, { 'Content-Length': '9' }],
  ['midway', 'some', { 'Content-Length': '9' }],
  ['midway, without a length', 'some', {}],
])(
  'a body that fails %s breaks the connection off, and the failure is reported',
  async (_when, first, headers) => {
    const broken = Promise.withResolvers<unknown>()
    const feed = createFeed()
    const served = await start(() => new Response(feed.body, { headers: { ...headers } }), {
      onBroken: (request, error) => broken.resolve([new URL(request.url).pathname, error]),
    })
    const error = new Error('the disk is gone')
    if (first === null) feed.fail(error)
    else feed.write(first)
    const answer = ask(`${served.url}/x`).then(async (response) => {
      if (first !== null) feed.fail(error)
      return await text(response)
    })
    await expect(answer).rejects.toThrow()
    expect(await broken.promise).toEqual(['/x', error])
  },
)

test('a client that leaves before its answer has the body cancelled', async () => {
  const feed = createFeed()
  const asked = Promise.withResolvers<Request>()
  const answer = Promise.withResolvers<Response>()
  const served = await start((request) => {
    asked.resolve(request)
    return answer.promise
  })
  const request = get(served.url, { agent: false }).on('error', () => {})
  const { signal } = await asked.promise
  const gone = once(signal, 'abort')
  request.destroy()
  await gone
  answer.resolve(new Response(feed.body))
  await feed.cancelled
})

test('a client that leaves cancels the body, and no failure is reported', async () => {
  let heard = 0
  const feed = createFeed()
  const served = await start(() => new Response(feed.body), { onBroken: () => heard++ })
  feed.write('some')
  const response = await ask(served.url)
  response.destroy()
  await feed.cancelled
  await served.close()
  expect(heard).toBe(0)
})

test('a client that stops reading pauses the body', async () => {
  let pulled = 0
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++
      controller.enqueue(new Uint8Array(1024 * 1024))
    },
  })
  const served = await start(() => new Response(endless))
  const response = await ask(served.url)
  response.pause()
  let before: number
  do {
    before = pulled
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  } while (pulled > before)
  expect(pulled).toBeLessThan(64)
  response.destroy()
})

/** More than the buffers of a connection take. */
const LARGE_BYTES = 32 * 1024 * 1024

function createLarge() {
  const chunk = new Uint8Array(LARGE_BYTES).fill(7)
  allowFreeing(chunk)
  return { chunk, answer: createAnswer(200, {}, toStream(fromBytes(chunk))) }
}

const isWhole = (bytes: Uint8Array) => bytes.length === LARGE_BYTES && bytes.every((byte) => byte === 7)

test('a chunk is freed once it is sent, and no earlier', async () => {
  const { chunk, answer } = createLarge()
  const served = await start(() => answer)
  const response = await ask(served.url)
  expect(chunk).toHaveLength(LARGE_BYTES)
  expect(isWhole(await buffer(response))).toBe(true)
  expect(chunk).toHaveLength(0)
})

test('a chunk is not freed when somebody else reads the body too', async () => {
  const { answer } = createLarge()
  const other = answer.clone()
  const served = await start(() => answer)
  const response = await ask(served.url)
  expect(isWhole(await buffer(response))).toBe(true)
  expect(isWhole(new Uint8Array(await other.arrayBuffer()))).toBe(true)
})

test('close finishes the answer under way and accepts no new connection', async () => {
  const feed = createFeed()
  const served = await start(() => new Response(feed.body))
  feed.write('begin ')
  const response = await ask(served.url)
  const closed = served.close()
  await expect(fetch(served.url)).rejects.toThrow()
  feed.write('end')
  feed.close()
  expect(await text(response)).toBe('begin end')
  await closed
})

test('close ends connections that idle: kept alive before, kept alive after, and never used', async () => {
  const feed = createFeed()
  const served = await start(({ url }) =>
    url.endsWith('/slow') ? new Response(feed.body) : new Response('ok'),
  )
  await (await fetch(served.url)).text()
  const silent = connect(served.port, '127.0.0.1')
  await once(silent, 'connect')
  const slow = fetch(`${served.url}/slow`, { headers: { Connection: 'keep-alive' } })
  feed.write('x')
  const response = await slow
  const closed = served.close()
  await once(silent.resume(), 'close')
  feed.close()
  await response.text()
  await closed
})

test('a second close ends the answers under way immediately', async () => {
  const feed = createFeed()
  const served = await start(() => new Response(feed.body))
  feed.write('begin')
  const response = await ask(served.url)
  const rest = text(response)
  rest.catch(() => {})
  const first = served.close()
  await served.close()
  await first
  await expect(rest).rejects.toThrow()
})
