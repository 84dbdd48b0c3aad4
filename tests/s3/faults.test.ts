import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createDigestCache } from '../../functions/storage/objects/digest-cache.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import { readStates } from '../../functions/storage/suite/states.suite.ts'
import { createDirectoryStorage } from '../../runtime/node/directory-storage.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { createForeignClient, openObjects } from './bucket.suite.ts'
import { answerError, type ErrorAnswer, type Fault, startFaulty } from './faults.suite.ts'
import { BUCKET, CONDITIONS, createMemoryStore, S3RVER_CREDENTIALS, startS3rver } from './s3rver.suite.ts'

/** A coordinator over a directory and a bucket that hold the same `both`, with a faulty server between. */
async function setUp() {
  const { path: directory, remove } = createTemporaryDirectory('vouch-s3-')
  const store = createMemoryStore({ heeds: CONDITIONS, keepsChecksums: false })
  const s3rver = await startS3rver({ store })
  const server = { endpoint: s3rver.endpoint, credentials: S3RVER_CREDENTIALS }
  const faulty = await startFaulty(server.endpoint)
  const local = createDirectoryStorage(directory, { indexPath: null })
  onTestFinished(async () => {
    await local.close()
    await faulty.close()
    await s3rver.close()
    remove()
  })
  const client = createForeignClient(server)
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'both', Body: 'the same everywhere' }))
  client.destroy()
  await writeFile(join(directory, 'both'), 'the same everywhere')
  const objects = openObjects({ ...server, endpoint: faulty.endpoint }, BUCKET)
  const bucket = createObjectStorage(objects, { createHasher, cache: createDigestCache() })
  const replicas = [
    { id: 'local', storage: local },
    { id: 'bucket', storage: bucket },
  ]
  const app = createCoordinator(replicas, { createHasher })
  return {
    faulty,
    bucket,
    ask: async (path: string) => await app.fetch(new Request(`http://localhost${path}`)),
  }
}

const error =
  (answer: ErrorAnswer): Fault =>
  (request, response) =>
    answerError(request, response, answer)
const always =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Fault =>
  (request, response) => {
    response.writeHead(status, headers).end(request.method === 'HEAD' ? '' : body)
    return true
  }

const HTML = '<!DOCTYPE html><html><body><h1>Not Found</h1><p>Nothing here.<br></body></html>'
const toDate = (ms: number) => new Date(Date.now() + ms).toUTCString()

/** The answer of the store, the reason in Replica-Status, and the message. */
const FAULTS: readonly (readonly [string, Fault, string, RegExp])[] = [
  [
    'denies access',
    error({ status: 403, code: 'AccessDenied' }),
    'http_request_denied',
    /denies access.*403, AccessDenied/,
  ],
  [
    'refuses a signature',
    error({ status: 403, code: 'SignatureDoesNotMatch' }),
    'http_request_denied',
    /refused the credentials.*SignatureDoesNotMatch/,
  ],
  [
    'knows no such key id',
    error({ status: 403, code: 'InvalidAccessKeyId' }),
    'http_request_denied',
    /refused the credentials/,
  ],
  [
    'finds a session expired',
    error({ status: 400, code: 'ExpiredToken' }),
    'http_request_denied',
    /refused the credentials.*ExpiredToken/,
  ],
  [
    'has another time',
    error({ status: 403, code: 'RequestTimeTooSkewed', headers: { Date: toDate(-3_600_000) } }),
    'http_request_denied',
    /clock is 3\d\d\d s ahead of the store's/,
  ],
  [
    'has another time, and calls that a wrong signature,',
    error({ status: 403, code: 'SignatureDoesNotMatch', headers: { Date: toDate(3_600_000) } }),
    'http_request_denied',
    /clock is 3\d\d\d s behind the store's/,
  ],
  [
    'has no such bucket',
    error({ status: 404, code: 'NoSuchBucket' }),
    'http_request_denied',
    /no such bucket/,
  ],
  [
    'is not a store, and answers 404 in HTML',
    always(404, HTML, { 'Content-Type': 'text/html' }),
    'http_protocol_error',
    /404 and no answer of S3/,
  ],
  [
    'is not a store, and answers 404 with an empty body',
    always(404, ''),
    'http_protocol_error',
    /404 and no answer of S3/,
  ],
  [
    'is not a store, and answers 404 in XML',
    always(404, '<Error><Code>NoSuchKey</Code>'),
    'http_protocol_error',
    /404 and no answer of S3/,
  ],
  [
    'is not a store, and answers 200 in HTML',
    always(200, HTML),
    'http_protocol_error',
    /without size or time/,
  ],
  [
    'wants rest for long',
    error({ status: 429, code: 'TooManyRequests', headers: { 'Retry-After': '120' } }),
    'destination_unavailable',
    /too busy.*429.*retry after 120 s/,
  ],
  [
    'is too busy',
    error({ status: 503, code: 'SlowDown', headers: { 'Retry-After': '0' } }),
    'destination_unavailable',
    /too busy \(status 503\)/,
  ],
  [
    'fails',
    error({ status: 500, code: 'InternalError', headers: { 'Retry-After': '0' } }),
    'destination_unavailable',
    /failed \(status 500\)/,
  ],
  [
    'has the bucket in another region',
    error({
      status: 301,
      code: 'PermanentRedirect',
      headers: { 'x-amz-bucket-region': 'eu-west-1', Location: 'http://elsewhere.invalid/' },
    }),
    'proxy_configuration_error',
    /in the region eu-west-1/,
  ],
  [
    'was asked with another region',
    error({ status: 400, code: 'AuthorizationHeaderMalformed', more: '<Region>eu-central-1</Region>' }),
    'proxy_configuration_error',
    /in the region eu-central-1/,
  ],
  [
    'sends elsewhere',
    always(302, '', { Location: 'http://elsewhere.invalid/' }),
    'http_protocol_error',
    /302 and no answer of S3/,
  ],
  [
    'keeps the object in an archive',
    error({ status: 403, code: 'InvalidObjectState' }),
    'proxy_internal_error',
    /archived/,
  ],
  [
    'breaks connections off',
    (request) => {
      request.socket.destroy()
      return true
    },
    'connection_terminated',
    /closed the connection/,
  ],
]

describe('a store of S3 that', () => {
  it.each(FAULTS)(
    '%s is an error with its cause, and never means that the file is absent',
    async (_title, fault, reason, detail) => {
      const { faulty, bucket, ask } = await setUp()
      faulty.fault = fault
      const read = await ask('/files/both')
      expect([read.status, readStates(read.headers)]).toEqual([
        200,
        `local;state=match, bucket;state=error;error=${reason}`,
      ])
      expect(await read.text()).toBe('the same everywhere')
      const missing = await ask('/files/nowhere')
      expect(missing.status).toBe(503)
      const text = await missing.text()
      expect(text).toMatch(detail)
      for (const secret of [faulty.endpoint, BUCKET, S3RVER_CREDENTIALS.accessKeyId, 'Signature='])
        expect(text).not.toContain(secret)
      await expect(bucket.list()).rejects.toMatchObject({ name: 'StorageError' })
    },
  )

  it('answers NoSuchKey does not hold the file, and only then', async () => {
    const { ask } = await setUp()
    const response = await ask('/files/nowhere')
    expect([response.status, readStates(response.headers)]).toEqual([
      404,
      'local;state=missing, bucket;state=missing',
    ])
  })

  it('is busy once, or fails, is asked again', async () => {
    const { faulty, ask } = await setUp()
    for (const [status, code] of [
      [503, 'SlowDown'],
      [429, 'TooManyRequests'],
      [500, 'InternalError'],
    ] as const) {
      let times = 0
      faulty.fault = (request, response) =>
        times++ < 2 && answerError(request, response, { status, code, headers: { 'Retry-After': '0' } })
      const { headers } = await ask('/files/both')
      expect(readStates(headers)).toBe('local;state=match, bucket;state=match')
      expect(times).toBeGreaterThan(2)
    }
  })

  it('breaks off within a body never ends it cleanly', async () => {
    const { faulty, bucket, ask } = await setUp()
    faulty.fault = (request, response) => {
      if (request.method !== 'GET') return false
      response.writeHead(200, { 'Content-Length': '19', ETag: '"e"', 'Last-Modified': toDate(0) })
      response.write('the sa', () => response.destroy())
      return true
    }
    const response = await ask('/files/both')
    expect(readStates(response.headers)).toMatch(/^local;state=match, bucket;state=error;error=\w+$/)
    await expect(bucket.describe(['both'])[0]).rejects.toMatchObject({ name: 'StorageError' })
  })

  it('answers with fewer bytes than it announced is in error', async () => {
    const { faulty, ask } = await setUp()
    let etag = ''
    faulty.fault = (request, response) => {
      if (request.method === 'HEAD') {
        response.writeHead(200, { 'Content-Length': '19', ETag: '"e"', 'Last-Modified': toDate(0) }).end()
      } else {
        etag = String(request.headers['if-match'])
        response
          .writeHead(200, { 'Content-Length': '6', ETag: '"e"', 'Last-Modified': toDate(0) })
          .end('the sa')
      }
      return true
    }
    const response = await ask('/files/both')
    expect(etag).toBe('"e"')
    expect(readStates(response.headers)).toMatch(
      /^local;state=match, bucket;state=error;error=http_response_incomplete$/,
    )
  })
})
