import { describe, expect, it } from 'vitest'
import { createObjectStorage } from '../../objects/object-storage.ts'
import { createTestHasher } from '../../suite/set-up.suite.ts'
import { expectTrouble } from '../../suite/suite-tools.suite.ts'
import { createStaticWeb } from '../static-web.ts'

type Answer = (request: Request, path: string) => Response | undefined

const OLD = { 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT', Date: 'Mon, 23 Nov 2026 00:00:00 GMT' }
const FILE = { ...OLD, 'Content-Length': '1' }
const HTML = { 'Content-Type': 'text/html' }

/** A storage over a web server that answers so, else with 404; and what was asked. */
function over(answer: Answer) {
  const asked: string[] = []
  const objects = createStaticWeb('http://mirror.example/dir/', {
    async fetch(url, init) {
      const request = new Request(url, { method: init.method ?? 'GET', headers: init.headers })
      const path = new URL(url).pathname.slice('/dir/'.length)
      if (!path.includes('vouch-probe')) asked.push(`${request.method} ${path}`)
      return answer(request, path) ?? new Response(null, { status: 404 })
    },
  })
  return { storage: createObjectStorage(objects, { createHasher: createTestHasher }), asked }
}

const toHtml = (...links: string[]) =>
  new Response(
    `<title>Index of</title><a href="../">..</a>${links.map((link) => `<a href="${link}">x</a>`).join('')}</html>`,
    {
      headers: HTML,
    },
  )

/** A directory in HTML, of these files of one byte and of `sub`, which has the file `x`. */
const toPages =
  (...links: string[]): Answer =>
  ({ method }, path) => {
    if (path === 'sub') return new Response(null, { status: 301, headers: { Location: '/dir/sub/' } })
    if (path === '' || path === 'sub/') return path === '' ? toHtml(...links) : toHtml('x')
    if (method === 'HEAD' && [...links, 'sub/x'].includes(path)) return new Response(null, { headers: FILE })
    return undefined
  }

const toMembers = (...names: string[]) => {
  const type = '<resourcetype><collection/></resourcetype>'
  const file = `<resourcetype/><getcontentlength>1</getcontentlength><getlastmodified>${OLD['Last-Modified']}</getlastmodified>`
  const toResponse = (href: string) =>
    `<response><href>${href}</href><propstat><prop>${href.endsWith('/') ? type : file}</prop><status>HTTP/1.1 200 OK</status></propstat></response>`
  const text = `<multistatus xmlns="DAV:">${names.map(toResponse).join('')}</multistatus>`
  return new Response(text, { status: 207, headers: { ...OLD, 'Content-Type': 'application/xml' } })
}

const toNames = ({ entries }: { entries: readonly { name: string }[] }) => entries.map(({ name }) => name)

describe('the directories of a web server', () => {
  it('are listed in JSON by one request for each', async () => {
    const { storage, asked } = over((_, path) =>
      Response.json(
        path === ''
          ? [{ name: 'sub', type: 'directory' }]
          : [{ name: 'a', type: 'file', size: 1, mtime: OLD['Last-Modified'] }],
      ),
    )
    expect(toNames(await storage.list())).toEqual(['sub/a'])
    expect(asked).toEqual(['GET ', 'GET sub/'])
  })

  it('are listed in XML of nginx by one request for each', async () => {
    const { storage, asked } = over((_, path) => {
      const list =
        path === ''
          ? '<directory mtime="2026-01-01T00:00:00Z">s&amp;b</directory><other mtime="2026-01-01T00:00:00Z">fifo</other>'
          : '<file mtime="2026-01-01T00:00:00Z" size="12">a</file>'
      return new Response(`<?xml version="1.0"?>\n<list>\n${list}\n</list>\n`, {
        headers: { 'Content-Type': 'text/xml; charset=utf-8' },
      })
    })
    expect(await storage.list()).toMatchObject({
      entries: [{ name: 's&b/a', size: 12, modified: Date.parse('2026-01-01') }],
      passed: [{ kind: 'special', examples: ['fifo'] }],
    })
    expect(asked).toEqual(['GET ', 'GET s%26b/'])
  })

  it('are listed by WebDAV where the server announces it and has no JSON', async () => {
    const { storage, asked } = over(({ method }, path) => {
      if (method === 'OPTIONS') return new Response(null, { headers: { DAV: '1, 2' } })
      if (method === 'GET') return toHtml()
      if (method !== 'PROPFIND') return undefined
      return path === '' ? toMembers('/dir/', '/dir/sub/') : toMembers('/dir/sub/', '/dir/sub/a')
    })
    expect(toNames(await storage.list())).toEqual(['sub/a'])
    expect(asked).toEqual(['GET ', 'OPTIONS ', 'PROPFIND ', 'PROPFIND sub/'])
  })

  it('are listed by WebDAV where the server shows no page', async () => {
    const { storage } = over(({ method }, path) => {
      if (method === 'OPTIONS') return new Response(null, { headers: { DAV: '1' } })
      return method === 'PROPFIND' && path === ''
        ? toMembers('/dir/', '/dir/a')
        : new Response(null, { status: 403 })
    })
    expect(toNames(await storage.list())).toEqual(['a'])
  })

  it('are listed by links where WebDAV is announced and refused', async () => {
    const { storage, asked } = over((request, path) => {
      if (request.method === 'OPTIONS') return new Response(null, { headers: { DAV: '1' } })
      if (request.method === 'PROPFIND') return new Response(null, { status: 405 })
      return toPages('a', 'sub/')(request, path)
    })
    expect(toNames(await storage.list())).toEqual(['a', 'sub/x'])
    expect(asked.filter((one) => one.startsWith('PROPFIND'))).toHaveLength(1)
  })

  it('are listed by links, in byte order also where links to directories have no slash', async () => {
    const { storage, asked } = over(toPages('sub-1', 'sub', 'sub.txt', 'sub0'))
    expect(await storage.list()).toMatchObject({
      entries: ['sub-1', 'sub.txt', 'sub/x', 'sub0'].map((name) => ({ name, size: 1 })),
    })
    expect(asked.slice(0, 3)).toEqual(['GET ', 'OPTIONS ', 'HEAD index.html'])
    expect(toNames(await storage.list({ prefix: 'sub/' }))).toEqual(['sub/x'])
    expect(toNames(await storage.list({ after: 'sub/' }))).toEqual(['sub/x', 'sub0'])
    expect(toNames(await storage.list({ after: 'sub/x' }))).toEqual(['sub0'])
    expect(toNames(await storage.list({ limit: 1, after: 'sub.txt' }))).toEqual(['sub/x'])
  })

  it('are found by a redirect that encodes nothing', async () => {
    const { storage } = over((_, path) => {
      // The bytes of UTF-8, each a character.
      if (path === 'd%26r%20%231%C3%BC')
        return new Response(null, { status: 302, headers: { Location: '/dir/d&r #1\u00c3\u00bc/' } })
      if (path === 'd%26r%20%231%C3%BC/') return toHtml()
      return path === '' ? toHtml('d%26r%20%231%C3%BC') : undefined
    })
    expect(await storage.list()).toEqual({ entries: [], next: null })
  })

  it('are listed by links where JSON has another form', async () => {
    const pages = toPages('a')
    const { storage } = over((request, path) =>
      request.headers.get('Accept')?.includes('json') && path === ''
        ? Response.json({ files: [] })
        : pages(request, path),
    )
    expect(toNames(await storage.list())).toEqual(['a'])
  })

  it('are listed by the names of serve-index', async () => {
    const pages = toPages('a', 'sub')
    const { storage } = over((request, path) =>
      request.method === 'GET' ? Response.json(path === '' ? ['a', 'sub'] : ['x']) : pages(request, path),
    )
    expect(toNames(await storage.list())).toEqual(['a', 'sub/x'])
  })

  it('may list what a request does not show, which is counted', async () => {
    const pages = toPages('a', 'gone', 'lost/', 'denied', 'broken', 'mended\ufffd', 'back\\slash', '.vouch')
    const statuses: Record<string, number> = { gone: 404, denied: 403, broken: 500, 'mended%EF%BF%BD': 404 }
    const { storage } = over((request, path) => {
      const status = statuses[path]
      return status === undefined ? pages(request, path) : new Response(null, { status })
    })
    const { entries, passed } = await storage.list()
    expect(entries).toMatchObject([{ name: 'a' }])
    expect(passed).toEqual([
      { kind: 'backslash', count: 1, examples: ['back\\slash'] },
      { kind: 'other', count: 4, examples: ['broken', 'denied', 'gone', 'lost/'] },
      { kind: 'not-utf-8', count: 1, examples: ['mended\ufffd'] },
    ])
  })

  it.each([
    ['is too busy', 503],
    ['is asked too much', 429],
  ])('are not listed by links while the server %s', async (_, status) => {
    const pages = toPages('a', 'b')
    const { storage } = over((request, path) =>
      path === 'b' ? new Response(null, { status }) : pages(request, path),
    )
    await expectTrouble(storage.list(), 'unreachable')
  })

  it.each([
    ['is that of its index.html, which the server changes', 'a', 7],
    ['is one of which it has the size', 'index.html', 0],
  ])('are not listed by links where the page %s', async (_, link, more) => {
    const page = await toHtml(link).text()
    const { storage } = over(({ method }, path) => {
      const headers = { ...OLD, ...HTML, 'Content-Length': String(page.length + more) }
      if (path !== '' && path !== 'index.html') return undefined
      return new Response(method === 'HEAD' ? null : page, { headers })
    })
    await expectTrouble(storage.list(), 'unreadable')
    await expect(storage.list()).rejects.toThrow('the page is that of its index.html')
  })

  it.each([301, 302, 403, 304, 204])(
    'are not listed by links where the name of their index.html has the status %d',
    async (status) => {
      const pages = toPages('a', 'index.html')
      const { storage } = over((request, path) =>
        path === 'index.html'
          ? new Response(null, { status, headers: { Location: './' } })
          : pages(request, path),
      )
      await expectTrouble(storage.list(), 'unreadable')
      await expect(storage.list()).rejects.toThrow(`may be (status ${status}) that of its index.html`)
    },
  )

  it('are not listed by links where it is not known whether they have an index.html', async () => {
    const pages = toPages('a')
    const { storage } = over((request, path) =>
      path === 'index.html' ? new Response(null, { status: 500 }) : pages(request, path),
    )
    await expectTrouble(storage.list(), 'unreachable')
  })

  it('are listed by links where index.html is gone for ever', async () => {
    const pages = toPages('a')
    const { storage } = over((request, path) =>
      path === 'index.html' ? new Response(null, { status: 410 }) : pages(request, path),
    )
    expect(toNames(await storage.list())).toEqual(['a'])
  })

  it('are listed by links with an index.html that the server does not show for them', async () => {
    const { storage } = over(toPages('index.html'))
    expect(toNames(await storage.list())).toEqual(['index.html'])
  })

  it('have all their entries in a listing of Caddy, unless it has ten thousand', async () => {
    const entry = { is_dir: false, size: 1, mod_time: '2026-01-01T00:00:00Z' }
    const toStorage = (count: number) =>
      over(() => Response.json(Array.from({ length: count }, (_, i) => ({ ...entry, name: `${i}` })))).storage
    expect((await toStorage(9999).list()).entries).toHaveLength(1000)
    await expect(toStorage(10_000).list()).rejects.toThrow(
      /Caddy lists at most 10,000 entries; raise its file_limit/,
    )
  })
})
