import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { readSurvey } from '../../functions/storage/survey/read-survey.ts'
import { NOTHING_SEEN } from '../../functions/storage/survey/survey.ts'
import { PROGRESS_MS } from '../../functions/wire/limits.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { type Served, serve } from '../../runtime/node/http/serve.ts'
import { type Activate, type Cluster, click, press, startCluster } from './browser.suite.ts'
import { hasBrowser, launchBrowser, withPage } from './browser.ts'
import { createMany, MANY, toName } from './browser-trees.suite.ts'

// What users do on the pages, in a real browser. Only the conflict itself is made without the pages.

if (!hasBrowser) console.warn('NOT TESTED without chromium: what people do on the pages')

describe.skipIf(!hasBrowser)('in a browser', () => {
  let browser: Browser
  let cluster: Cluster

  beforeAll(async () => {
    browser = await launchBrowser()
    const tree = createMany()
    cluster = await startCluster({ server1: tree, server2: tree })
    await (await fetch(`${cluster.url}/audit`)).text()
  }, 240_000)

  afterAll(async () => {
    await browser?.close()
    await cluster?.stop()
  })

  it.each([
    ['with a mouse', {}, click, toName(7321)],
    ['by keyboard alone', {}, press, toName(42)],
    ['with script off', { javaScriptEnabled: false }, click, toName(9999)],
    ['by keyboard with script off', { javaScriptEnabled: false }, press, toName(5000)],
  ] as const)(
    `the one conflict among ${MANY} files is found, inspected and resolved %s`,
    async (_way, options, activate, name) => {
      cluster.write('server2', name, OTHER)
      await withPage(browser, options, async (page) => {
        await page.goto(cluster.url)
        await find(page, activate, name)
        await lookAt(page, name)
        await keep(page, activate)
        await activate(page, 'link', 'more conflicts')
        await page.getByText('There is no conflict here.').waitFor()
        await page.getByText(`${MANY.toLocaleString('en')} the same everywhere`).waitFor()
      })
      expect(await readCopy(cluster, name, 'server1')).toBe(OTHER)
      expect(await readCopy(cluster, name, 'server2')).toBe(OTHER)
    },
    120_000,
  )

  it.each([
    ['with script', {}],
    ['without script', { javaScriptEnabled: false }],
  ])('a large folder is shown page by page, each name once and in order, %s', async (_way, options) => {
    const seen: string[] = []
    await withPage(browser, options, async (page) => {
      await page.goto(`${cluster.url}/?in=many/&after=${toName(9700)}`)
      for (;;) {
        seen.push(...(await page.locator('tbody th bdi').allInnerTexts()))
        expect(await page.getByText('the same everywhere').count()).toBeGreaterThan(50)
        const next = page.getByRole('link', { name: 'Next' })
        if ((await next.count()) === 0) break
        await next.click()
      }
    })
    const names = Array.from({ length: MANY - 9701 }, (_, i) => toName(9701 + i).replace('many/', ''))
    expect(seen).toEqual(names)
  })

  it.each([
    ['with a mouse', click],
    ['by keyboard alone', press],
  ] as const)('an audit is started, and shows its progress live, %s', async (_way, activate) => {
    const slow = createSlow({ 'a.txt': 'one', 'b.txt': 'same' })
    const other = createSlow({ 'a.txt': 'other', 'b.txt': 'same' })
    await withServed({ server1: slow.storage, server2: other.storage }, async ({ url }) => {
      await withPage(browser, {}, async (page) => {
        await page.goto(`${url}/check`)
        await activate(page, 'button', 'Start')
        await page.getByText('server1: 100 of 400 files compared; server2: 100 of 400').waitFor()
        expect(await page.getByRole('progressbar').getAttribute('value')).toBe('200')
        slow.goOn()
        other.goOn()
        await page
          .getByRole('status')
          .getByText('Done. 1 not the same everywhere. 2 files compared, 1 the same everywhere.')
          .waitFor()
        expect(await page.locator('#rows tbody tr').allInnerTexts()).toEqual([
          expect.stringMatching(/^a\.txt\s+≠ the copies differ\s+A: server1\s+B: server2$/),
        ])
        await activate(page, 'link', 'a.txt')
        await page.getByRole('heading', { name: 'Version B' }).waitFor()
      })
    })
  })

  it('an audit is stopped by a button', async () => {
    const slow = createSlow({ 'a.txt': 'one' })
    await withServed({ server1: slow.storage }, async ({ url }) => {
      await withPage(browser, {}, async (page) => {
        await page.goto(`${url}/check`)
        await click(page, 'button', 'Start')
        await page.getByText('100 of 400').waitFor()
        await click(page, 'button', 'Stop')
        await page.getByRole('status').getByText('Stopped.').waitFor()
        expect(await page.getByRole('progressbar').count()).toBe(0)
      })
      slow.goOn()
    })
  })

  it('an audit that is started twice continues, and is stopped by the button', async () => {
    const slow = createSlow({ 'a.txt': 'one' })
    await withServed({ server1: slow.storage }, async ({ url }) => {
      await withPage(browser, {}, async (page) => {
        await page.goto(`${url}/check`)
        await click(page, 'button', 'Start')
        await page.getByText('100 of 400').waitFor()
        await click(page, 'button', 'Start')
        await page.getByText('100 of 400').waitFor()
        expect(await page.getByRole('status').innerText()).toBe('The audit has begun.')
        await click(page, 'button', 'Stop')
        await page.getByRole('status').getByText('Stopped.').waitFor()
      })
      slow.goOn()
    })
  })

  it('an audit whose answer breaks off is shown as unfinished', async () => {
    await withPage(browser, {}, async (page) => {
      await page.route('**/audit?*', (route) => route.fulfill({ body: '{"progress":{"replicas":[]}}\n' }))
      await page.goto(`${cluster.url}/check`)
      await click(page, 'button', 'Check again')
      await page.getByRole('status').getByText('The audit broke off: the summary is missing').waitFor()
    })
  })

  it('without script an audit shows its results', async () => {
    const [one, other] = [
      createMemoryStorage({ 'd/a': 'one', b: 'x' }),
      createMemoryStorage({ 'd/a': 'other' }),
    ]
    await withServed({ server1: one, server2: other }, async ({ url }) => {
      await withPage(browser, { javaScriptEnabled: false }, async (page) => {
        await page.goto(`${url}/check`)
        await page.getByLabel('Folder').fill('d')
        await click(page, 'button', 'Start')
        await page.getByText('1 file compared').waitFor()
        expect(await page.locator('tbody tr').allInnerTexts()).toEqual([
          expect.stringMatching(/^a\s+≠ the copies differ/),
        ])
      })
    })
  })

  it('a coordinator with tokens accepts one as a password, and explains that to other clients', async () => {
    const isAllowed = ({ headers }: Request) => headers.get('Authorization') === `Basic ${btoa('me:secret')}`
    const storages = { server1: createMemoryStorage({ a: 'one' }) }
    await withServed(
      storages,
      async ({ url }) => {
        await withPage(browser, {}, async (page) => {
          // A browser whose password prompt is not answered shows the text of the answer.
          await page.goto(url).catch(() => {})
          expect(await (await fetch(url, { headers: { Accept: 'text/html' } })).text()).toContain(
            'enter it as the password',
          )
        })
        await withPage(browser, { httpCredentials: { username: 'me', password: 'secret' } }, async (page) => {
          await page.goto(`${url}/check`)
          await click(page, 'button', 'Start')
          await page.getByRole('status').getByText('Done.').waitFor()
        })
      },
      { isAllowed },
    )
  })
})

const OTHER = 'another content\n'

async function find(page: Page, activate: Activate, name: string): Promise<void> {
  await activate(page, 'link', 'Conflicts')
  await page.getByText('As the checks so far have found').waitFor()
  await activate(page, 'button', 'Check again')
  await page.getByText('1 in conflict').waitFor()
  expect(await page.locator('tbody tr').count()).toBe(1)
  await activate(page, 'link', name)
}

async function lookAt(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { name: 'Version A' }).waitFor()
  await page.getByRole('heading', { name: 'Version B' }).waitFor()
  expect(await page.locator('del').allInnerTexts()).toEqual([`file ${Number(/\d+/.exec(name)?.[0])}`])
  expect(await page.locator('ins').allInnerTexts()).toEqual([OTHER.trim()])
}

async function keep(page: Page, activate: Activate): Promise<void> {
  await activate(page, 'link', 'Keep this one (version B)')
  await page.getByRole('table', { name: 'What will be written' }).waitFor()
  expect(await page.locator('tbody tr').allInnerTexts()).toEqual([
    expect.stringMatching(/^server1\s+A \(\w{12}\)\s+B \(\w{12}\), 16 bytes$/),
  ])
  await activate(page, 'button', 'Yes, write this')
  await page.getByText('All replicas hold the version that you chose.').waitFor()
  expect(await page.locator('tbody tr').allInnerTexts()).toEqual([
    expect.stringMatching(/^server1\s+written$/),
  ])
}

async function readCopy({ url }: Cluster, name: string, id: string): Promise<string> {
  return await (await fetch(`${url}/files/${name}?replica=${id}`)).text()
}

/** Serves a coordinator of this process. */
async function withServed(
  storages: Readonly<Record<string, Storage>>,
  use: (served: Served) => Promise<void>,
  options: { readonly isAllowed?: (request: Request) => boolean } = {},
): Promise<void> {
  const replicas = Object.entries(storages).map(([id, storage]) => ({ id, storage }))
  const app = createCoordinator(replicas, { ...options, createHasher })
  const served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
  try {
    await use(served)
  } finally {
    await served.close()
  }
}

/** A storage that reports 100 of 400 files examined until it continues. */
function createSlow(files: Readonly<Record<string, string>>) {
  const storage = createMemoryStorage(files)
  const going = Promise.withResolvers<void>()
  const amount = (names: number) => ({ names, bytes: names })
  const survey: Storage['survey'] = async function* (asked, options) {
    let isGoing = false
    going.promise.then(() => {
      isGoing = true
    })
    while (!isGoing) {
      yield { seen: { ...NOTHING_SEEN, ...amount(100) }, of: amount(400) }
      const timer = Promise.withResolvers<void>()
      setTimeout(timer.resolve, PROGRESS_MS / 10)
      await Promise.race([timer.promise, going.promise])
    }
    yield* readSurvey(storage, asked, options)
  }
  return { storage: { ...storage, survey }, goOn: going.resolve }
}
