import { createHash } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createDigestCache } from '../../functions/storage/objects/digest-cache.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import type { WritableStorage } from '../../functions/storage/storage.ts'
import { toBytes } from '../../functions/storage/suite/set-up.suite.ts'
import {
  createSource,
  describeOne,
  expectTrouble,
  readBytes,
} from '../../functions/storage/suite/suite-tools.suite.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createS3Objects } from '../../runtime/s3/objects.ts'
import { createForeignClient, openObjects } from './bucket.suite.ts'
import { answerError, startFaulty } from './faults.suite.ts'
import {
  BUCKET,
  CONDITIONS,
  createMemoryStore,
  type MemoryStoreOptions,
  S3RVER_CREDENTIALS,
  startS3rver,
} from './s3rver.suite.ts'

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** A bucket behind s3rver, and the requests to it. */
async function setUp(options: Partial<MemoryStoreOptions> = {}, root = '') {
  const store = createMemoryStore({ heeds: CONDITIONS, keepsChecksums: true, ...options })
  const s3rver = await startS3rver({ store })
  const server = { endpoint: s3rver.endpoint, credentials: S3RVER_CREDENTIALS }
  const faulty = await startFaulty(server.endpoint)
  const client = createForeignClient(server)
  onTestFinished(async () => {
    client.destroy()
    await faulty.close()
    await s3rver.close()
  })
  const storage = createObjectStorage(openObjects({ ...server, endpoint: faulty.endpoint }, BUCKET, root), {
    createHasher,
    cache: createDigestCache(),
    root,
    writable: true,
  })
  const write = async (key: string, body: string, isSummed = false) => {
    const checksum = isSummed ? ({ ChecksumAlgorithm: 'SHA256' } as const) : {}
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body, ...checksum }))
  }
  return { store, faulty, storage, write }
}

async function put(storage: WritableStorage, name: string, text: string, replaces: string | null) {
  const bytes = toBytes(text)
  const options = {
    size: bytes.length,
    digest: sha256(bytes),
    replaces: replaces === null ? null : sha256(replaces),
  }
  return await storage.put(name, createSource(bytes).body, options)
}

describe('an object written by AWS’s own client', () => {
  it('has the time in its metadata, which a listing does not have', async () => {
    const { storage, store } = await setUp()
    store.hold('a', Buffer.from('old'), null, { mtime: '1000000000.123456789' })
    store.hold('b', Buffer.from('old'), null, { mtime: 'yesterday' })
    const [a, b] = await Promise.all(storage.describe(['a', 'b']))
    const { entries } = await storage.list()
    expect(a?.modified).toBe(1_000_000_000_123)
    expect(b?.modified).toBe(entries[1]?.modified)
    expect(entries[0]?.modified).toBeGreaterThan(1_700_000_000_000)
  })

  it('is not planned as the newest because it was stored last', async () => {
    const { storage, store } = await setUp()
    store.hold('a', Buffer.from('old'), null, { mtime: '1000000000' })
    const young = createMemoryStorage()
    const bytes = toBytes('young')
    const what = { size: bytes.length, digest: sha256(bytes), replaces: null, modified: 1_000_000_001_000 }
    await young.put('a', createSource(bytes).body, what)
    const replicas = [
      { id: 'bucket', storage },
      { id: 'memory', storage: young },
    ]
    const response = await createCoordinator(replicas, { createHasher }).request('/plan', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prefix: '', match: [], exclude: [], rules: [{ prefix: '', policy: 'newest' }] }),
    })
    expect((await response.json()).steps).toMatchObject([{ to: 'bucket', digest: sha256('young') }])
  })

  it('with a SHA-256 is compared without reading a byte', async () => {
    const { faulty, storage, write } = await setUp()
    await write('a', 'content', true)
    expect(await describeOne(storage, 'a')).toMatchObject({ digest: sha256('content'), evidence: 'stored' })
    expect(faulty.requests).toEqual([`HEAD /${BUCKET}/a`])
  })

  it('without one is read once, remembered, and read again when its version changes', async () => {
    const { faulty, storage, write } = await setUp()
    for (const content of ['content', 'changed']) {
      await write('a', content)
      faulty.requests.length = 0
      for (const evidence of ['read', 'remembered', 'remembered']) {
        expect(await describeOne(storage, 'a')).toMatchObject({ digest: sha256(content), evidence, age: 0 })
      }
      expect(faulty.requests.filter((line) => line.startsWith('GET'))).toEqual([`GET /${BUCKET}/a`])
      expect(faulty.requests.filter((line) => line.startsWith('HEAD'))).toHaveLength(3)
    }
  })

  it.each([
    ['of parts, by its ending', { 'x-amz-checksum-sha256': `${btoa('x'.repeat(32))}-3` }],
    [
      'of parts, by its type',
      { 'x-amz-checksum-sha256': btoa('x'.repeat(32)), 'x-amz-checksum-type': 'COMPOSITE' },
    ],
    [
      'of parts, by the ETag',
      { 'x-amz-checksum-sha256': btoa('x'.repeat(32)), ETag: `"${'0'.repeat(32)}-2"` },
    ],
    ['of parts, without a mark', { 'x-amz-checksum-sha256': btoa('x'.repeat(32)) }],
    [
      'that is not the one vouch wrote beside it',
      { 'x-amz-checksum-sha256': btoa('x'.repeat(32)), 'x-amz-meta-vouch-sha256': btoa('y'.repeat(32)) },
    ],
    [
      'of parts, by its type, though its metadata name vouch as its writer',
      {
        'x-amz-checksum-sha256': btoa('x'.repeat(32)),
        'x-amz-checksum-type': 'COMPOSITE',
        'x-amz-meta-vouch-sha256': btoa('x'.repeat(32)),
      },
    ],
    ['in the metadata of vouch alone', { 'x-amz-meta-vouch-sha256': btoa('x'.repeat(32)) }],
    ['of another kind', { 'x-amz-checksum-crc32': 'AAAAAA==' }],
    ['that is not valid', { 'x-amz-checksum-sha256': btoa('x'.repeat(31)) }],
  ])('with a checksum %s is read', async (_title, headers) => {
    const { faulty, storage, write } = await setUp()
    await write('a', 'content')
    faulty.fault = (request, response) => {
      const all = {
        'Content-Length': '7',
        'Last-Modified': new Date(0).toUTCString(),
        ETag: '"e"',
        ...headers,
      }
      response.writeHead(200, all).end(request.method === 'HEAD' ? '' : 'content')
      return true
    }
    expect(await describeOne(storage, 'a')).toMatchObject({
      digest: sha256('content'),
      evidence: 'read',
      age: 0,
    })
  })
})

describe('on a store that does not declare which checksums are of the whole object', () => {
  it('an object of another writer is read once, and one that vouch wrote or kept is compared without reading a byte', async () => {
    const { faulty, storage, write } = await setUp({ hidesTypes: true })
    await write('foreign', 'content', true)
    expect(await describeOne(storage, 'foreign')).toMatchObject({ evidence: 'read', age: 0 })
    await put(storage, 'own', 'one', null)
    await put(storage, 'own', 'other', 'one')
    await storage.restore('own', { digest: sha256('one'), replaces: sha256('other') })
    const fresh = createObjectStorage(
      openObjects({ endpoint: faulty.endpoint, credentials: S3RVER_CREDENTIALS }, BUCKET, ''),
      { createHasher },
    )
    faulty.requests.length = 0
    expect(await describeOne(fresh, 'own')).toMatchObject({ digest: sha256('one'), evidence: 'stored' })
    expect(faulty.requests).toEqual([`HEAD /${BUCKET}/own`])
  })
})

describe('a request', () => {
  it('has the session token, signed, and never in the URL', async () => {
    const sent: { url: string; headers: Record<string, string> }[] = []
    const objects = createS3Objects({
      ...{ bucket: 'bucket', endpoint: 'https://s3.eu-west-1.amazonaws.com', region: 'eu-west-1', root: '' },
      style: 'virtual',
      credentials: async () => ({ accessKeyId: 'KEY', secretAccessKey: 'SECRET', sessionToken: 'TOKEN' }),
      fetch: async (url, { headers }) => {
        sent.push({ url, headers })
        return new Response('', {
          status: 200,
          headers: { 'Content-Length': '1', 'Last-Modified': new Date(0).toUTCString() },
        })
      },
    })
    await objects.head('dir/a ü*', undefined)
    expect(sent.map(({ url }) => url)).toEqual([
      'https://bucket.s3.eu-west-1.amazonaws.com/dir/a%20%C3%BC%2A',
    ])
    expect(sent[0]?.headers).toMatchObject({
      'x-amz-security-token': 'TOKEN',
      authorization: expect.stringMatching(/Credential=KEY\/\d{8}\/eu-west-1\/s3\/.*x-amz-security-token/),
    })
    expect(JSON.stringify(sent)).not.toContain('SECRET')
  })
})

describe('a missing name', () => {
  it('costs a HEAD and a GET, which reports it', async () => {
    const { faulty, storage } = await setUp()
    expect(await describeOne(storage, 'a')).toBeNull()
    expect(faulty.requests).toEqual([`HEAD /${BUCKET}/a`, `GET /${BUCKET}/a`])
  })

  it('that is too long behind the prefix is invalid, without a request', async () => {
    const { faulty, storage } = await setUp({}, 'some/where/')
    const name = ['x'.repeat(250), 'y'.repeat(250), 'z'.repeat(250), 'w'.repeat(250)].join('/')
    await expectTrouble(storage.describe([`${name}/${'v'.repeat(12)}`])[0], 'invalid-name')
    expect(faulty.requests).toEqual([])
    expect(await describeOne(storage, `${name}/v`)).toBeNull()
  })
})

describe('a listing', () => {
  it('of 10,000 objects is ten pages, complete and in order, and its digests are remembered', async () => {
    const { store, faulty, storage } = await setUp()
    const names = Array.from(
      { length: 10_000 },
      (_, i) => `dir${i % 10}/${String(i).padStart(5, '0')} é+.txt`,
    )
    for (const [i, name] of names.entries()) store.hold(name, Buffer.from(`content ${i % 50}`))
    const found: string[] = []
    for (let after: string | undefined; ; ) {
      const { entries, next } = await storage.list({ after })
      found.push(...entries.map((entry) => entry.name))
      if (next === null) break
      after = next
    }
    expect(found).toEqual(names.sort())
    // After each full page the next is checked, to see whether it is the last.
    const pages = faulty.requests.map((line) =>
      new URL(line.slice(4), 'http://s').searchParams.get('start-after'),
    )
    expect(new Set(pages).size).toBe(10)
  })

  const key = (name: string) =>
    `<Contents><Key>${name}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag></Contents>`
  const list = (inside: string, truncated = 'false') =>
    `<?xml version="1.0"?><ListBucketResult>${inside}<IsTruncated>${truncated}</IsTruncated></ListBucketResult>`
  it.each([
    [
      'out of order',
      list(key('b') + key('a')),
      /not in the byte order of its keys, as directory buckets and some other/,
    ],
    ['with a key twice', list(key('a') + key('a')), /not in the byte order/],
    ['of other keys than asked for', list(key('z')), /other keys/],
    ['that is cut off', list(key('a')).slice(0, -20), /an invalid listing/],
    ['in HTML', '<!DOCTYPE html><html><body>Hello</body></html>', /an invalid listing/],
    ['that is empty and not the last', list('', 'true'), /an invalid listing/],
    [
      'without IsTruncated',
      list(key('a')).replace(/<IsTruncated>.*<\/IsTruncated>/, ''),
      /an invalid listing/,
    ],
    ['with an entity of its own', list(key('&a;')), /an invalid listing/],
    ['of a key encoded badly', list(`<EncodingType>url</EncodingType>${key('%C3%28')}`), /an invalid entry/],
    ['of an object without a size', list(key('a').replace(/<Size>1<\/Size>/, '')), /an invalid entry/],
  ])('%s is refused, never returned shortened', async (_title, body, message) => {
    const { faulty, storage } = await setUp()
    faulty.fault = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/xml' }).end(body)
      return true
    }
    const prefix = /other keys/.test(message.source) ? 'a' : ''
    await expect(storage.list({ prefix })).rejects.toMatchObject({
      code: 'unreachable',
      reason: 'http_protocol_error',
      message: expect.stringMatching(message),
    })
  })

  it('returns hostile keys unchanged, encoded or escaped', async () => {
    const { faulty, storage } = await setUp()
    const encoded = list(`<EncodingType>url</EncodingType>${key('a%26%3Cb%3E+c%2B%01')}${key('b%0D%0A')}`)
    const escaped = list(key('a&amp;&lt;b&gt; c+&#x1;') + key('b&#13;&#10;'))
    for (const body of [encoded, escaped]) {
      faulty.fault = (_request, response) => {
        response.writeHead(200).end(body)
        return true
      }
      expect((await storage.list()).entries.map(({ name }) => name)).toEqual(['a&<b> c+\u0001', 'b\r\n'])
    }
  })
})

describe('a write', () => {
  it.each([
    ['If-None-Match', []],
    ['If-Match', ['if-none-match']],
    ['If-None-Match', ['if-match']],
  ] as const)('is refused as read-only by a store that ignores %s', async (condition, heeds) => {
    const { store, storage } = await setUp({ heeds })
    await expect(put(storage, 'a', 'content', null)).rejects.toThrow(`ignores ${condition}`)
    await expectTrouble(put(storage, 'a', 'content', null), 'read-only')
    expect([...store.held.keys()]).toEqual(['.vouch/conditions'])
  })

  it('tests the store once, and keeps its digest there', async () => {
    const { faulty, storage } = await setUp()
    await put(storage, 'a', 'one', null)
    faulty.requests.length = 0
    expect(await put(storage, 'b', 'two', null)).toMatchObject({ evidence: 'stored', digest: sha256('two') })
    const path = `/${BUCKET}/b`
    expect(faulty.requests).toEqual([`HEAD ${path}`, `GET ${path}`, `PUT ${path}`, `HEAD ${path}`])
    expect(await describeOne(storage, 'b')).toMatchObject({ evidence: 'stored' })
  })

  it('that another overtook is rejected as precondition, for any error code of the store', async () => {
    for (const [status, code] of [
      [412, 'PreconditionFailed'],
      [409, 'ConditionalRequestConflict'],
      [404, 'NoSuchKey'],
    ] as const) {
      const { faulty, storage } = await setUp()
      await put(storage, 'a', 'one', null)
      faulty.fault = (request, response) =>
        request.method === 'PUT' &&
        request.url === `/${BUCKET}/a` &&
        answerError(request, response, { status, code })
      await expectTrouble(put(storage, 'a', 'two', 'one'), 'precondition')
    }
  })

  it('that the store completed before it failed succeeds', async () => {
    const { store, faulty, storage } = await setUp()
    await put(storage, 'a', 'one', null)
    faulty.fault = (request, response) => {
      if (request.method !== 'PUT' || request.url !== `/${BUCKET}/b`) return false
      store.hold('b', Buffer.from('two'), createHash('sha256').update('two').digest('base64'))
      return answerError(request, response, { status: 500, code: 'InternalError' })
    }
    expect(await put(storage, 'b', 'two', null)).toMatchObject({ digest: sha256('two'), evidence: 'stored' })
  })

  it('whose copy of the replaced object fails within an answer of 200 changes nothing', async () => {
    const { faulty, storage } = await setUp()
    await put(storage, 'a', 'one', null)
    faulty.fault = (request, response) => {
      if (request.headers['x-amz-copy-source'] === undefined) return false
      response.writeHead(200).end('  \n<Error><Code>InternalError</Code><Message>m</Message></Error>')
      return true
    }
    await expect(put(storage, 'a', 'two', 'one')).rejects.toThrow(/failed \(status 200, InternalError\)/)
    expect(new TextDecoder().decode(await readBytes(storage, 'a'))).toBe('one')
  })

  it('of more than 5 GiB is refused before a byte is sent', async () => {
    const { faulty, storage } = await setUp()
    const size = 5 * 1024 ** 3 + 1
    const { body, isEnded } = createSource(toBytes('x'))
    await expect(storage.put('a', body, { size, digest: sha256('x'), replaces: null })).rejects.toThrow(
      /5 GiB/,
    )
    expect(isEnded()).toBe(true)
    expect(faulty.requests.filter((line) => line.startsWith('PUT'))).toEqual([])
  })
})
