import { afterEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import { MAX_PROPFIND_BYTES, PAGE_WAIT_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { findAll, findOnly, findText, parseXml, type XmlElement } from '../../wire/xml/parse.ts'
import { coordinate, refusing } from '../set-up.suite.ts'

const CONTROL = 'odd <&"\'\u0001\n .txt'
const one = createMemoryStorage({
  ...{ 'same.txt': 'same', 'd/differ.txt': 'one', 'd/e/f': 'f', 'd/same': 'same', [CONTROL]: 'odd' },
})
const other = createMemoryStorage({ 'same.txt': 'same', 'd/differ.txt': 'other', 'd/same': 'same' })
const app = coordinate([one, other])

type App = ReturnType<typeof coordinate>

const propfind = async (path: string, depth: string | null, on: App = app, body: string | null = null) =>
  await on.request(path, { method: 'PROPFIND', body, headers: depth === null ? {} : { Depth: depth } })

/** The properties that an answer has of each address. */
async function readAnswer(response: Response): Promise<Map<string, XmlElement>> {
  expect([response.status, response.headers.get('Content-Type')]).toEqual([
    207,
    'application/xml; charset=utf-8',
  ])
  const root = parseXml(await response.text())
  expect(root?.name).toBe('multistatus')
  const responses = (root && findAll(root, 'response')) ?? []
  const found = responses.map((one) => {
    const stat = findAll(one, 'propstat').find((stat) => findText(stat, 'status') === 'HTTP/1.1 200 OK')
    return [findText(one, 'href') ?? '', (stat && findOnly(stat, 'prop')) ?? one] as const
  })
  expect(new Set(found.map(([href]) => href)).size).toBe(found.length)
  return new Map(found)
}

const list = async (path: string, on: App = app) => [
  ...(await readAnswer(await propfind(path, '1', on))).keys(),
]

describe('a folder as WebDAV', () => {
  it('has its files and folders, and beside a conflict the copy of each holder', async () => {
    expect(await list('/dav/')).toEqual([
      ...['/dav/', '/dav/d/', "/dav/odd%20%3C%26%22'%01%0A%20.txt", '/dav/same.txt'],
    ])
    expect(await list('/dav/d/')).toEqual([
      ...['/dav/d/', '/dav/d/differ.txt', '/dav/d/differ.txt.server1', '/dav/d/differ.txt.server2'],
      ...['/dav/d/e/', '/dav/d/same'],
    ])
  })

  it('is answered for without the slash at its end, and by itself', async () => {
    for (const path of ['/dav', '/dav/']) expect((await list(path))[0]).toBe('/dav/')
    for (const path of ['/dav/d', '/dav/d/']) {
      const found = await readAnswer(await propfind(path, '0'))
      expect([...found.keys()]).toEqual(['/dav/d/'])
      const type = findOnly(found.get('/dav/d/') as XmlElement, 'resourcetype') // there, as the keys say
      expect(type?.children.map(({ name }) => name)).toEqual(['collection'])
    }
  })

  it('shows of a file what its GET announces, and of a conflict the greatest size and the ETag of no content', async () => {
    const found = await readAnswer(await propfind('/dav/d/', '1'))
    const get = (name: string, property: string) =>
      findText(found.get(`/dav/d/${name}`) as XmlElement, property) // listed, as tested above
    const { headers } = await app.request('/dav/d/same')
    expect(get('same', 'getetag')).toBe(headers.get('ETag'))
    expect(get('same', 'getlastmodified')).toBe(headers.get('Last-Modified'))
    expect(get('same', 'getcontentlength')).toBe('4')
    expect([get('differ.txt', 'getcontentlength'), get('differ.txt', 'getetag')]).toEqual([
      '5',
      '"unsettled"',
    ])
    expect(get('differ.txt.server1', 'getetag')).toBe(`"${await hash(toBytes('one'))}"`)
  })

  it('shows no copy beside a conflict under a name that a file or a folder has', async () => {
    const names = { 'a.server1': 'real', 'a.server2/b': 'b', 'a.b': 'b', z: 'z' }
    const both = [createMemoryStorage({ a: '1', ...names }), createMemoryStorage({ a: '2' })]
    const own = coordinate(both)
    expect(await list('/dav/', own)).toEqual([
      ...['/dav/', '/dav/a', '/dav/a.b', '/dav/a.server1', '/dav/a.server2/', '/dav/z'],
    ])
    expect(await (await own.request('/dav/a.server1')).text()).toBe('real')
    expect((await own.request('/dav/a.server2')).status).toBe(404)
    expect([...(await readAnswer(await propfind('/dav/a.server2', '0', own))).keys()]).toEqual([
      '/dav/a.server2/',
    ])
  })

  it('takes no copy beside a conflict for a version or a receipt that is asked for', async () => {
    const own = coordinate([
      createMemoryStorage({ a: '1', 'a.server1': 'real' }),
      createMemoryStorage({ a: '2' }),
    ])
    const unheld = await hash(toBytes('elsewhere'))
    for (const query of [`?version=${unheld}`, '?receipt'])
      for (const name of ['a.server1', 'a.server2'])
        expect((await own.request(`/dav/${name}${query}`)).status).toBe(404)
  })

  it('has each name once where the ids of replicas have dots', async () => {
    const ids = ['r', 'b.r']
    const own = coordinate(
      [createMemoryStorage({ x: '1', 'x.b': '3' }), createMemoryStorage({ x: '2', 'x.b': '4' })],
      {},
      (i) => ids[i] ?? '',
    )
    expect(await list('/dav/', own)).toEqual([
      ...['/dav/', '/dav/x', '/dav/x.b', '/dav/x.r', '/dav/x.b.r', '/dav/x.b.b.r'],
    ])
    expect(await (await own.request('/dav/x.b.r')).text()).toBe('2')
  })

  it('is compared in small groups, two at once, however many clients ask', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `m/${String(i).padStart(4, '0')}`)
    const storage = createMemoryStorage(Object.fromEntries(names.map((name) => [name, ''])))
    let [underWay, most, longest] = [0, 0, 0]
    const counted: Storage = {
      ...storage,
      describe(names, options) {
        most = Math.max(most, ++underWay)
        longest = Math.max(longest, names.length)
        const later = new Promise(setImmediate).then(() => underWay--)
        return storage.describe(names, options).map(async (answer) => {
          await later
          return await answer
        })
      },
    }
    const own = coordinate([counted])
    const lists = await Promise.all(Array.from({ length: 10 }, () => list('/dav/m/', own)))
    for (const found of lists) expect(found).toHaveLength(301)
    expect(longest).toBeLessThanOrEqual(128)
    expect(most).toBe(2)
  })

  it('is listed whole, however many names it has', async () => {
    const names = Array.from({ length: 2500 }, (_, i) => `m/${String(i).padStart(4, '0')}`)
    const tree = Object.fromEntries(names.map((name) => [name, '']))
    const own = coordinate([createMemoryStorage(tree), createMemoryStorage({ ...tree, 'm/0999': 'x' })])
    const found = await list('/dav/m/', own)
    expect(found).toHaveLength(1 + 2500 + 2)
    expect(found).toContain('/dav/m/0999.server2')
  })

  it.each<[string, string | null, number]>([
    ['/dav/', 'infinity', 403],
    ['/dav/', null, 403],
    ['/dav/', '2', 400],
    ['/dav/nothing', '0', 404],
    ['/dav/nothing/', '1', 404],
    ['/dav/same.txt/', '0', 404],
    ['/dav/same.txt.server1', '0', 404],
    ['/dav/d//', '1', 400],
    ['/dav/..%2fx', '0', 400],
    ['/dav/.vouch/x', '0', 400],
  ])('answers PROPFIND %s of depth %s with %i', async (path, depth, status) => {
    const response = await propfind(path, depth)
    expect(response.status).toBe(status)
    if (status === 403) expect(await response.text()).toContain('<D:propfind-finite-depth/>')
  })

  it('refuses pages of other sites, and a body that is too large', async () => {
    const headers = { Depth: '1', 'Sec-Fetch-Site': 'cross-site' }
    expect((await app.request('/dav/', { method: 'PROPFIND', headers })).status).toBe(403)
    expect((await propfind('/dav/', '1', app, ' '.repeat(MAX_PROPFIND_BYTES + 1))).status).toBe(413)
    expect((await propfind('/dav/', '1', app, '<propfind/>')).status).toBe(400)
  })
})

describe('the properties that a request names', () => {
  const ask = async (kind: string) =>
    await (
      await propfind('/dav/same.txt', '0', app, `<D:propfind xmlns:D="DAV:">${kind}</D:propfind>`)
    ).text()

  it('are found, or not found each by itself', async () => {
    const text = await ask('<D:prop><D:getcontentlength/><D:lockdiscovery/><x xmlns="urn:&gt;"/></D:prop>')
    const known = '<D:prop><D:getcontentlength>4</D:getcontentlength></D:prop>'
    const unknown = '<D:prop><D:lockdiscovery/><x:x xmlns:x="urn:&gt;"/></D:prop>'
    expect(text.split('\n')[2]).toBe(
      `<D:response><D:href>/dav/same.txt</D:href><D:propstat>${known}<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat>${unknown}<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>`,
    )
    expect(await ask('<D:propname/>')).toContain(
      '<D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop>',
    )
    expect(await ask('<D:prop><D:x/></D:prop>')).not.toContain('200 OK')
    expect(await ask('<D:prop/>')).toContain('<D:propstat><D:prop></D:prop><D:status>HTTP/1.1 200 OK')
  })
})

describe('a folder while not every replica answers', () => {
  afterEach(() => vi.useRealTimers())

  it('says so, and shows no copies beside a conflict, since names may be taken', async () => {
    const own = coordinate([one, other, refusing])
    const response = await propfind('/dav/d/', '1', own)
    expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=2;of=3')
    expect([...(await readAnswer(response)).keys()]).toEqual([
      ...['/dav/d/', '/dav/d/differ.txt', '/dav/d/e/', '/dav/d/same'],
    ])
    expect((await own.request('/dav/d/differ.txt')).status).toBe(409)
    expect((await own.request('/dav/d/differ.txt.server1')).status).toBe(503)
    expect((await propfind('/dav/nothing', '0', own)).status).toBe(503)
    expect((await propfind('/dav/nothing/', '1', own)).status).toBe(503)
    expect((await propfind('/dav/', '1', coordinate([one, refusing], { require: 'all' }))).status).toBe(503)
    expect((await propfind('/dav/?require=all', '1', own)).status).toBe(503)
    expect((await propfind('/dav/d/same?require=all', '0', own)).status).toBe(503)
    expect((await propfind('/dav/?require=4', '0', own)).status).toBe(400)
  })

  it('breaks off when a replica that listed the first names does not list the rest', async () => {
    const names = Array.from({ length: 2500 }, (_, i) => String(i).padStart(4, '0'))
    const many = createMemoryStorage(Object.fromEntries(names.map((name) => [name, ''])))
    const failing: Storage = {
      ...many,
      list: (options) =>
        (options?.after ?? '') > '1500'
          ? Promise.reject(new StorageError('unreachable', 'gone'))
          : many.list(options),
    }
    const response = await propfind('/dav/', '1', coordinate([many, failing]))
    expect(response.status).toBe(207)
    const ended = await response.text().then(
      () => 'whole',
      (error) => String(error),
    )
    expect(ended).toContain('did not list the rest')
  })

  it('shows as it is listed what takes long to compare, with copies beside it only where sizes differ', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const slow: Storage = {
      ...createMemoryStorage({ a: 'xx', b: 'x' }),
      describe(names) {
        resolve()
        return names.map(() => new Promise(() => {}))
      },
    }
    const both = [slow, createMemoryStorage({ a: 'y', b: 'y' })]
    const response = propfind('/dav/', '1', coordinate(both, { deadlines: { silence: 2 * PAGE_WAIT_MS } }))
    const listed = response.then(readAnswer)
    await asked
    await vi.advanceTimersByTimeAsync(PAGE_WAIT_MS)
    let isOver = false
    void listed.finally(() => (isOver = true))
    // On a busy machine the answer waits for turns of the event loop, by timers too.
    while (!isOver) await vi.advanceTimersByTimeAsync(1)
    const found = await listed
    expect([...found.keys()]).toEqual([...['/dav/', '/dav/a', '/dav/a.server1', '/dav/a.server2', '/dav/b']])
    expect([...found.values()].slice(1).map((file) => findText(file, 'getetag'))).toEqual(
      Array(4).fill('"unsettled"'),
    )
  })
})

describe('a file as WebDAV', () => {
  const get = (path: string, headers: Record<string, string> = {}, on: App = app) =>
    on.request(path, { headers })

  it('is compared, and a copy beside a conflict is that of its replica', async () => {
    const read = await get('/dav/same.txt')
    expect([await read.text(), read.headers.get('Replica-Agreement')]).toEqual([
      'same',
      'unanimous;answered=2;of=2',
    ])
    expect((await get('/dav/d/differ.txt')).status).toBe(409)
    const copy = await get('/dav/d/differ.txt.server2')
    expect([await copy.text(), copy.headers.get('Replica-Agreement')]).toEqual(['other', null])
    expect((await get('/dav/d/same.server1')).status).toBe(404)
    expect((await get('/dav/d/e/f.server2')).status).toBe(404)
  })

  it.each([
    ['bytes=0-', 206],
    ['bytes=0-3', 206],
    ['bytes=0-2', 428],
    ['bytes=0-4', 428],
    ['bytes=1-', 428],
    ['bytes=-1', 428],
    ['bytes=0-0,2-3', 428],
  ])('is sent whole alone: %s is %i without the content it is of', async (range, status) => {
    for (const path of ['/dav/same.txt', '/dav/d/same?replica=server1'])
      expect((await get(path, { Range: range })).status, path).toBe(status)
  })

  it('is sent in parts to who names the content', async () => {
    const etag = (await get('/dav/same.txt')).headers.get('ETag') ?? ''
    const Range = 'bytes=1-2'
    for (const field of ['If-Range', 'If-Match'])
      expect(await (await get('/dav/same.txt', { Range, [field]: etag })).text()).toBe('am')
    const version = `/dav/same.txt?version=${etag.slice(1, -1)}`
    expect((await get(version, { Range })).status).toBe(206)
  })

  it('takes no other methods, which OPTIONS says', async () => {
    for (const path of ['/dav/', '/dav/same.txt']) {
      const { headers, status } = await app.request(path, { method: 'OPTIONS' })
      expect([status, headers.get('DAV'), headers.get('Allow')]).toEqual([
        ...[200, '1', 'GET, HEAD, OPTIONS, PROPFIND'],
      ])
      for (const method of ['PUT', 'DELETE', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'PROPPATCH', 'POST']) {
        const refused = await app.request(path, { method })
        expect([refused.status, refused.headers.get('Allow')]).toEqual([405, headers.get('Allow')])
      }
    }
  })

  it('is for those with a token, who are asked for a password', async () => {
    const closed = coordinate([one, other], { isAllowed: () => false })
    for (const method of ['GET', 'OPTIONS', 'PROPFIND']) {
      const { status, headers } = await closed.request('/dav/', { method })
      expect([status, headers.get('WWW-Authenticate')]).toEqual([401, 'Basic realm="vouch"'])
    }
  })
})
