import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker } from 'node:worker_threads'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

// Servers that compare nothing: `node yardstick-server.ts hono` answers `hello` through Hono; `node
// yardstick-server.ts node BYTES FILE` answers `/small` with BYTES from memory, `/large` with FILE through a
// pipe, in chunks of 1 MiB, and `/hashed` with FILE through a pipe from a thread that reads the same chunks
// and hashes them.
const CHUNK_BYTES = 2 ** 20
const [, , kind, bytes, file = ''] = process.argv

if (!isMainThread) hashChunks()
else if (kind === 'hono') {
  const app = new Hono().get('/', (c) => c.text('hello'))
  serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => show(port))
} else {
  const small = Buffer.alloc(Number(bytes), 'x')
  const readHashed = createHashedReads()
  const server = createServer((request, response) => {
    if (request.url === '/small') return void response.setHeader('Content-Length', small.length).end(small)
    response.setHeader('Content-Length', statSync(file).size)
    const chunks =
      request.url === '/hashed' ? readHashed(file) : createReadStream(file, { highWaterMark: CHUNK_BYTES })
    // A client leaves once it has all bytes, which is before the end of the stream.
    pipeline(chunks, response, () => {})
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') show(address.port)
  })
}

function show(port: number): void {
  console.log(`http://127.0.0.1:${port}`)
}

/** Returns a function that streams a file which a thread reads and hashes, a chunk ahead of the reader. */
function createHashedReads(): (path: string) => Readable {
  let thread: Worker | undefined
  return (path) => {
    thread ??= new Worker(new URL(import.meta.url))
    const { port1: port, port2 } = new MessageChannel()
    thread.postMessage({ path, port: port2 }, [port2])
    const stream = new Readable({
      highWaterMark: 2 * CHUNK_BYTES,
      read: () => port.postMessage('next'),
    })
    port.on('message', (bytes: Uint8Array) => void stream.push(bytes.length === 0 ? null : bytes))
    stream.once('close', () => port.close())
    return stream
  }
}

/**
 * On the thread: opens each path that comes, and answers each message on its port with the next chunk, at
 * last an empty one.
 */
function hashChunks(): void {
  parentPort?.on('message', ({ path, port }: { readonly path: string; readonly port: MessagePort }) => {
    const descriptor = openSync(path, 'r')
    const hash = createHash('sha256')
    port.on('message', () => {
      const chunk = new Uint8Array(Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer)
      const read = chunk.subarray(0, readSync(descriptor, chunk))
      hash.update(read)
      port.postMessage(read, [chunk.buffer])
    })
    port.once('close', () => {
      hash.digest()
      closeSync(descriptor)
    })
  })
}
