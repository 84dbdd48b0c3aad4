import { describe, expect, it, vi } from 'vitest'
import { toReprDigest } from '../../wire/fields/fields.ts'
import { SEEN_AGAIN_MS } from '../../wire/limits.ts'
import { createDigestCache } from '../objects/digest-cache.ts'
import { createObjectStorage } from '../objects/object-storage.ts'
import { createTestHasher, hash, toBytes } from '../suite/set-up.suite.ts'
import { describeOne, expectTrouble, readBytes } from '../suite/suite-tools.suite.ts'
import { createStaticWeb } from './static-web.ts'

const OLD = { 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT', Date: 'Mon, 23 Nov 2026 00:00:00 GMT' }

type Answer = (request: Request) => Response

/** A storage over a web server that answers so; `gets` counts the GET requests. */
function over(answer: Answer) {
  const asked = { gets: 0 }
  const objects = createStaticWeb('http://mirror.example/dir/', {
    async fetch(url, init) {
      const request = new Request(url, { method: init.method ?? 'GET', headers: init.headers })
      if (request.method === 'GET') asked.gets++
      return answer(request)
    },
  })
  const options = { createHasher: createTestHasher, cache: createDigestCache() }
  return { storage: createObjectStorage(objects, options), asked }
}

/** The file `a`, in an existing directory. */
function serving(text: string, fields: Record<string, string> = OLD): Answer {
  return ({ url, method }) => {
    const { pathname } = new URL(url)
    if (pathname === '/dir/') return new Response(null, { status: 403 })
    if (pathname !== '/dir/a') return new Response(null, { status: 404 })
    const headers = { 'Content-Length': String(text.length), ...fields }
    return new Response(method === 'HEAD' ? null : text, { headers })
  }
}

const always = (status: number, headers: Record<string, string> = {}): Answer => {
  return () => new Response(null, { status, headers })
}

const sendingNoLength: Answer = ({ url }) => {
  return new Response(null, url.endsWith('/a') ? { headers: OLD } : { status: 404 })
}

describe('a static web server', () => {
  it('is trusted for the digest that it sends, without reading a byte', async () => {
    const digest = await hash(toBytes('content'))
    const { storage, asked } = over(serving('content', { ...OLD, 'Repr-Digest': toReprDigest(digest) }))
    expect(await describeOne(storage, 'a')).toMatchObject({ digest, evidence: 'stored' })
    expect(asked.gets).toBe(0)
  })

  it('that sends a wrong digest is detected when the bytes are read', async () => {
    const digest = await hash(toBytes('another'))
    const { storage } = over(serving('content', { 'Repr-Digest': toReprDigest(digest) }))
    await expectTrouble(readBytes(storage, 'a'), 'changed')
  })

  it('lacks a file when it answers 404 and still shows the directory', async () => {
    expect(await describeOne(over(serving('content')).storage, 'b')).toBeNull()
    expect(await over(serving('content')).storage.open('b')).toBeNull()
  })

  it('has no file in place of a directory', async () => {
    const location = 'http://mirror.example:8080/dir/a/'
    for (const status of [200, 403]) {
      const { storage } = over(({ url }) => {
        if (url.endsWith('/a')) return new Response(null, { status: 301, headers: { Location: location } })
        return new Response(null, { status: url.endsWith('/dir/a/') ? status : 404 })
      })
      expect(await describeOne(storage, 'a')).toBeNull()
      expect(await storage.open('a')).toBeNull()
    }
  })

  describe('that shows pages of directories without a slash at their end', () => {
    /** A page made for each request, without a time, and with its address in links, as local-web-server's. */
    const page = (size: number, tag: string) => {
      const headers = { 'Content-Type': 'text/html', 'Content-Length': String(size), ETag: `"${tag}"` }
      return new Response(null, { headers })
    }

    it('has no file when the two pages differ', async () => {
      const { storage } = over(({ url }) => {
        const { pathname } = new URL(url)
        if (pathname === '/dir/a') return page(8611, 'one')
        if (pathname === '/dir/a/') return page(8615, 'other')
        return new Response(null, { status: pathname === '/dir/' ? 200 : 404 })
      })
      expect(await describeOne(storage, 'a')).toBeNull()
      expect(await storage.open('a')).toBeNull()
    })

    it('is an error when both pages are the same and have no time', async () => {
      const { storage } = over(({ url }) => {
        const { pathname } = new URL(url)
        if (pathname === '/dir/a' || pathname === '/dir/a/') return page(8611, 'one')
        return new Response(null, { status: pathname === '/dir/' ? 200 : 404 })
      })
      await expectTrouble(describeOne(storage, 'a'), 'unreadable')
    })

    it('is asked with a slash only for files without a time, and for HTML', async () => {
      const asked: string[] = []
      const { storage } = over(({ url, method }) => {
        const { pathname } = new URL(url)
        asked.push(pathname)
        return serving('content')(new Request(url, { method }))
      })
      await describeOne(storage, 'a')
      expect(asked).not.toContain('/dir/a/')
    })
  })

  it.each([
    ['redirects every name to one with a slash', (url: string) => `${url}/`, 404],
    ['redirects every name to one with a slash, and shows the file there', (url: string) => `${url}/`, 200],
    ['redirects every name to a slash on another host', () => 'http://other.example/dir/a/', 200],
  ] as const)('that %s does not prove a directory', async (_, toLocation, status) => {
    const { storage } = over(({ url }) => {
      if (url.endsWith('/dir/')) return new Response(null, { status: 200 })
      if (url.endsWith('/')) return new Response(null, { status })
      return new Response(null, { status: 301, headers: { Location: toLocation(url) } })
    })
    await expectTrouble(describeOne(storage, 'a'), 'unreadable')
    await expectTrouble(storage.open('a'), 'unreadable')
  })

  it('that shows a page for every missing file has no files', async () => {
    const page: Answer = ({ method }) =>
      new Response(method === 'HEAD' ? null : '<html>', { headers: { ...OLD, 'Content-Length': '6' } })
    const { storage } = over(page)
    await expectTrouble(describeOne(storage, 'a'), 'unreachable')
    await expectTrouble(storage.open('a', { ifDigest: await hash(toBytes('<html>')) }), 'unreachable')
    await expect(describeOne(storage, 'a')).rejects.toThrow(/does not exist/)
  })

  it('may send an empty file without a body', async () => {
    const { storage } = over(({ url }) =>
      url.endsWith('/a')
        ? new Response(null, { headers: { ...OLD, 'Content-Length': '0' } })
        : new Response(null, { status: 404 }),
    )
    expect(await describeOne(storage, 'a')).toMatchObject({ size: 0, digest: await hash(toBytes('')) })
    expect(await readBytes(storage, 'a')).toEqual(toBytes(''))
  })

  it('is asked directly, bypassing caches', async () => {
    const whole = serving('content')
    const { storage } = over((request) => {
      expect(request.headers.get('Cache-Control')).toBe('no-cache')
      return whole(request)
    })
    expect(await describeOne(storage, 'a')).toMatchObject({ size: 7 })
    expect(await describeOne(storage, 'b')).toBeNull()
  })

  it.each([
    [
      'answers 404 for everything, including the directory',
      always(404),
      'unreadable',
      /shows neither the file nor the directory \(status 404\)/,
    ],
    [
      'redirects elsewhere',
      always(302, { Location: 'https://other.example/' }),
      'unreadable',
      /a redirect elsewhere/,
    ],
    ['denies access', always(403), 'unreadable', /denies access/],
    [
      'is too busy',
      always(429, { 'Retry-After': '7' }),
      'unreachable',
      /status 429\); it asks to retry after 7 s/,
    ],
    ['fails', always(500), 'unreachable', /failed \(status 500\)/],
    ['sends no length', sendingNoLength, 'unreadable', /without its length/],
    ['encodes its answers', always(200, { 'Content-Encoding': 'gzip' }), 'unreadable', /an encoded answer/],
  ] as const)(
    'that %s is reported as an error, never as an absent file',
    async (_, answer, code, message) => {
      const { storage } = over(answer)
      await expectTrouble(describeOne(storage, 'a'), code)
      await expectTrouble(storage.open('a'), code)
      await expect(describeOne(storage, 'a')).rejects.toThrow(message)
      await expect(describeOne(storage, 'a')).rejects.not.toThrow(/mirror|dir\//)
    },
  )

  it('has no digest remembered for files without a time and a strong ETag', async () => {
    const { storage, asked } = over(serving('content', { ETag: 'W/"x"' }))
    for (let i = 0; i < 2; i++)
      expect(await describeOne(storage, 'a')).toMatchObject({ evidence: 'read', age: 0 })
    expect(asked.gets).toBe(2)
  })

  it.each([
    ['', 2],
    ['W/"x"', 4],
    ['"x"', 2],
  ])('whose files have a time and the ETag %j is read %d times for four requests', async (etag, gets) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { storage, asked } = over(serving('content', { ...OLD, ...(etag && { ETag: etag }) }))
      for (let i = 0; i < 4; i++) {
        expect(await describeOne(storage, 'a')).toMatchObject({ digest: await hash(toBytes('content')) })
        vi.advanceTimersByTime(SEEN_AGAIN_MS)
      }
      expect(asked.gets).toBe(gets)
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    ['HEAD', (isHead: boolean) => (isHead ? {} : { ETag: '"x"' })],
    ['GET', (isHead: boolean) => (isHead ? { ETag: '"x"' } : {})],
    [
      'HEAD, and tags each part by itself',
      (isHead: boolean, part: string | null) => (isHead ? {} : { ETag: `"${part}"` }),
    ],
  ])('is read although it sends no ETag with %s', async (_, toTag) => {
    const { storage } = over((request) => {
      const { method } = request
      const part = request.headers.get('Range')
      const fields = { ...OLD, ...toTag(method === 'HEAD', part) }
      if (part === null || method === 'HEAD') return serving('content', fields)(request)
      return new Response('nt', { status: 206, headers: { ...fields, 'Content-Range': 'bytes 2-3/7' } })
    })
    const { digest = '' } = (await describeOne(storage, 'a')) ?? {}
    expect(digest).toBe(await hash(toBytes('content')))
    expect(await readBytes(storage, 'a', { ifDigest: digest })).toEqual(toBytes('content'))
    const part = { range: { offset: 2, length: 2 }, ifDigest: digest }
    expect(await readBytes(storage, 'a', part)).toEqual(toBytes('nt'))
  })

  const CACHED = 'answered from a cache'

  it.each([
    ['Age', '12', `${CACHED}, 12 s old; name the origin server, or turn the cache off for vouch`],
    ['X-Cache', 'HIT from proxy', `${CACHED}; name the origin server`],
    ['X-Cache', 'MISS, HIT', CACHED],
    ['X-Cache', 'Hit from cloudfront', CACHED],
    // From two servers, each of which sent the field.
    ['Age', '0, 12', `${CACHED}, 12 s old; name the origin server, or turn the cache off for vouch`],
    ['X-Varnish', '32770, 5 3', CACHED],
    ['X-Cache-Status', 'HIT', CACHED],
    ['X-Cache-Status', 'STALE', CACHED],
    ['CF-Cache-Status', 'HIT', CACHED],
    ['X-Varnish', '32770 3', CACHED],
    ['Cache-Status', 'ExampleCache; hit', CACHED],
    ['Cache-Status', 'OriginCache; hit; ttl=1100, "CDN Company Here"; fwd=uri-miss', CACHED],
  ])('whose answer has the field %s: %s is an error: a cache answered', async (field, value, message) => {
    const { storage, asked } = over(serving('content', { ...OLD, [field]: value }))
    await expectTrouble(describeOne(storage, 'a'), 'unreadable')
    await expect(describeOne(storage, 'a')).rejects.toThrow(message)
    await expectTrouble(storage.open('a'), 'unreadable')
    expect(asked.gets).toBe(0)
  })

  it('whose 404 comes from a cache does not mean that the file is missing', async () => {
    const { storage } = over(always(404, { Age: '3' }))
    await expect(describeOne(storage, 'a')).rejects.toThrow('answered from a cache, 3 s old')
  })

  it.each([
    ['Age', '0'],
    ['X-Cache', 'MISS from proxy'],
    ['X-Cache', 'RefreshHit from cloudfront'],
    ['X-Cache-Status', 'REVALIDATED'],
    ['X-Varnish', '32770'],
    ['Cache-Status', 'ExampleCache; fwd=request; stored'],
    ['Cache-Status', 'not a; list of, {'],
  ])('whose answer has the field %s: %s is trusted: no cache answered', async (field, value) => {
    const { storage } = over(serving('content', { ...OLD, [field]: value }))
    expect(await describeOne(storage, 'a')).toMatchObject({ digest: await hash(toBytes('content')) })
  })

  it('is read for a request with a maxAge, even if it sends a digest', async () => {
    const digest = await hash(toBytes('another'))
    const { storage, asked } = over(serving('content', { ...OLD, 'Repr-Digest': toReprDigest(digest) }))
    for (const maxAge of [0, 3600]) {
      expect(await storage.describe(['a'], { maxAge })[0]).toMatchObject({
        ...{ digest: await hash(toBytes('content')), evidence: 'read', age: 0 },
      })
    }
    expect(asked.gets).toBe(2)
  })

  it('that breaks off, or sends another range than requested, returns no content', async () => {
    const short = over(({ method }) =>
      method === 'HEAD'
        ? new Response(null, { headers: { ...OLD, 'Content-Length': '9' } })
        : new Response('content', { headers: { ...OLD, 'Content-Length': '9' } }),
    )
    await expectTrouble(describeOne(short.storage, 'a'), 'unreachable')
    const whole = serving('content')
    const wrong = over((request) =>
      request.headers.has('Range')
        ? new Response('nt', { status: 206, headers: { ...OLD, 'Content-Range': 'bytes 3-4/7' } })
        : whole(request),
    )
    const range = { offset: 1, length: 2 }
    await expectTrouble(wrong.storage.open('a', { range }), 'unreadable')
  })

  it.each([
    ['a page for people', () => new Response('<ul>', { headers: { 'Content-Type': 'text/html' } })],
    ['JSON of another kind', () => Response.json({ files: [] })],
    [
      'what only looks like JSON',
      () => new Response('[{', { headers: { 'Content-Type': 'application/json' } }),
    ],
  ])('that lists by %s is not reported as empty', async (_, listing) => {
    const { storage } = over(listing)
    await expectTrouble(storage.list(), 'unreadable')
  })

  it.each([
    ['a size below nothing', { name: 'a', size: -1 }],
    ['half a byte', { name: 'a', size: 0.5 }],
    ['more bytes than numbers count', { name: 'a', size: 1e300 }],
    ['a file without a size', { name: 'a' }],
    ['a file that is listed twice', { name: 'b', size: 1 }],
  ])('that lists %s is rejected', async (_, entry) => {
    const file = { type: 'file', mtime: OLD['Last-Modified'] }
    const { storage } = over(() =>
      Response.json([
        { ...file, name: 'b', size: 1 },
        { ...file, ...entry },
      ]),
    )
    await expectTrouble(storage.list(), 'unreadable')
  })

  it('that lists an invalid time lists the file without a time', async () => {
    const { storage } = over(() =>
      Response.json([
        { name: 'a', is_dir: false, size: 1, mod_time: 'yesterday' },
        { name: 'b', type: 'file', size: 1, mtime: 'yesterday' },
      ]),
    )
    expect((await storage.list()).entries).toMatchObject([{ modified: null }, { modified: null }])
  })

  it('that lists endless directories is followed only as deep as names may be long', async () => {
    const { storage, asked } = over(() => Response.json([{ name: 'd'.repeat(100), type: 'directory' }]))
    const { entries, passed } = await storage.list()
    expect([entries, passed]).toMatchObject([[], [{ kind: 'name-too-long', count: 1 }]])
    expect(asked.gets).toBeLessThan(12)
  })

  it("is listed in the format of Caddy's browse too, except for invalid names", async () => {
    const entry = { size: 1, mod_time: '2026-01-01T00:00:00Z' }
    const { storage } = over(({ url }) =>
      Response.json(
        url.endsWith('/dir/')
          ? [
              { ...entry, name: 'b/', is_dir: true },
              { ...entry, name: 'b.txt', is_dir: false },
              { ...entry, name: '../x', is_dir: false },
              { ...entry, name: '..', is_dir: true },
            ]
          : [{ ...entry, name: 'c', is_dir: false }],
      ),
    )
    expect((await storage.list()).entries).toMatchObject([
      { name: 'b.txt', size: 1, modified: Date.parse(entry.mod_time) },
      { name: 'b/c' },
    ])
  })
})
