import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readChunks, toChunks, toStream } from '../../functions/bytes/chunks.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { openObjects } from './bucket.suite.ts'

/** Writes an object of so many zeros, reads it whole, and prints the result; `large.test.ts` starts it. */
async function run(
  endpoint: string,
  bucket: string,
  key: string,
  secret: string,
  size: number,
): Promise<void> {
  const server = { endpoint, credentials: { accessKeyId: key, secretAccessKey: secret } }
  const storage = createObjectStorage(openObjects(server, bucket), { createHasher, writable: true })
  const digest = hashZeros(size)
  const started = performance.now()
  await storage.put('large.bin', toStream(createZeros(size)), { size, digest, replaces: null })
  const written = performance.now()
  const opened = await storage.open('large.bin', { ifDigest: digest })
  let read = 0
  if (opened !== null) for await (const chunk of readChunks(toChunks(opened.body))) read += chunk.length
  const [putSeconds, getSeconds] = [written - started, performance.now() - written].map((ms) => ms / 1000)
  const peakKib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  console.log(JSON.stringify({ read, peakKib, putSeconds, getSeconds }))
}

const PIECE = 1024 * 1024

function createZeros(size: number) {
  let left = size
  return {
    async next(): Promise<IteratorResult<Uint8Array, undefined>> {
      const length = Math.min(left, PIECE)
      left -= length
      return length === 0 ? { done: true, value: undefined } : { done: false, value: new Uint8Array(length) }
    },
    async cancel() {},
  }
}

function hashZeros(size: number): string {
  const hash = createHash('sha256')
  const piece = new Uint8Array(PIECE)
  for (let left = size; left > 0; left -= PIECE) hash.update(piece.subarray(0, Math.min(left, PIECE)))
  return hash.digest('hex')
}

const [endpoint = '', bucket = '', key = '', secret = '', size = '0'] = process.argv.slice(2)
await run(endpoint, bucket, key, secret, Number(size))
process.exit()
