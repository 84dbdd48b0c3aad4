import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DOCUMENT } from '../../functions/coordinator/openapi/document.ts'
import {
  hash,
  makeBytes,
  readBytes,
  readParts,
  readProblem,
  type StartWorld,
  type World,
} from './world.suite.ts'

const BYTES = makeBytes(10_000)
const ETAG = `"${hash(BYTES).hex}"`

const TREES = {
  server1: { 'same.bin': BYTES, 'differ.txt': 'one', 'page.html': '<script>alert(1)</script>' },
  server2: { 'same.bin': BYTES, 'differ.txt': 'two', 'page.html': '<script>alert(1)</script>' },
}

/** Promises of RFC 9110 and of the design for every answer. */
export function describeHttp(start: StartWorld): void {
  let world: World
  beforeAll(async () => {
    world = await start(TREES)
  })
  afterAll(() => world.close())

  async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const response = await world.fetch(path, { method, headers })
    return { status: response.status, headers: response.headers, body: await readBytes(response) }
  }

  /**
   * Answers to GET and HEAD from the same readings: a digest read for the first may be remembered for the
   * second.
   */
  async function askBoth(path: string, headers: Record<string, string> = {}) {
    for (;;) {
      const [got, head] = await Promise.all([get(path, headers), get(path, headers, 'HEAD')])
      if (got.headers.get('Replica-Status') === head.headers.get('Replica-Status'))
        return [got, head] as const
    }
  }

  describe('an answer with a file', () => {
    it('has every documented field', async () => {
      const { status, headers } = await get('/files/same.bin')
      expect(status).toBe(200)
      expect(Object.fromEntries(headers)).toMatchObject({
        'accept-ranges': 'bytes',
        'cache-control': 'no-cache, no-transform',
        'content-length': '10000',
        'content-security-policy': expect.stringContaining('sandbox'),
        'content-type': 'application/octet-stream',
        etag: ETAG,
        'last-modified': expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
        'replica-agreement': 'unanimous;answered=2;of=2',
        'replica-status': expect.stringMatching(
          /^server1;state=match;evidence=\w+(;age=\d+)?, server2;state=match;evidence=\w+(;age=\d+)?$/,
        ),
        'repr-digest': hash(BYTES).field,
        vary: 'Accept',
        'x-content-type-options': 'nosniff',
      })
    })

    it.each(['/files/same.bin', '/files/differ.txt', '/files/missing.txt', '/files/..%5cx', '/nowhere'])(
      'has the same fields for HEAD as for GET: %s',
      async (path) => {
        const [got, head] = await askBoth(path)
        expect(head.status).toBe(got.status)
        expect(head.body).toHaveLength(0)
        expect(toComparable(head.headers)).toEqual(toComparable(got.headers))
        expect(got.headers.get('Content-Length')).toBe(String(got.body.length))
      },
    )

    it('announces to HEAD the length of all versions together', async () => {
      const [got, head] = await askBoth('/files/differ.txt', { Accept: 'multipart/mixed' })
      expect(head.status).toBe(300)
      expect(head.headers.get('Content-Length')).toBe(String(got.body.length))
    })
  })

  describe('a range', () => {
    it.each([
      ['bytes=100-199', 'bytes 100-199/10000', BYTES.subarray(100, 200)],
      ['bytes=9990-', 'bytes 9990-9999/10000', BYTES.subarray(9990)],
      ['bytes=-3', 'bytes 9997-9999/10000', BYTES.subarray(9997)],
      ['bytes=0-99999', 'bytes 0-9999/10000', BYTES],
    ])('%s is cut from the whole', async (range, contentRange, bytes) => {
      const { status, headers, body } = await get('/files/same.bin', { Range: range })
      expect(status).toBe(206)
      expect(headers.get('Content-Range')).toBe(contentRange)
      expect(headers.get('Content-Length')).toBe(String(bytes.length))
      expect(headers.get('Repr-Digest')).toBe(hash(BYTES).field)
      expect(body.equals(Buffer.from(bytes))).toBe(true)
    })

    it.each(['bytes=5-6, 0-0', 'bytes=5-2', 'lines=1-2', 'bytes=x'])(
      '%s returns the whole',
      async (range) => {
        const { status, body } = await get('/files/same.bin', { Range: range })
        expect(status).toBe(200)
        expect(body).toHaveLength(10_000)
      },
    )

    it('bytes=0-0, 5-6 returns both, each with its place', async () => {
      const { status, headers, body } = await get('/files/same.bin', { Range: 'bytes=0-0, 5-6' })
      expect(status).toBe(206)
      expect(headers.get('Content-Type')).toMatch(/^multipart\/byteranges; boundary=/)
      const places = body.toString('latin1').match(/Content-Range: .*/g)
      expect(places?.map((line) => line.trim())).toEqual([
        'Content-Range: bytes 0-0/10000',
        'Content-Range: bytes 5-6/10000',
      ])
    })

    it('that begins behind the end is 416', async () => {
      const response = await world.fetch('/files/same.bin', { headers: { Range: 'bytes=10000-' } })
      expect(response.status).toBe(416)
      expect(response.headers.get('Content-Range')).toBe('bytes */10000')
      expect(await readProblem(response)).toMatchObject({ type: 'range-not-satisfiable' })
    })

    it('applies only to the content that If-Range names', async () => {
      const range = { Range: 'bytes=0-9' }
      expect((await get('/files/same.bin', { ...range, 'If-Range': ETAG })).status).toBe(206)
      expect((await get('/files/same.bin', { ...range, 'If-Range': `"${'0'.repeat(64)}"` })).status).toBe(200)
      expect((await get('/files/same.bin', { ...range, 'If-Range': `W/${ETAG}` })).status).toBe(200)
    })
  })

  describe('a condition', () => {
    it('that the client has this content is 304, with no body', async () => {
      const { status, headers, body } = await get('/files/same.bin', { 'If-None-Match': `"x", ${ETAG}` })
      expect(status).toBe(304)
      expect(headers.get('ETag')).toBe(ETAG)
      expect(headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
      expect(body).toHaveLength(0)
    })

    it('that the client has this date is 304', async () => {
      const modified = (await get('/files/same.bin')).headers.get('Last-Modified') ?? ''
      expect((await get('/files/same.bin', { 'If-Modified-Since': modified })).status).toBe(304)
    })

    it('that fails is 412', async () => {
      const response = await world.fetch('/files/same.bin', { headers: { 'If-Match': '"x"' } })
      expect(response.status).toBe(412)
      expect(await readProblem(response)).toMatchObject({ type: 'precondition-failed' })
      expect((await get('/files/same.bin', { 'If-Match': ETAG })).status).toBe(200)
    })

    it('hides no conflict and no absence', async () => {
      expect((await get('/files/differ.txt', { 'If-None-Match': '*' })).status).toBe(409)
      expect((await get('/files/missing.txt', { 'If-None-Match': '*' })).status).toBe(404)
      expect((await get('/files/missing.txt', { Range: 'bytes=9-' })).status).toBe(404)
    })
  })

  describe('a conflict', () => {
    it.each([
      undefined,
      '*/*',
      'application/json',
      'text/plain',
      'application/problem+json, */*;q=0.9',
      'multipart/*',
    ])('is a problem for a client that accepts %s', async (accept) => {
      const response = await world.fetch(
        '/files/differ.txt',
        accept === undefined ? {} : { headers: { Accept: accept } },
      )
      expect(response.status).toBe(409)
      expect(response.headers.get('Vary')).toBe('Accept')
      expect(response.headers.has('ETag')).toBe(false)
      expect(await readProblem(response)).toMatchObject({
        type: 'conflict',
        name: 'differ.txt',
        agreement: 'conflict',
        versions: [
          { digest: hash('one').hex, size: 3, replicas: ['server1'] },
          { digest: hash('two').hex, size: 3, replicas: ['server2'] },
        ],
        replicas: [
          { id: 'server1', state: 'differ', version: hash('one').hex },
          { id: 'server2', state: 'differ', version: hash('two').hex },
        ],
      })
    })

    it('is a page for a client that prefers HTML', async () => {
      const { status, headers, body } = await get('/files/differ.txt', { Accept: 'text/html,*/*;q=0.8' })
      expect(status).toBe(409)
      expect(headers.get('Content-Type')).toBe('text/html; charset=utf-8')
      expect(headers.get('Content-Length')).toBe(String(body.length))
      expect(String(body)).toContain(`/files/differ.txt?version=${hash('two').hex}`)
    })

    it('is every version, each with its fields, for a client that accepts multipart/mixed', async () => {
      const response = await world.fetch('/files/differ.txt', { headers: { Accept: 'multipart/mixed' } })
      expect(response.status).toBe(300)
      const [manifest, ...versions] = await readParts(response)
      expect(manifest?.headers.get('Content-Type')).toBe('application/json')
      for (const { headers, content } of versions) {
        expect(headers.get('Content-Type')).toBe('text/plain')
        expect(headers.get('Repr-Digest')).toBe(hash(content).field)
        expect(headers.get('Last-Modified')).toMatch(/GMT$/)
        expect(headers.get('Replica-Status')).toMatch(/state=match/)
      }
    })

    it('links to each version by its href', async () => {
      const { versions } = await readProblem(await world.fetch('/files/differ.txt'))
      const bodies = (versions as { href: string }[]).map(async ({ href }) => String((await get(href)).body))
      expect(await Promise.all(bodies)).toEqual(['one', 'two'])
    })
  })

  describe('a parameter', () => {
    it('selects one version, which a replica must hold', async () => {
      const { status, headers, body } = await get(`/files/differ.txt?version=${hash('two').hex}`)
      expect(status).toBe(200)
      expect(String(body)).toBe('two')
      expect(headers.get('ETag')).toBe(`"${hash('two').hex}"`)
      expect((await get(`/files/differ.txt?version=${hash('three').hex}`)).status).toBe(404)
    })

    it("selects one replica's copy", async () => {
      const { status, body } = await get('/files/differ.txt?replica=server2')
      expect(status).toBe(200)
      expect(String(body)).toBe('two')
      expect((await get('/files/missing.txt?replica=server2')).status).toBe(404)
    })

    it('requires that all replicas answer', async () => {
      expect((await get('/files/same.bin?require=all')).status).toBe(200)
    })

    it.each(['version=abc', 'replica=server9', 'require=0', 'require=3', 'require=some'])(
      'that is invalid is 400: %s',
      async (query) => {
        const response = await world.fetch(`/files/same.bin?${query}`)
        expect(response.status).toBe(400)
        expect(await readProblem(response)).toMatchObject({ type: 'invalid-parameter' })
      },
    )
  })

  describe('an invalid request', () => {
    it.each([
      '/files/..%2Fsecret.txt',
      '/files/x/..%2f..%2fsecret.txt',
      '/files/..%5Csecret.txt',
      '/files/%2Fetc%2Fhostname',
      '/files//etc/hostname',
      '/files/a//b',
      '/files/%ff',
      '/files/%00',
      '/files/a%00.txt',
      '/files/%zz',
      '/files/.vouch/index',
      `/files/${'a'.repeat(1025)}`,
      `/files/${'a/'.repeat(513)}a`,
    ])('gets 400: %s', async (path) => {
      const response = await world.fetch(path)
      expect(response.status).toBe(400)
      expect(await readProblem(response)).toMatchObject({ type: 'invalid-name' })
    })

    it.each(['/files/../secret.txt', '/files/%2e%2e/secret.txt', '/files/x/../../../secret.txt'])(
      'never reaches outside the root: %s',
      async (path) => {
        const response = await world.fetch(path)
        expect([400, 404]).toContain(response.status)
        await readProblem(response)
      },
    )

    it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('gets 405: %s', async (method) => {
      const response = await world.fetch('/files/same.bin', { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toBe('GET, HEAD')
      expect(await readProblem(response)).toMatchObject({ type: 'method-not-allowed' })
    })

    it('has a document that describes valid ones', async () => {
      expect(await (await world.fetch('/openapi.json')).json()).toEqual(DOCUMENT)
    })

    it('gets 404 for an unknown path', async () => {
      const response = await world.fetch('/nowhere')
      expect(response.status).toBe(404)
      expect(await readProblem(response)).toMatchObject({ type: 'no-such-resource' })
    })

    it('gets 414 for an address beyond the limit', async () => {
      const response = await world.fetch(`/files/${'a'.repeat(9000)}`)
      expect(response.status).toBe(414)
      await readProblem(response)
    })
  })
}

/** The fields but for those of one moment and one connection. */
function toComparable(headers: Headers): Record<string, string> {
  const {
    date: _,
    connection: _c,
    'keep-alive': _k,
    'content-type': type = '',
    ...rest
  } = Object.fromEntries(headers)
  return { ...rest, 'content-type': type.replace(/boundary=.*/, '') }
}
