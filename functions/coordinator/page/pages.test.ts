import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { readSurvey } from '../../storage/survey/read-survey.ts'
import { toNamedPath } from '../../wire/fields/routes.ts'
import {
  MAX_AUDITS,
  MAX_PAGE_COUNTED,
  MAX_PAGE_DIFFERENCES,
  MAX_PAGE_STEPS,
  MAX_PAGES_COMPARING,
  PAGE_ROWS,
  RETRY_AFTER_SECONDS,
} from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { createMemoryLedger } from '../ledger/memory-ledger.suite.ts'
import { coordinate, refusing } from '../set-up.suite.ts'

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
  '/copy',
  '/copy?in=d/',
  '/copy?in=x',
]

describe('a page', () => {
  it.each([
    ...PAGES,
    toNamedPath('/compare/', EVIL),
    toNamedPath('/keep/', EVIL),
    toNamedPath('/restore/', EVIL),
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

  it.each(['/', '/check', '/copy', '/compare/x', '/keep/x', '/restore/x', '/assets/page.js'])(
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

describe('what a ledger knows', () => {
  const HOUR = 3_600_000
  const SCRIPT = '<script>alert(1)</script>/\u202e\n"gap'
  let ledger: Ledger
  let trees: ReturnType<typeof createMemoryStorage>[]

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 27, 1) })
    ledger = createMemoryLedger()
    trees = [
      createMemoryStorage({ a: '1', 'd/e/f': 'one', [EVIL]: 'x' }),
      createMemoryStorage({ a: '1', 'd/e/f': 'other' }),
    ]
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  const cluster = (storages: readonly Storage[] = trees) => coordinate(storages, { ledger, writable: true })
  const check = async (storages?: readonly Storage[]) =>
    void (await (await cluster(storages).request('/audit')).text())
  const show = async (path: string, of = cluster()) => {
    const { text } = await read(of, path)
    expect(text).not.toMatch(/<img src=x|<script>|\u202e|style=/)
    return { text, words: toWords(text) }
  }

  /** Two checks a day apart, and what is new in the second. */
  async function checkTwice(): Promise<void> {
    await check()
    vi.setSystemTime(Date.now() + 24 * HOUR)
    trees[0]?.set(SCRIPT, 'x'.repeat(3000))
    await check()
    vi.setSystemTime(Date.now() + 3 * HOUR)
  }

  it('is on the front: when all was checked, what is new, and what each replica lacks', async () => {
    expect((await show('/')).words).toContain('No check has compared all files yet.')
    await checkTwice()
    const { words } = await show('/')
    expect(words).toContain(
      'All files were last checked 3 hours ago ( 2026-11-28 01:00:00 UTC ): 4 files, 1 the same everywhere, 1 in conflict, 2 missing on some replica.',
    )
    expect(words).toContain('New since the check before, 27 hours ago ( 2026-11-27 01:00:00 UTC ): 1: ')
    expect(words).toContain(
      '≠ 3 files are not the same everywhere , by the last check of each. Conflicts and gaps',
    )
    expect(words).toContain('No verification has begun')
    expect(words).toContain('server1 4 files, 2.9 KiB 1 differ server2 2 files, 6 bytes 1 differ, 2 missing')
  })

  it('says how far a verification has come, and that an audit has not ended', async () => {
    await check()
    const began = Date.now()
    await ledger.noteVerification({ began, after: SCRIPT, ended: null })
    await ledger.begin({ prefix: '', match: [], exclude: [] }, began)
    vi.setSystemTime(began + 5 * HOUR)
    const { words } = await show('/')
    expect(words).toContain('gap , read since 5 hours ago')
    expect(words).toContain('has not ended: it still runs, or broke off.')
    await ledger.noteVerification({ began, after: '', ended: began + HOUR })
    expect((await show('/')).words).toContain('Every byte was read between 5 hours ago')
  })

  it('is drawn over time, with words and a table for those who do not see it', async () => {
    await check()
    expect((await show('/')).text).not.toContain('<svg')
    vi.setSystemTime(Date.now() + 24 * HOUR)
    await check([trees[0] ?? one, refusing])
    vi.setSystemTime(Date.now() + 24 * HOUR)
    trees[1]?.set(EVIL, 'x')
    await check()
    const { text, words } = await show('/')
    expect(text).toContain(
      '<desc id="differing-desc">3 checks from 2026-11-27 to 2026-11-29: 2 at first, 1 at last, 2 at most; not known for 1.</desc>',
    )
    expect([...text.matchAll(/<polyline points="([^"]+)"/g)].map((match) => match[1]).slice(0, 2)).toEqual([
      '0.0,0.0 0.0,0.0',
      '600.0,50.0 600.0,50.0',
    ])
    expect(words).toContain('2026-11-28 01:00:00 UTC not known')
    expect(words).toMatch(/2026-11-28 01:00:00 UTC not known \S.* server2 2026-11-27/)
  })

  it('marks a folder with the number of files below it that are not the same', async () => {
    await check()
    vi.setSystemTime(Date.now() + 2 * HOUR)
    for (const [path, mark] of [
      ['/', 'd/ folder, ≠ 1 file not the same everywhere'],
      ['/?in=d/', 'e/ folder, ≠ 1 file not the same everywhere'],
    ] as const) {
      const { words } = await show(path)
      expect(words).toContain(mark)
      expect(
        words.match(/Folders are marked as the checks so far have found, the last of all files 2 hours ago/g),
      ).toHaveLength(1)
    }
    trees[1]?.set('d/e/f', 'one')
    await check()
    expect((await show('/')).words).toContain('d/ folder Folders are marked')
  })

  it('is listed at once, whatever the replicas do, with a button for a new audit', async () => {
    await checkTwice()
    const dead = cluster([silent, silent])
    for (const [path, ...names] of [
      ['/check', EVIL, SCRIPT, 'd/e/f'],
      ['/check?in=d', 'd/e/f'],
      ['/?show=conflicts', 'd/e/f'],
      ['/?show=gaps', EVIL, SCRIPT],
    ] as const) {
      const { text, words } = await show(path, dead)
      const links = [...text.matchAll(/href="(\/compare\/[^"]+)"/g)].map((match) => match[1])
      expect(links).toEqual(names.map((name) => toNamedPath('/compare/', name).replaceAll("'", '&#39;')))
      expect(words).toContain('the last of all files 3 hours ago')
      expect(words).toContain('Check again')
      expect(words).toMatch(/Name Agreement Held by .* since 2026-11-2\d 01:00:00 UTC/)
      expect(words.includes('Copy all 2 &hellip;')).toBe(path !== '/check?in=d')
    }
  })

  it('grows by an audit of the page, which goes on to its end', async () => {
    await check()
    const names = Array.from({ length: PAGE_ROWS + 5 }, (_, i) => `many/${1000 + i}`)
    for (const name of names) trees[0]?.set(name, name)
    const found: string[] = []
    for (let next: string | undefined = '/?in=many/&show=gaps&run=yes'; next !== undefined; ) {
      expect(found.length).toBeLessThan(names.length)
      const { text } = await show(next)
      found.push(...[...text.matchAll(/href="\/compare\/([^"]+)"/g)].map((match) => match[1] ?? ''))
      next = /<a href="([^"]+)">More</.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(found).toEqual(names)
    expect((await ledger.status()).unended).toBeNull()
  })

  it('is listed page by page where it is too much to count', async () => {
    await check()
    const number = await ledger.begin({ prefix: '', match: [], exclude: [] }, Date.now())
    const conflicts = Array.from({ length: MAX_PAGE_COUNTED }, (_, i) => `c/${10_000 + i}`)
    await ledger.note(
      number,
      [...conflicts, 'gap'].map((name) => ({
        ...{ name, agreement: name === 'gap' ? 'incomplete' : 'conflict', versions: [] },
        replicas: [{ id: 'server1', state: 'missing' }],
      })),
    )
    const first = await show('/?show=gaps&in=')
    expect(first.words).toContain('Copy all that is missing &hellip;')
    const more = /<a href="([^"]+)">More</.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? ''
    expect((await show(more)).words).toContain('gap ◐ missing on some replica')
    const conflicting = await show(`/?show=conflicts&after=${conflicts.at(-3)}`)
    expect(conflicting.text.match(/href="\/compare\/c/g)).toHaveLength(2)
    expect((await show('/')).words).toContain('too many to count here')
  })

  it('is the history on the page of a file', async () => {
    const path = toNamedPath('/compare/', EVIL)
    expect((await show(path)).words).toContain('No check has compared this file yet.')
    await check()
    const { words } = await show(path)
    expect(words).toMatch(
      /2026-11-27 01:00:00 UTC ◐ missing on some replica server1: [0-9a-f]{12} missing on server2/,
    )
    vi.setSystemTime(Date.now() + 3 * HOUR)
    expect((await show('/compare/a')).words).toContain(
      'No check found its copies to differ since the first, 3 hours ago',
    )
    for (let i = 0; i < 11; i++) {
      for (const content of ['y', 'x']) {
        trees[1]?.set(EVIL, content)
        await check()
      }
    }
    const later = (await show(path)).words
    expect(later).toContain('the same everywhere again, or gone')
    expect(later).toContain('3 earlier changes are not shown')
  })

  it('that cannot be read is missed, and reported', async () => {
    const failures: unknown[] = []
    const broken = new Proxy(ledger, {
      get: () => () => Promise.reject(new Error(SECRET)),
    })
    const of = coordinate(trees, { ledger: broken, onLedgerFailed: (error) => failures.push(error) })
    for (const path of ['/', '/?in=d/', '/compare/a']) {
      const { text, words } = await show(path, of)
      expect(words).toContain('cannot be read now')
      expect(text).not.toContain(SECRET)
    }
    expect((await show('/?show=conflicts', of)).words).toContain('1 in conflict')
    expect(failures.length).toBeGreaterThan(3)
  })
})

describe('copying what is missing', () => {
  const names = ['d/1', 'd/2', EVIL]
  const createTrees = () => [
    createMemoryStorage({ ...Object.fromEntries(names.map((name) => [name, 'x'.repeat(2000)])), both: '1' }),
    createMemoryStorage({ both: '2', 'd/3': 'only here' }),
  ]
  const list = async (storage: Storage | undefined) =>
    (await storage?.list())?.entries.map(({ name }) => name) ?? []

  async function post(of: ReturnType<typeof createApp>, page: string, changed: Record<string, string> = {}) {
    const fields = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
    const body = new URLSearchParams({
      ...Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value])),
      ...changed,
    })
    const response = await of.request('/copy', { method: 'POST', body, headers: { Accept: 'text/html' } })
    return { status: response.status, words: toWords(await response.text()) }
  }

  it('shows the plan, writes exactly that, and leaves alone what differs', async () => {
    const trees = createTrees()
    const of = createApp(...trees)
    const folder = await read(of, '/copy?in=d/')
    expect(toWords(folder.text)).toContain('server1 1 9 bytes server2 2 3.9 KiB')
    const { text } = await read(of, '/copy')
    expect(text).toContain('<span title="6,000 bytes">5.9 KiB</span>')
    expect(toWords(text)).toContain('Left alone, since their copies differ or are not all known: 1 file.')
    expect(await list(trees[1])).toEqual(['both', 'd/3'])
    const { words } = await post(of, folder.text)
    expect(words).toContain('All of the plan was written: 1 file on server1, 2 files on server2.')
    expect(await list(trees[1])).toEqual(['both', 'd/1', 'd/2', 'd/3'])
    expect((await post(of, (await read(of, '/copy')).text)).words).toContain('written: 1 file on server2.')
    expect(await list(trees[1])).toEqual([EVIL, 'both', 'd/1', 'd/2', 'd/3'])
    expect((await read(of, '/files/both?replica=server2')).text).toBe('2')
    expect(toWords((await read(of, '/copy')).text)).toContain('No file can be copied here.')
  })

  it('writes nothing when the plan is another than was shown, and shows it', async () => {
    const trees = createTrees()
    const of = createApp(...trees)
    const { text } = await read(of, '/copy')
    trees[0]?.set('d/4', 'new')
    for (const changed of [{}, { plan: '' }, { in: 'd/' }]) {
      const { words } = await post(of, text, changed)
      expect(words).toContain('Nothing was written: what is missing has changed since you saw the plan.')
      expect(words).toContain('Yes, copy all')
    }
    expect(await list(trees[1])).toEqual(['both', 'd/3'])
  })

  it('reports what could not be written', async () => {
    const [from, to] = createTrees()
    const full: Storage = {
      ...(to ?? one),
      put: () => Promise.reject(new StorageError('unreadable', 'the <disk> is full')),
    } as Storage
    const of = createApp(from ?? one, full)
    const { words } = await post(of, (await read(of, '/copy')).text)
    expect(words).toContain('failed: server2: the &lt;disk&gt; is full')
    expect(words).toContain('3 files were not written. Written: 1 file on server1.')
  })

  it('takes no more steps at once than a page holds', async () => {
    const many = Array.from({ length: MAX_PAGE_STEPS / 4 + 1 }, (_, i) => [`f${i}`, ''])
    const lacking = Array.from({ length: 4 }, () => createMemoryStorage())
    const of = createApp(createMemoryStorage(Object.fromEntries(many)), ...lacking)
    const words = toWords((await read(of, '/copy')).text)
    expect(words).toContain('server2 2,500 0 bytes')
    expect(words).toContain('These are the first of more files')
  })

  it('is neither offered nor done by a read-only coordinator', async () => {
    const trees = createTrees()
    const of = coordinate(trees, { ledger: createMemoryLedger() })
    await (await of.request('/audit')).text()
    for (const path of ['/check', '/check?run=yes', '/?show=gaps', toNamedPath('/compare/', EVIL)])
      expect((await read(of, path)).text).not.toMatch(/href="\/(copy|keep|restore)/)
    expect((await read(of, '/copy')).status).toBe(403)
    expect((await post(of, (await read(createApp(...trees), '/copy')).text)).status).toBe(403)
    expect(await list(trees[1])).toEqual(['both', 'd/3'])
  })
})
