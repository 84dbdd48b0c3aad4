import { describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { readSurvey } from '../../storage/survey/read-survey.ts'
import { toNamedPath } from '../../wire/fields/routes.ts'
import {
  MAX_AUDITS,
  MAX_PAGE_DIFFERENCES,
  MAX_PAGES_COMPARING,
  PAGE_ROWS,
  RETRY_AFTER_SECONDS,
} from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { coordinate } from '../set-up.suite.ts'

const EVIL = `<img src=x onerror="alert(1)">'&.svg`
const SECRET = 'not to be seen'

const createApp = (...storages: Storage[]) => coordinate(storages, { writable: true })

const one = createMemoryStorage({
  [EVIL]: '<svg><script>alert(1)</script></svg>',
  'd/same': '1',
  'd/only': '2',
})
const other = createMemoryStorage({ [EVIL]: '<svg onload=alert(1)></svg>', 'd/same': '1' })
const app = createApp(one, other)

const silent: Storage = {
  ...createMemoryStorage(),
  describe: (names) => names.map(() => Promise.reject(gone())),
  list: () => Promise.reject(gone()),
  open: () => Promise.reject(gone()),
}

function gone() {
  return new StorageError('unreachable', 'it is <gone>', { cause: SECRET })
}

async function read(of: ReturnType<typeof createApp>, path: string, headers: Record<string, string> = {}) {
  const response = await of.request(path, { headers: { Accept: 'text/html,*/*;q=0.8', ...headers } })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The text of a page, without its markup. */
function toWords(page: string): string {
  const main = page.slice(page.indexOf('<main'), page.indexOf('</main>'))
  return main.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}

const PAGES = [
  '/',
  '/?in=d/',
  '/?in=x',
  '/?show=conflicts',
  '/?show=gaps',
  '/?show=what',
  '/check',
  '/check?run=yes',
]

describe('a page', () => {
  it.each([
    ...PAGES,
    toNamedPath('/compare/', EVIL),
    toNamedPath('/keep/', EVIL),
    toNamedPath('/files/', EVIL),
    '/compare/d/none',
    '/compare/..%2fx',
  ])('%s loads and runs only its own assets, and is never framed or cached', async (path) => {
    const { headers, text } = await read(app, path)
    const [nonce, again] = [text, (await read(app, path)).text].map(
      (page) => /nonce="([^"]+)"/.exec(page)?.[1],
    )
    expect(nonce).toMatch(/^[\w-]{22,}$/)
    expect(nonce).not.toBe(again)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; img-src 'self'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    expect(text).not.toMatch(/<img src=x|<svg|onerror="|onload=alert\(1\)>|style=|javascript:/)
    expect(text.match(/<script[^>]*>/g)).toEqual([`<script src="/assets/page.js" nonce="${nonce}" defer>`])
    expect(
      text.match(/<html lang="en">|<main id="main"|<title>.+ &ndash; vouch<\/title>|<\/html>/g),
    ).toHaveLength(4)
  })

  it.each([
    ['/?in=x', 400, 'in takes the name of a folder, which ends with a slash'],
    ['/?in=../', 400, 'in takes the name of a folder'],
    ['/?show=what', 400, 'show takes all, conflicts or gaps'],
    ['/check?in=a//', 400, 'in takes the name of a folder'],
    ['/compare/', 400, 'a name is a relative path'],
    ['/compare/a%2Fb', 400, 'a name is a relative path'],
    ['/compare/d/none', 404, 'not on any replica'],
    ['/keep/d/only?version=none', 404, 'no replica holds that version now'],
  ])('%s explains the problem in words', async (path, status, words) => {
    const page = await read(app, path)
    expect(page.status).toBe(status)
    expect(toWords(page.text)).toContain(words)
  })

  it('is sent only to clients that accept HTML', async () => {
    expect((await read(app, '/', { Accept: 'application/json' })).status).toBe(406)
    expect((await read(app, '/', { Accept: '*/*' })).status).toBe(200)
  })

  it.each([...PAGES, '/assets/page.js'])('%s answers HEAD with fields and no body', async (path) => {
    const [head, whole] = [await app.request(path, { method: 'HEAD' }), await app.request(path)]
    expect(head.status).toBe(whole.status)
    expect(await head.text()).toBe('')
    await whole.text()
  })

  it.each(['/', '/check', '/compare/x', '/keep/x', '/assets/page.js'])(
    '%s rejects other methods',
    async (path) => {
      const response = await app.request(path, { method: 'DELETE' })
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toMatch(/^GET, HEAD/)
    },
  )

  it('reports which replica does not answer, and a reason without internal details', async () => {
    const { text } = await read(createApp(one, silent), '/?in=d/')
    const words = toWords(text)
    expect(words).toContain('server2 did not list its files')
    expect(words).toContain('✗ cannot be used: it is &lt;gone&gt;')
    expect(words).toContain('? not all replicas answered')
    expect(text).not.toContain(SECRET)
    expect(toWords((await read(createApp(silent), '/')).text)).toContain('No replica answered.')
  })

  it.each(['/?in=nowhere/&show=conflicts', '/?in=nowhere/&show=gaps', '/check?in=nowhere&run=yes'])(
    '%s does not call a folder on no replica clean',
    async (path) => {
      expect(toWords((await read(app, path)).text)).toContain('No replica has a file here.')
      expect(toWords((await read(createApp(one, silent), path)).text)).not.toContain('No replica has')
    },
  )

  it.each([
    ['/?show=conflicts', 'There is no conflict here.'],
    ['/?show=gaps', 'No file is missing on a replica here.'],
    ['/check?run=yes', 'No file here differs or is missing on a replica.'],
  ])('%s names the replicas that sent nothing', async (path, nothing) => {
    const [known, alike] = [createMemoryStorage({ a: '1' }), createMemoryStorage({ a: '1' })]
    expect(toWords((await read(createApp(known, alike), path)).text)).toContain(nothing)
    const words = toWords((await read(createApp(known, alike, silent), path)).text)
    expect(words).toContain('server3 was left out: it is &lt;gone&gt;. Its files are not known.')
    expect(words).not.toContain('1 the same everywhere')
  })

  it('of a file shows what each replica holds, and plans nothing while one is silent', async () => {
    const { text } = await read(createApp(one, other, silent), toNamedPath('/compare/', EVIL))
    expect(toWords(text)).toMatch(
      /Replica What it holds How that is known server1 holds version A read (.*) ago server2 holds version B read (.*) ago server3 sent no copy: it is &lt;gone&gt;/,
    )
    expect(text).not.toContain('/keep/')
  })

  it('of a conflict, sent at the URL of the file, links to the comparison', async () => {
    const { status, text } = await read(app, toNamedPath('/files/', EVIL))
    expect(status).toBe(409)
    expect(text).toContain(` href="${toNamedPath('/compare/', EVIL).replace("'", '&#39;')}">`)
  })
})

describe('versions', () => {
  it('are compared on a limited number of pages at once', async () => {
    const opened = Promise.withResolvers<void>()
    const held: Storage = {
      ...one,
      async open(...asked) {
        await opened.promise
        return await one.open(...asked)
      },
    }
    const busy = createApp(held, other)
    const path = toNamedPath('/compare/', EVIL)
    const under = Array.from({ length: MAX_PAGES_COMPARING }, () => busy.request(path))
    await vi.waitFor(async () => {
      const refused = await read(busy, path)
      expect(refused.status).toBe(503)
      expect(toWords(refused.text)).toContain('comparisons are under way; ask again later')
    })
    expect((await read(busy, '/compare/d/same')).status).toBe(200)
    opened.resolve()
    expect((await Promise.all(under)).map(({ status }) => status)).toEqual(under.map(() => 200))
    expect((await read(busy, path)).status).toBe(200)
  })

  it.each([
    [MAX_PAGE_DIFFERENCES + 1, ''],
    [MAX_PAGE_DIFFERENCES + 2, '1 more version is not compared on this page.'],
    [MAX_PAGE_DIFFERENCES + 4, '3 more versions are not compared on this page.'],
  ])('that number %i are compared with the first, up to a limit: %s', async (count, words) => {
    const many = Array.from({ length: count }, (_, i) => createMemoryStorage({ f: `${i}` }))
    const { text } = await read(createApp(...many), '/compare/f')
    expect(text.match(/differs from A/g)).toHaveLength(MAX_PAGE_DIFFERENCES)
    expect(toWords(text)).toContain(words)
    expect(text.includes('not compared')).toBe(words !== '')
  })

  it('that are unknown may be requested again', async () => {
    const { status, headers } = await read(createApp(silent), '/compare/f')
    expect([status, headers.get('Retry-After')]).toEqual([503, String(RETRY_AFTER_SECONDS)])
  })
})

describe('the assets of the pages', () => {
  it.each(['/assets/page.css', '/assets/page.js'])(
    '%s is sent once, then revalidated by its digest',
    async (path) => {
      const first = await read(app, path)
      expect(first.headers.get('Content-Type')).toBe(path.endsWith('.js') ? 'text/javascript' : 'text/css')
      expect(first.text).toMatch(/^[\n -~]+$/)
      const again = await read(app, path, { 'If-None-Match': first.headers.get('ETag') ?? '' })
      expect(again.status).toBe(304)
    },
  )

  it('are the only ones', async () => {
    expect((await read(app, '/assets/constructor')).status).toBe(404)
  })
})

describe('the files that a filter finds', () => {
  const count = PAGE_ROWS * 2 + 5
  const names = Array.from({ length: count }, (_, i) => `d/${1000 + i}`)
  const many = names.map((name) => [name, name] as const)
  const before = createMemoryStorage({ ...Object.fromEntries(many), 'a/gap': 'x' })
  const after = createMemoryStorage(Object.fromEntries(many.map(([name]) => [name, 'other'])))
  const differing = createApp(before, after)

  it.each(['/?show=conflicts', '/check?in=d&run=yes', '/?in=d/&show=conflicts'])(
    '%s are listed page by page, each once',
    async (path) => {
      const found: string[] = []
      let pages = 0
      for (let next: string | undefined = path; next !== undefined; pages++) {
        const { text } = await read(differing, next)
        found.push(...[...text.matchAll(/href="\/compare\/([^"]+)"/g)].map((match) => match[1] ?? ''))
        next = /<a href="([^"]+)">More</.exec(text)?.[1]?.replaceAll('&amp;', '&')
      }
      expect(found).toEqual(names)
      expect(pages).toBe(3)
    },
  )

  it('are only gaps, or only conflicts', async () => {
    const gaps = await read(differing, '/?show=gaps')
    expect([...gaps.text.matchAll(/\/compare\/([^"]+)/g)].map((match) => match[1])).toEqual(['a/gap'])
    expect(toWords(gaps.text)).toContain('◐ missing on some replica server1 missing on server2')
  })

  it('are searched for by a limited number of clients at once', async () => {
    const waiting = Promise.withResolvers<void>()
    const held: Storage = {
      ...before,
      async *survey(asked, options) {
        await waiting.promise
        yield* readSurvey(before, asked, options)
      },
    }
    const busy = createApp(held)
    const under = await Promise.all(Array.from({ length: MAX_AUDITS }, () => busy.request('/?show=gaps')))
    const refused = await read(busy, '/?show=gaps')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('Retry-After')).toMatch(/^\d+$/)
    expect(toWords(refused.text)).toContain('audits are under way; ask again later')
    for (const response of under.slice(1)) await response.body?.cancel()
    waiting.resolve()
    expect(toWords((await under[0]?.text()) ?? '')).toContain('No file is missing on a replica here.')
    await vi.waitFor(async () => {
      const again = await Promise.all(under.map(() => read(busy, '/?show=gaps')))
      expect(again.map(({ status }) => status)).toEqual(under.map(() => 200))
    })
  })
})

describe('the page of an audit', () => {
  it('lists what each replica has that was not compared', async () => {
    const storage = createMemoryStorage({ a: '1' })
    const passing: Storage = {
      ...storage,
      list: async (options) => ({
        ...(await storage.list(options)),
        passed: [
          { kind: 'backslash', count: 7, examples: ['<b>\\', 'c\\'] },
          { kind: 'link', count: 1, examples: ['l'] },
        ],
      }),
    }
    const { text } = await read(createApp(storage, passing), '/check?run=yes')
    const words = toWords(text)
    expect(words).toContain(
      '1 file compared, 1 the same everywhere, 0 in conflict, 0 missing on some replica, 7 not compared.',
    )
    expect(words).toContain(
      'server2: 7 files with a backslash in their names could not be compared, such as &lt;b&gt;\\, c\\ .',
    )
    expect(words).toContain('server2: 1 symbolic link was skipped: l .')
  })
})
