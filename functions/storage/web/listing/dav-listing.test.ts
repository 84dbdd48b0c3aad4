import { describe, expect, it } from 'vitest'
import { parseDavListing, parseDavResource } from './dav-listing.ts'

const URL = 'https://dav.example/d%26v/'
const TIME = 'Thu, 01 Jan 2026 00:00:00 GMT'
const COLLECTION = '<D:resourcetype><D:collection/></D:resourcetype>'
const FILE = `<D:resourcetype/><D:getcontentlength>5</D:getcontentlength><D:getlastmodified>${TIME}</D:getlastmodified><D:getetag>"e"</D:getetag>`

const toPropstat = (properties: string, status = '200 OK') =>
  `<D:propstat><D:prop>${properties}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`
const toResponse = (href: string, rest: string) => `<D:response><D:href>${href}</D:href>${rest}</D:response>`
const toMultistatus = (...responses: string[]) =>
  `<?xml version="1.0"?>\n<D:multistatus xmlns:D="DAV:">${responses.join('')}</D:multistatus>`

const SELF = toResponse('/d%26v/', toPropstat(COLLECTION))
const read = (...responses: string[]) => parseDavListing(toMultistatus(...responses), URL)

describe('a multistatus of WebDAV', () => {
  it('lists files with their sizes, times and tags, and directories with or without a slash', async () => {
    const listed = await read(
      SELF,
      toResponse('/d%26v/a%20b&amp;', toPropstat(FILE)),
      toResponse('/d&amp;v/sub/', toPropstat(COLLECTION) + toPropstat('<D:getetag/>', '404 Not Found')),
      toResponse('https://dav.example/d%26v/other', toPropstat(COLLECTION)),
    )
    expect(listed).toMatchObject([
      { name: 'a b&', is: 'file', marks: { size: 5, modified: Date.parse(TIME), etag: '"e"' } },
      { name: 'sub', is: 'directory' },
      { name: 'other', is: 'directory' },
    ])
  })

  it('is read with any prefix, and with the address of a server behind a proxy', async () => {
    const text = toMultistatus(SELF, toResponse('http://127.0.0.1:8080/d%26v/a', toPropstat(FILE)))
    for (const prefix of ['', 'lp1:']) {
      const written = text.replaceAll('D:', prefix)
      expect(await parseDavListing(written, URL)).toMatchObject([{ name: 'a', is: 'file' }])
    }
  })

  it.each([
    ['has no kind', toPropstat('<D:getcontentlength>5</D:getcontentlength>')],
    ['has no length', toPropstat('<D:resourcetype/>')],
    [
      'has a length below nothing',
      toPropstat('<D:resourcetype/><D:getcontentlength>-1</D:getcontentlength>'),
    ],
    ['cannot be read', '<D:status>HTTP/1.1 403 Forbidden</D:status>'],
    ['has no properties', toPropstat(FILE, '403 Forbidden')],
    ['has its properties twice', toPropstat(FILE) + toPropstat(COLLECTION)],
  ])('leaves to HEAD what a resource is that %s', async (_, rest) => {
    expect(await read(SELF, toResponse('/d%26v/a', rest))).toMatchObject([{ name: 'a', is: 'unknown' }])
  })

  it.each([
    ['the directory itself', [toResponse('/d%26v/a', toPropstat(FILE))]],
    ['anything', []],
  ])('without %s is no listing', async (_, responses) => {
    expect(await read(...responses)).toBeNull()
  })

  it.each([
    ['has an index page in place of the directory', [toResponse('/d%26v/', toPropstat(FILE))]],
    ['cannot read the directory', [toResponse('/d%26v/', toPropstat(COLLECTION, '403 Forbidden'))]],
    ['has too many members', [SELF, toResponse('/d%26v/', '<D:status>HTTP/1.1 507 X</D:status>')]],
    ['has what is above', [SELF, toResponse('/', toPropstat(COLLECTION))]],
    ['has what is further below', [SELF, toResponse('/d%26v/a/b', toPropstat(FILE))]],
    ['has another path', [SELF, toResponse('/backend/a', toPropstat(FILE))]],
    ['has a query', [SELF, toResponse('/d%26v/a?b', toPropstat(FILE))]],
    ['has a response without its address', [SELF, '<D:response/>']],
    ['has something else', [SELF, '<D:other/>']],
  ])('that %s is no listing', async (_, responses) => {
    expect(await read(...responses)).toBeNull()
  })

  it('that is cut off is no listing', async () => {
    const text = toMultistatus(SELF, toResponse('/d%26v/a', toPropstat(FILE)))
    for (const length of [text.length - 1, text.lastIndexOf('</D:multistatus>'), text.length / 2]) {
      expect(await parseDavListing(text.slice(0, length), URL)).toBeNull()
    }
  })
})

describe('a multistatus of WebDAV about one resource', () => {
  it('says whether it is a file or a directory', async () => {
    const file = toResponse('/d%26v/a', toPropstat(FILE))
    expect(await parseDavResource(toMultistatus(file))).toMatchObject({
      is: 'file',
      marks: { size: 5, modified: Date.parse(TIME), etag: '"e"' },
    })
    expect(await parseDavResource(toMultistatus(SELF))).toMatchObject({ is: 'directory' })
  })

  it('is no answer with several resources, with none, or cut off', async () => {
    const text = toMultistatus(SELF)
    for (const wrong of [toMultistatus(SELF, SELF), toMultistatus(), text.slice(0, -1)]) {
      expect(await parseDavResource(wrong)).toBeNull()
    }
  })
})
