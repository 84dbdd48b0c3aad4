import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import { coordinate } from '../set-up.suite.ts'

const SAME = await hash(toBytes('same'))

describe('GET /pinned/{name}', () => {
  const one = createMemoryStorage({ 'a b/ü.txt': 'same', differ: '1', only: 'x' })
  const other = createMemoryStorage({ 'a b/ü.txt': 'same', differ: '2' })
  const app = coordinate([one, other])

  it('compares, and says where that version alone is', async () => {
    const response = await app.request('/pinned/a%20b/%C3%BC.txt')
    expect(response.status).toBe(307)
    expect(response.headers.get('Location')).toBe(`/files/a%20b/%C3%BC.txt?version=${SAME}`)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
    const pinned = await app.request(response.headers.get('Location') ?? '')
    expect(await pinned.text()).toBe('same')
  })

  it.each([
    ['differ', 409],
    ['nothing', 404],
    ['only?require=all', 307],
    ['only?require=9', 400],
    ['only?replica=server1', 400],
    ['..%2fetc', 400],
  ])('answers %s with %i, as for the file itself', async (path, status) => {
    expect((await app.request(`/pinned/${path}`)).status).toBe(status)
  })

  it.each(['bytes=4-', 'bytes=0-1', 'bytes=-1', 'bytes=0-,2-', 'BYTES=1-'])(
    'refuses the part %s, which may be of another content than the parts before it',
    async (range) => {
      const response = await app.request('/pinned/only', { headers: { Range: range } })
      expect(response.status).toBe(428)
      expect(await response.json()).toMatchObject({
        type: 'version-required',
        detail: expect.stringContaining('request /files/only?version='),
        versions: [{ href: expect.stringContaining('/files/only?version=') }],
      })
    },
  )

  it.each([
    ['GET', { Range: 'bytes=0-' }],
    ['GET', { Range: 'bytes=1-', 'If-Range': '"another"' }],
    ['GET', { Range: 'bytes=1-', 'If-Match': '"another"' }],
    ['HEAD', { Range: 'bytes=1-' }],
  ])('leads %s with %j on, for no part is mixed by it', async (method, headers) => {
    expect((await app.request('/pinned/only', { method, headers })).status).toBe(307)
  })

  it('leads to 404, and to no other bytes, once the content is replaced', async () => {
    const storage = createMemoryStorage({ a: 'before' })
    const changing = coordinate([storage])
    const { headers } = await changing.request('/pinned/a')
    storage.set('a', 'after')
    const response = await changing.request(headers.get('Location') ?? '', { headers: { Range: 'bytes=2-' } })
    expect(response.status).toBe(404)
  })
})

describe('the fields of a file', () => {
  const app = coordinate([createMemoryStorage({ 'dir/a&b.txt': 'same' })])

  it('have the digest of RFC 3230, the address of the version, and what describes it', async () => {
    for (const headers of [{}, { Range: 'bytes=1-2' }]) {
      const response = await app.request('/files/dir/a&b.txt', { headers })
      expect(response.headers.get('Digest')).toBe(
        response.headers.get('Repr-Digest')?.replace(/^sha-256=:(.*):$/, 'SHA-256=$1'),
      )
      expect(response.headers.get('Content-Location')).toBe(`?version=${SAME}`)
      expect(response.headers.get('Link')).toBe(
        `<?version=${SAME}>; rel="duplicate", <?version=${SAME}&metalink>; rel="describedby"; type="application/metalink4+xml"`,
      )
    }
  })

  it('lead to a metalink by which the file can be verified', async () => {
    const response = await app.request(
      `http://mirror.example:6001/files/dir/a&b.txt?version=${SAME}&metalink`,
    )
    expect(response.headers.get('Content-Type')).toBe('application/metalink4+xml')
    expect(await response.text()).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="a&amp;b.txt">
    <size>4</size>
    <hash type="sha-256">${SAME}</hash>
    <url>http://mirror.example:6001/files/dir/a%26b.txt?version=${SAME}</url>
  </file>
</metalink>
`)
  })

  it('keep the time of a content whose copies are written again', async () => {
    const [one, other] = [createMemoryStorage(), createMemoryStorage()]
    const both = coordinate([one, other])
    const times: (string | null)[] = []
    const read = async () => times.push((await both.request('/files/a')).headers.get('Last-Modified'))
    const write = async (storage: typeof one, text: string, modified: number) => {
      storage.delete('a')
      const bytes = toBytes(text)
      const options = { size: bytes.length, digest: await hash(bytes), replaces: null, modified }
      await storage.put('a', new Blob([bytes]).stream(), options)
    }
    for (const storage of [one, other]) await write(storage, 'same', 1_000_000_000_000)
    await read()
    await write(other, 'same', 1_500_000_000_000)
    await read()
    for (const storage of [one, other]) await write(storage, 'new', 1_600_000_000_000)
    await read()
    expect(times).toEqual([
      'Sun, 09 Sep 2001 01:46:40 GMT',
      'Sun, 09 Sep 2001 01:46:40 GMT',
      'Sun, 13 Sep 2020 12:26:40 GMT',
    ])
    // A condition on the time holds for the copies as they are.
    const headers = { 'If-Modified-Since': 'Sun, 09 Sep 2001 01:46:40 GMT' }
    expect((await both.request('/files/a', { headers })).status).toBe(200)
  })
})
