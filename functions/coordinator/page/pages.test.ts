import { describe, expect, it, vi } from 'vitest'
import { createHasher } from '../../../runtime/node/hasher.ts'
import { createMemoryStorage } from '../../storage/memory.ts'
import { readSurvey } from '../../storage/read-survey.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  MAX_AUDITS,
  MAX_PAGE_DIFFERENCES,
  MAX_PAGES_COMPARING,
  PAGE_ROWS,
  RETRY_AFTER_SECONDS,
} from '../../wire/limits.ts'
import { toNamedPath } from '../../wire/routes.ts'
import { StorageError } from '../../wire/trouble.ts'
import { createCoordinator } from '../coordinator.ts'

const EVIL = `<img src=x onerror="alert(1)">'&.svg`
const SECRET = 'not to be seen'

function createApp(...storages: Storage[]) {
  const replicas = storages.map((storage, i) => ({ id: `server${i + 1}`, storage }))
  return createCoordinator(replicas, { createHasher, writable: true })
}

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

/** What a page says, without its markup. */
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
  ])('%s loads and runs nothing but its own, and is never framed or kept', async (path) => {
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
    expect(text.match(/<html lang="en">|<main id="main"|<title>.+ – vouch<\/title>|<\/html>/g)).toHaveLength(
      4,
    )
  })

  it.each([
    ['/?in=x', 400, 'in takes the name of a folder, which ends with a slash'],
    ['/?in=../', 400, 'in takes the name of a folder'],
    ['/?show=what', 400, 'show takes all, conflicts or gaps'],
    ['/check?in=a//', 400, 'a folder has a name'],
    ['/compare/', 400, 'a name is a relative path'],
    ['/compare/a%2Fb', 400, 'a name is a relative path'],
    ['/compare/d/none', 404, 'nobody has it'],
    ['/keep/d/only?version=none', 404, 'no replica holds that version now'],
  ])('%s says in words what is wrong', async (path, status, words) => {
    const page = await read(app, path)
    expect(page.status).toBe(status)
    expect(toWords(page.text)).toContain(words)
  })

  it('is for who takes one', async () => {
    expect((await read(app, '/', { Accept: 'application/json' })).status).toBe(406)
    expect((await read(app, '/', { Accept: '*/*' })).status).toBe(200)
  })

  it.each([...PAGES, '/assets/page.js'])(
    '%s has a head and no body when only that is asked for',
    async (path) => {
      const [head, whole] = [await app.request(path, { method: 'HEAD' }), await app.request(path)]
      expect(head.status).toBe(whole.status)
      expect(await head.text()).toBe('')
      await whole.text()
    },
  )

  it.each(['/', '/check', '/compare/x', '/keep/x', '/assets/page.js'])(
    '%s takes no other method',
    async (path) => {
      const response = await app.request(path, { method: 'DELETE' })
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toMatch(/^GET, HEAD/)
    },
  )

  it('tells who does not answer, and no more of the reason than clients may know', async () => {
    const { text } = await read(createApp(one, silent), '/?in=d/')
    const words = toWords(text)
    expect(words).toContain('server2 did not list its files')
    expect(words).toContain('✗ cannot be used: it is &lt;gone&gt;')
    expect(words).toContain('? not everybody answered')
    expect(text).not.toContain(SECRET)
    expect(toWords((await read(createApp(silent), '/')).text)).toContain('Nobody listed anything.')
  })

  it.each(['/?in=nowhere/&show=conflicts', '/?in=nowhere/&show=gaps', '/check?in=nowhere&run=yes'])(
    '%s gives no all-clear for a folder that nobody has',
    async (path) => {
      expect(toWords((await read(app, path)).text)).toContain('No replica has a file here.')
      expect(toWords((await read(createApp(one, silent), path)).text)).not.toContain('No replica has')
    },
  )

  it.each([
    ['/?show=conflicts', 'No conflict is here.'],
    ['/?show=gaps', 'No gap is here.'],
    ['/check?run=yes', 'Nothing here differs or is lacking.'],
  ])('%s says of whom nothing is known', async (path, nothing) => {
    const [known, alike] = [createMemoryStorage({ a: '1' }), createMemoryStorage({ a: '1' })]
    expect(toWords((await read(createApp(known, alike), path)).text)).toContain(nothing)
    const words = toWords((await read(createApp(known, alike, silent), path)).text)
    expect(words).toContain('server3 was left out: it is &lt;gone&gt;. What it holds or lacks is not known.')
    expect(words).not.toContain('1 the same everywhere')
  })

  it('of a file says what each replica holds, and plans nothing while one is silent', async () => {
    const { text } = await read(createApp(one, other, silent), toNamedPath('/compare/', EVIL))
    expect(toWords(text)).toMatch(
      /Replica What it holds How that is known server1 holds version A read (.*) ago server2 holds version B read (.*) ago server3 gave no copy: it is &lt;gone&gt;/,
    )
    expect(text).not.toContain('/keep/')
  })

  it('of a file in conflict that is answered to its own address leads to the comparison', async () => {
    const { status, text } = await read(app, toNamedPath('/files/', EVIL))
    expect(status).toBe(409)
    expect(text).toContain(` href="${toNamedPath('/compare/', EVIL).replace("'", '&#39;')}">`)
  })
})

describe('versions', () => {
  it('are compared on so many pages at once, and on others when those are done', async () => {
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
  ])('of which there are %i are compared with the first, but for so many: %s', async (count, words) => {
    const many = Array.from({ length: count }, (_, i) => createMemoryStorage({ f: `${i}` }))
    const { text } = await read(createApp(...many), '/compare/f')
    expect(text.match(/differs from A/g)).toHaveLength(MAX_PAGE_DIFFERENCES)
    expect(toWords(text)).toContain(words)
    expect(text.includes('not compared')).toBe(words !== '')
  })

  it('that nobody could show are worth asking for again', async () => {
    const { status, headers } = await read(createApp(silent), '/compare/f')
    expect([status, headers.get('Retry-After')]).toEqual([503, String(RETRY_AFTER_SECONDS)])
  })
})

describe('what the pages load', () => {
  it.each(['/assets/page.css', '/assets/page.js'])(
    '%s is sent once, and then known by its digest',
    async (path) => {
      const first = await read(app, path)
      expect(first.headers.get('Content-Type')).toBe(path.endsWith('.js') ? 'text/javascript' : 'text/css')
      expect(first.text).toMatch(/^[\n -~]+$/)
      const again = await read(app, path, { 'If-None-Match': first.headers.get('ETag') ?? '' })
      expect(again.status).toBe(304)
    },
  )

  it('is nothing else', async () => {
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
    '%s come in pages, all of them, each once',
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

  it('are gaps alone, or conflicts alone', async () => {
    const gaps = await read(differing, '/?show=gaps')
    expect([...gaps.text.matchAll(/\/compare\/([^"]+)/g)].map((match) => match[1])).toEqual(['a/gap'])
    expect(toWords(gaps.text)).toContain('◐ lacking somewhere server1 not on server2')
  })

  it('are looked for by so many at once, and by others when those are done or gone', async () => {
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
    expect(toWords((await under[0]?.text()) ?? '')).toContain('No gap is here.')
    await vi.waitFor(async () => {
      const again = await Promise.all(under.map(() => read(busy, '/?show=gaps')))
      expect(again.map(({ status }) => status)).toEqual(under.map(() => 200))
    })
  })
})

describe('the page of an audit', () => {
  it('says what each replica has that was not compared', async () => {
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
      '1 file compared, 1 the same everywhere, 0 in conflict, 0 lacking somewhere, 7 not compared.',
    )
    expect(words).toContain(
      'server2: 7 files with a backslash in their names could not be compared, such as &lt;b&gt;\\, c\\ .',
    )
    expect(words).toContain('server2: 1 symbolic link was skipped: l .')
  })
})
