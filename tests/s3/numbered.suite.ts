import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A bucket whose objects follow from their numbers, so that it may have any number of them. */
export interface NumberedBucket {
  readonly objects: number
  /** Whether the object keeps a SHA-256. */
  isSummed(n: number): boolean
  /** The content of an object. */
  toContent(n: number): string
}

/** The requests to a bucket by kind, and the bytes of contents that it sent. */
export interface Requests {
  list: number
  head: number
  get: number
  bytes: number
}

/** A server of S3 with such buckets by name, which counts what they are asked. */
export async function startNumbered(buckets: Readonly<Record<string, NumberedBucket>>) {
  const counts = new Map(Object.keys(buckets).map((name) => [name, createCounts()]))
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://server')
    const [, name = '', ...rest] = decodeURIComponent(url.pathname).split('/')
    const [bucket, count] = [buckets[name], counts.get(name)]
    if (bucket === undefined || count === undefined) return void response.writeHead(404).end()
    if (rest.join('/') === '') answerList(bucket, count, url.searchParams, response)
    else answerObject(bucket, count, rest.join('/'), request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    /** What the bucket was asked since the last call. */
    take(name: string): Requests {
      const taken = counts.get(name) ?? createCounts()
      counts.set(name, createCounts())
      return taken
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const createCounts = (): Requests => ({ list: 0, head: 0, get: 0, bytes: 0 })

const MODIFIED = new Date(1_700_000_000_000)

export function toKey(n: number): string {
  return `photos/${String(n).padStart(9, '0')}`
}

function toEtag(content: string): string {
  return createHash('md5').update(content).digest('hex')
}

function answerList(
  { objects, toContent }: NumberedBucket,
  count: Requests,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  count.list++
  const after = query.get('start-after') ?? ''
  const first = after < toKey(0) ? 0 : Number(after.slice('photos/'.length)) + 1
  const end = Math.min(objects, first + Number(query.get('max-keys')))
  const entries = Array.from({ length: end - first }, (_, i) => {
    const content = toContent(first + i)
    return `<Contents><Key>${toKey(first + i)}</Key><Size>${content.length}</Size><LastModified>${MODIFIED.toISOString()}</LastModified><ETag>"${toEtag(content)}"</ETag></Contents>`
  })
  response.writeHead(200, { 'Content-Type': 'application/xml' })
  response.end(
    `<?xml version="1.0"?><ListBucketResult>${entries.join('')}<IsTruncated>${end < objects}</IsTruncated></ListBucketResult>`,
  )
}

function answerObject(
  { objects, isSummed, toContent }: NumberedBucket,
  count: Requests,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const isHead = request.method === 'HEAD'
  count[isHead ? 'head' : 'get']++
  const n = Number(key.slice('photos/'.length))
  if (!(n < objects)) {
    response.writeHead(404).end(isHead ? '' : '<Error><Code>NoSuchKey</Code><Message>m</Message></Error>')
    return
  }
  const content = toContent(n)
  const sum = isSummed(n) && {
    'x-amz-checksum-sha256': createHash('sha256').update(content).digest('base64'),
    'x-amz-checksum-type': 'FULL_OBJECT',
  }
  response.writeHead(200, {
    ...{ 'Content-Length': content.length, 'Last-Modified': MODIFIED.toUTCString() },
    ...{ ETag: `"${toEtag(content)}"`, ...sum },
  })
  if (!isHead) count.bytes += content.length
  response.end(isHead ? '' : content)
}
