import { expect, test } from 'vitest'
import { type Chunks, fromBytes, readAll, through } from '../../../functions/bytes/chunks.ts'
import { toBytes } from '../../../functions/storage/suite/set-up.suite.ts'
import { readPipeline } from './pipeline.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const SENT =
  'HTTP/1.1 200 OK\r\nETag: "x"\r\ncontent-length:  5 \r\n\r\nhello' +
  'HTTP/1.1 304 \r\nContent-Length: 7\r\n\r\n' +
  'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n' +
  'HTTP/1.1 404 Not Found\r\nX: a:b\r\nContent-Length: 6\r\n\r\n\r\n\r\n..'

/** The bytes of `sent` in chunks of `length` bytes. */
function cut(sent: string, length: number): Chunks {
  return through(fromBytes(toBytes(sent)), (chunks) => cutChunks(chunks, length))
}

async function* cutChunks(chunks: AsyncIterable<Uint8Array>, length: number) {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += length) yield chunk.slice(at, at + length)
}

async function readBodies(chunks: Chunks) {
  const read = []
  const pipeline = readPipeline(chunks)
  for (let reply = await pipeline.next(); reply !== null; reply = await pipeline.next()) {
    const { status, headers, body } = reply
    read.push([status, headers.get('etag'), headers.get('X'), text(await readAll(body as Chunks))])
  }
  return read
}

test.each([1, 2, 3, 7, 50, 1000])('responses are read from chunks of %i bytes', async (length) => {
  expect(await readBodies(cut(SENT, length))).toEqual([
    [200, '"x"', null, 'hello'],
    [304, null, null, ''],
    [200, null, null, ''],
    [404, null, 'a:b', '\r\n\r\n..'],
  ])
})

test.each([1, 1000])(
  'a body that is not read, or not to its end, is skipped, %i bytes a chunk',
  async (length) => {
    const statuses = []
    const pipeline = readPipeline(cut(SENT, length))
    for (let reply = await pipeline.next(); reply !== null; reply = await pipeline.next()) {
      statuses.push(reply.status)
      if (reply.status === 200) await (reply.body as Chunks).next()
      await reply.body?.cancel()
    }
    expect(statuses).toEqual([200, 304, 200, 404])
  },
)

test('a response and its body are there without a wait once they have arrived', async () => {
  const pipeline = readPipeline(cut(SENT, 1000))
  const [first, late] = [await pipeline.next(), await readPipeline(cut(SENT, 1)).next()]
  expect(text(first?.whole() ?? new Uint8Array())).toBe('hello')
  expect(text(await readAll(first?.body as Chunks))).toBe('hello')
  expect(pipeline.next()).toMatchObject({ status: 304 })
  expect(late?.whole()).toBeNull()
})

test('the chunks are released when the reader cancels', async () => {
  let cancelled = 0
  const pipeline = readPipeline({ ...fromBytes(toBytes(SENT)), cancel: async () => void cancelled++ })
  await pipeline.next()
  await pipeline.cancel()
  expect(cancelled).toBe(1)
})

test.each([
  ['within a head', SENT.slice(0, 20)],
  ['within a body', SENT.slice(0, -1)],
])('a pipeline that ends %s is broken', async (_where, sent) => {
  await expect(readBodies(cut(sent, 1000))).rejects.toMatchObject({
    name: 'Broken',
    message: 'the transfer broke off early',
  })
})

test.each([
  ['no response', 'GET / HTTP/1.1\r\n\r\n'],
  ['another version', 'HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no length', 'HTTP/1.1 200 OK\r\nETag: "x"\r\n\r\nhello'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\nhello'],
  ['a head without an end', `HTTP/1.1 200 OK\r\n${'X: x\r\n'.repeat(50_000)}`],
])('%s is not of a coordinator', async (_what, sent) => {
  await expect(readBodies(cut(sent, 64 * 1024))).rejects.toMatchObject({ name: 'NotACoordinator' })
})
