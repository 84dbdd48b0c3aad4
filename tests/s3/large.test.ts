import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { answerError } from './faults.suite.ts'

const GIB = 1024 ** 3
/** As in the test of large files through replica and coordinator. */
const MAX_MEMORY_KIB = 512 * 1024
const CHILD = fileURLToPath(new URL('large-child.suite.ts', import.meta.url))

const isWanted = process.env['VOUCH_HUGE'] === '1'
if (!isWanted) console.warn('NOT TESTED without VOUCH_HUGE=1: 5 GiB to and from S3')

it.skipIf(!isWanted || !hasProc())(
  '5 GiB are written to S3 and read back with flat memory',
  { timeout: 600_000 },
  async () => {
    const store = await startZeros()
    try {
      const args = [CHILD, store.endpoint, 'bucket', 'KEY', 'SECRET', String(5 * GIB)]
      const { stdout } = await promisify(execFile)(process.execPath, args)
      console.log(stdout)
      const { read, peakKib } = JSON.parse(stdout)
      expect([read, store.received()]).toEqual([5 * GIB, 5 * GIB])
      expect(peakKib).toBeLessThan(MAX_MEMORY_KIB)
    } finally {
      store.close()
    }
  },
)

function hasProc(): boolean {
  try {
    return readFileSync('/proc/self/status', 'utf8') !== ''
  } catch {
    return false
  }
}

/** A store that heeds conditions, checks the bytes, and keeps only their count: all objects are zeros. */
async function startZeros() {
  const sizes = new Map<string, number>()
  let received = 0

  async function put(key: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash('sha256')
    let size = 0
    for await (const chunk of request) {
      hash.update(chunk)
      size += chunk.length
    }
    const { 'if-match': match, 'if-none-match': none, 'x-amz-content-sha256': digest } = request.headers
    const held = sizes.get(key)
    if ((none === '*' && held !== undefined) || (match !== undefined && match !== `"${held}"`)) {
      return void answerError(request, response, { status: 412, code: 'PreconditionFailed' })
    }
    if (hash.digest('hex') !== digest)
      return void answerError(request, response, { status: 400, code: 'BadDigest' })
    sizes.set(key, size)
    received += size
    response.writeHead(200, { ETag: `"${size}"` }).end()
  }

  function get(key: string, request: IncomingMessage, response: ServerResponse): void {
    const size = sizes.get(key)
    if (size === undefined) return void answerError(request, response, { status: 404, code: 'NoSuchKey' })
    const headers = { ETag: `"${size}"`, 'Content-Length': size, 'Last-Modified': new Date(0).toUTCString() }
    response.writeHead(200, headers)
    if (request.method === 'HEAD') response.end()
    else Readable.from(toZeros(size)).pipe(response)
  }

  const server = createServer((request, response) => {
    if (request.method === 'PUT') put(request.url ?? '', request, response).catch(() => response.destroy())
    else get(request.url ?? '', request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    received: () => received,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function* toZeros(size: number): Generator<Buffer> {
  const piece = Buffer.alloc(GIB / 1024)
  for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length))
}
