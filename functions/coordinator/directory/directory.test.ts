import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { hash, toBytes } from '../../storage/suite/set-up.suite.ts'
import { parseJson } from '../../wire/json/parse.ts'
import { MAX_AUDITS } from '../../wire/limits.ts'
import { directoryListing } from '../../wire/schemas/listings.ts'
import { coordinate, refusing } from '../set-up.suite.ts'

const one = createMemoryStorage({
  ...{ 'a&<b>.txt': 'x', 'd/1': 'one', 'd/e/f': 'f', 'd/same': 'same', 'q?#% .txt': 'q', ü: '' },
})
const other = createMemoryStorage({ 'd/1': 'three', 'd/same': 'same', 'only b': 'b', 'sums/a\nb': 'x' })
const app = coordinate([one, other])
const get = (path: string, accept = '*/*', on = app) => on.request(path, { headers: { Accept: accept } })

/** A replica with the same file, and one that cannot be listed. */
const passing: Storage = {
  ...createMemoryStorage({ 'd/a': 'a' }),
  async list() {
    const passed = [{ kind: 'backslash', count: 1, examples: ['d/b\\c'] }] as const
    return { entries: [{ name: 'd/a', size: 1, modified: null }], next: null, passed }
  },
}

/** The links of a page, resolved as a client does. */
async function readLinks(path: string, on = app): Promise<string[]> {
  const text = await (await get(path, 'text/html', on)).text()
  const decode = (t: string) =>
    t.replace(
      /&(amp|lt|gt|quot|#39);/g,
      (_, n: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[n] ?? "'",
    )
  return [...text.matchAll(/<a href="([^"]*)"/g)].map(([, href = '']) =>
    new URL(decode(href), `http://localhost${path}`).href.slice(16),
  )
}

describe('GET /files/{folder}/', () => {
  it('links to each file and folder that any replica lists, by a relative address that leads there', async () => {
    const links = await readLinks('/files/')
    expect(links).toEqual([
      '/files/a%26%3Cb%3E.txt',
      ...['/files/d/', '/files/only%20b', '/files/q%3F%23%25%20.txt', '/files/sums/', '/files/%C3%BC'],
    ])
    for (const link of links.filter((link) => !link.endsWith('/'))) expect((await get(link)).status).toBe(200)
    expect(await readLinks('/files/d/')).toEqual(['/files/', '/files/d/1', '/files/d/e/', '/files/d/same'])
  })

  it('says for people which sizes differ, and what is missing where', async () => {
    const text = await (await get('/files/d/')).text()
    expect(text).toMatch(/>1<\/a> +\d\d-\w{3}-\d{4} \d\d:\d\d +- {2}sizes differ\n/)
    expect(text).toMatch(/>same<\/a> +\d\d-\w{3}-\d{4} \d\d:\d\d +4\n/)
    expect(await (await get('/files/')).text()).toMatch(/>only b<\/a> .* 1 {2}missing on server1\n/)
  })

  it('is JSON, or names alone, for those who ask', async () => {
    const read = parseJson(directoryListing, await (await get('/files/d/', 'application/json')).text())
    expect(read.success && read.output).toMatchObject({
      folder: 'd/',
      entries: [
        {
          type: 'file',
          name: '1',
          copies: [
            { id: 'server1', size: 3 },
            { id: 'server2', size: 5 },
          ],
        },
        { type: 'directory', name: 'e/' },
        { type: 'file', name: 'same' },
      ],
      next: null,
    })
    expect(await (await get('/files/d/', 'text/plain')).text()).toBe('1\ne/\nsame\n')
    // One line for each name, whatever it has in it.
    expect(await (await get('/files/sums/', 'text/plain')).text()).toBe('a\\u{a}b\n')
  })

  it.each([
    ['/files/nothing/', 404],
    ['/files/d/1/', 404],
    ['/files/d//', 400],
    ['/files/%2e%2e/x/', 404],
    ['/files/d/?after=x', 400],
    ['/files/d/?require=3', 400],
    ['/files/nothing/?sums', 404],
  ])('answers %s with %i', async (path, status) => {
    expect((await get(path)).status).toBe(status)
  })

  it('says when a replica did not list, and calls nothing missing then', async () => {
    const half = coordinate([one, refusing])
    const response = await get('/files/d/', 'text/html', half)
    expect(response.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect(await response.text()).toContain('Not listed by server2')
    expect((await get('/files/nothing/', '*/*', half)).status).toBe(503)
    expect((await get('/files/d/?require=all', '*/*', half)).status).toBe(503)
    expect((await get('/files/', '*/*', coordinate([refusing]))).status).toBe(503)
  })

  it('refuses pages of other sites, which could have it list everything again and again', async () => {
    const ask = (site: string) => app.request('/files/d/', { headers: { 'Sec-Fetch-Site': site } })
    expect((await ask('cross-site')).status).toBe(403)
    expect((await ask('none')).status).toBe(200)
  })

  it('has ten thousand rows, and a link to the rest', async () => {
    const names = Array.from({ length: 10_002 }, (_, i) => String(i).padStart(5, '0'))
    const many = coordinate([createMemoryStorage(Object.fromEntries(names.map((name) => [`m/${name}`, ''])))])
    const links = await readLinks('/files/m/', many)
    expect(links).toHaveLength(10_002)
    expect(links.at(-1)).toBe('/files/m/?after=m%2F09999')
    expect(await readLinks('/files/m/?after=m%2F09999', many)).toEqual([
      '/files/',
      '/files/m/10000',
      '/files/m/10001',
    ])
  }, 60_000)
})

describe('GET /files/{folder}/?sums', () => {
  it('lists the SHA-256 of each file below, by names relative to the folder', async () => {
    const same = createMemoryStorage({ 'd/a\nb': 'x', 'd/e/f': 'f', other: 'o' })
    const response = await get('/files/d/?sums', '*/*', coordinate([same, same]))
    expect(await response.text()).toBe(
      `\\${await hash(toBytes('x'))}  a\\nb\n${await hash(toBytes('f'))}  e/f\n`,
    )
  })

  it('compares nothing for HEAD, whose body nobody would read to its end', async () => {
    const own = coordinate([one, other])
    for (let i = 0; i <= MAX_AUDITS; i++)
      expect((await own.request('/files/d/?sums', { method: 'HEAD' })).status).toBe(200)
    expect((await own.request('/audit')).status).toBe(200)
  })

  it.each<[string, Storage]>([
    ['copies differ', createMemoryStorage({ 'd/a': 'b' })],
    ['a replica does not answer', refusing],
    ['a replica has a file that is not compared', passing],
  ])('breaks off when %s', async (_, second) => {
    const response = await get(
      '/files/d/?sums',
      '*/*',
      coordinate([createMemoryStorage({ 'd/a': 'a' }), second]),
    )
    await expect(response.text()).rejects.toThrow()
  })
})
