import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCoordinator } from '../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../functions/storage/memory.ts'
import { toNamedPath } from '../functions/wire/routes.ts'
import { createHasher } from '../runtime/node/hasher.ts'
import { serve } from '../runtime/node/serve.ts'
import { type Cluster, click, startCluster } from './browser.suite.ts'
import { hasBrowser, launchBrowser, withPage } from './browser.ts'
import { HARMFUL, HOSTILE, LONG, ODD, REVERSED, RIGHT_TO_LEFT } from './browser-trees.suite.ts'

// Every page in a real browser: for those who do not see, on a phone, and with names and contents that mean harm.

if (!hasBrowser) console.warn('NOT TESTED without chromium: how the pages are read, and what they withstand')

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const FILES = [
  HOSTILE,
  LONG,
  REVERSED,
  RIGHT_TO_LEFT,
  'notes/text.txt',
  'notes/same.txt',
  'notes/only-here.txt',
]

/** Every kind of page. */
const PAGES = [
  '/',
  '/?in=notes/',
  `/?in=${encodeURIComponent('صور العائلة/')}`,
  '/?in=nowhere/',
  '/?in=no-folder',
  '/?show=conflicts',
  '/?show=gaps',
  '/check',
  '/check?run=yes',
  '/compare/nobody-has-it.txt',
  ...[...FILES, 'photos/binary.bin'].map((name) => toNamedPath('/compare/', name)),
  ...[HOSTILE, LONG, 'notes/only-here.txt'].map((name) => toNamedPath('/keep/', name)),
  ...[HOSTILE, LONG].map((name) => toNamedPath('/files/', name)),
]

describe.skipIf(!hasBrowser)('every page in a browser', () => {
  let browser: Browser
  let cluster: Cluster

  beforeAll(async () => {
    browser = await launchBrowser()
    cluster = await startCluster(ODD)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await cluster?.stop()
  })

  /** Opens one of the pages; those of a choice by the first that there is. */
  async function open(page: Page, path: string): Promise<void> {
    if (!path.startsWith('/keep/')) return void (await page.goto(cluster.url + path))
    await page.goto(cluster.url + path.replace('/keep/', '/compare/'))
    await page.getByRole('link', { name: 'Keep this one' }).first().click()
    await page.getByRole('button', { name: 'Yes, write this' }).waitFor()
  }

  it.each(['light', 'dark'] as const)(
    'has nothing that axe finds serious, when it is %s',
    async (colorScheme) => {
      const found: string[] = []
      await withPage(browser, { colorScheme }, async (page) => {
        for (const path of PAGES) {
          await open(page, path)
          found.push(...(await runAxe(page)).map((what) => `${path}: ${what}`))
        }
      })
      expect(found).toEqual([])
    },
    240_000,
  )

  it.each([360, 320])(
    'needs no scrolling to the side where it is %i pixels wide',
    async (width) => {
      const wide: string[] = []
      await withPage(browser, { viewport: { width, height: 640 } }, async (page) => {
        for (const path of PAGES) {
          await open(page, path)
          const needed = await page.evaluate<number>('document.documentElement.scrollWidth')
          if (needed > width) wide.push(`${path}: ${needed}`)
        }
      })
      expect(wide).toEqual([])
    },
    120_000,
  )

  it('shows names as they are, in their own direction, and makes visible what would turn the text around', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(cluster.url)
      const names = await page.locator('tbody th bdi').allInnerTexts()
      expect(names).toContain(HOSTILE)
      expect(names).toContain(LONG)
      expect(names).toContain('harmless-\\u{202e}exe.pdf')
      await page.goto(cluster.url + toNamedPath('/compare/', RIGHT_TO_LEFT))
      const name = page.locator('h1 bdi')
      expect(await name.innerText()).toBe(RIGHT_TO_LEFT)
      expect(await name.evaluate((element) => element.matches(':dir(rtl)'))).toBe(true)
      expect(
        await page
          .locator('del')
          .first()
          .evaluate((element) => element.matches(':dir(rtl)')),
      ).toBe(true)
    })
  })

  it('runs nothing of a hostile name or content, asks nobody else, and shows its images', async () => {
    const harm: string[] = []
    await withPage(browser, {}, async (page) => {
      page.on('dialog', async (dialog) => {
        harm.push(`dialog ${dialog.message()}`)
        await dialog.dismiss()
      })
      page.on('pageerror', (error) => harm.push(`error ${error.message}`))
      page.context().on('request', (request) => {
        if (new URL(request.url()).origin !== cluster.url) harm.push(`request ${request.url()}`)
      })
      for (const path of PAGES) {
        await open(page, path)
        if ((await page.evaluate('globalThis.harmed')) !== undefined) harm.push(`script on ${path}`)
        const foreign = await page
          .locator('main img, script, iframe, object, embed, style, [onerror], [onload]')
          .evaluateAll((all) => all.map((element) => element.getAttribute('src') ?? element.outerHTML))
        harm.push(...foreign.filter((src) => src !== '/assets/page.js' && !src.startsWith('/files/')))
      }
      await page.goto(`${cluster.url}/check`)
      await click(page, 'button', 'Start')
      await page.getByRole('status').getByText('Done.').waitFor()
      expect(await page.locator('#rows bdi').allInnerTexts()).toContain(HOSTILE)
      if ((await page.evaluate('globalThis.harmed')) !== undefined) harm.push('script in a live audit')
      await click(page, 'link', HOSTILE)
      await page.waitForLoadState('networkidle')
      expect(await getImageWidths(page)).toEqual([60, 60])
    })
    expect(harm).toEqual([])
  })

  it('opens a hostile image by itself, and runs nothing of it', async () => {
    const harm: string[] = []
    await withPage(browser, {}, async (page) => {
      page.on('dialog', async (dialog) => {
        harm.push(dialog.message())
        await dialog.dismiss()
      })
      await page.goto(cluster.url + toNamedPath('/compare/', HOSTILE))
      const source = await page.locator('main img').first().getAttribute('src')
      await page.goto(`${cluster.url}${source}`)
      await page.waitForLoadState('networkidle')
      expect(await page.locator('rect').count()).toBe(1)
      expect(await page.evaluate('globalThis.harmed')).toBe(undefined)
    })
    expect(harm).toEqual([])
  })

  it('opens a file that would do harm by itself, as a copy too, and does nothing of it', async () => {
    const harm: string[] = []
    await withPage(browser, {}, async (page) => {
      page.on('dialog', async (dialog) => {
        harm.push(dialog.message())
        await dialog.dismiss()
      })
      page.on('requestfailed', (request) => {
        const isRefused = request.failure()?.errorText === 'csp' || request.url().startsWith(cluster.url)
        if (!isRefused) harm.push(`request ${request.url()}`)
      })
      page.on('requestfinished', (request) => {
        if (!request.isNavigationRequest()) harm.push(`answer ${request.url()}`)
      })
      for (const path of HARMFUL.flatMap((name) => [`/files/${name}`, `/files/${name}?replica=server1`])) {
        await page.goto(cluster.url + path)
        await page.waitForLoadState('networkidle')
        const button = page.getByRole('button', { name: 'Win a prize' })
        if ((await button.count()) > 0) await button.click()
        expect(page.url()).toBe(cluster.url + path)
        expect([path, await page.evaluate('globalThis.harmed')]).toEqual([path, undefined])
      }
    })
    expect(harm).toEqual([])
  })

  it('downloads any version, whatever it is called', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${cluster.url}/compare/photos/binary.bin`)
      const downloading = page.waitForEvent('download')
      await click(page, 'link', 'Download (version B)')
      const download = await downloading
      expect(download.suggestedFilename()).toBe('B-binary.bin')
      expect([...readFileSync(await download.path())]).toEqual([1, 2, 3, 0, 254, 7, 9])
      expect(await page.locator('.hex').allInnerTexts()).toEqual(['ff 07', '··', 'fe 07 09', '···'])
    })
  })

  it('downloads a version from the page that stands in the place of a file in conflict', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${cluster.url}/files/photos/binary.bin`)
      const downloading = page.waitForEvent('download')
      await page.locator('tbody code').last().click()
      expect([...readFileSync(await (await downloading).path())]).toEqual([1, 2, 3, 0, 254, 7, 9])
    })
  })

  it('runs no file of the server as its own script, and takes none for how it looks', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${cluster.url}/check`)
      for (const markup of [
        '<script src="/files/harm.js"></script>',
        '<link rel="stylesheet" href="/files/harm.css">',
      ]) {
        const refused = page.waitForEvent('console', (message) => message.text().includes('Security Policy'))
        await page.evaluate(
          `document.body.append(document.createRange().createContextualFragment('${markup}'))`,
        )
        await refused
      }
      expect(await page.evaluate('globalThis.harmed')).toBe(undefined)
    })
  })

  it('is shown in no frame, and neither is a file', async () => {
    const paths = ['/check', '/files/notes/same.txt', '/files/notes/text.txt']
    const elsewhere = await servePage(
      paths.map((path) => `<iframe src="${cluster.url}${path}"></iframe>`).join(''),
    )
    try {
      await withPage(browser, {}, async (page) => {
        await page.goto(elsewhere.url)
        const [, ...frames] = page.frames().map((frame) => frame.url())
        expect(frames).toEqual(paths.map(() => 'chrome-error://chromewebdata/'))
      })
    } finally {
      elsewhere.close()
    }
  })

  // A browser tells `Sec-Fetch-Site` only to addresses that it trusts; to others, `Origin` alone.
  it.each(['127.0.0.1', 'vouch.test'])(
    'keeps a version at %s for who chose it there, and for no page elsewhere',
    async (host) => {
      const replicas = ['one', 'other'].map((f) => ({ id: f, storage: createMemoryStorage({ f }) }))
      const app = createCoordinator(replicas, { createHasher, writable: true })
      const served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
      const url = served.url.replace('127.0.0.1', host)
      await withPage(browser, {}, async (page) => {
        await page.goto(`${url}/compare/f`)
        await click(page, 'link', 'Keep this one (version A)')
        const choice = (await page.locator('input[name=choice]').getAttribute('value')) ?? ''
        const elsewhere = await serveForm(`${url}/keep/f`, choice)
        try {
          const other = await page.context().newPage()
          await other.goto(elsewhere.url)
          const refused = other.waitForResponse((response) => response.url() === `${url}/keep/f`)
          await click(other, 'button', 'Win a prize')
          expect((await refused).status()).toBe(403)
        } finally {
          elsewhere.close()
        }
        await click(page, 'button', 'Yes, write this')
        await page.getByText('All replicas hold the version that you chose.').waitFor()
      }).finally(served.close)
    },
  )

  it('starts no audit for a link on another site before somebody says so', async () => {
    await withPage(browser, {}, async (page) => {
      const elsewhere = await serveForm(`${cluster.url}/check`, '', 'get')
      try {
        await page.goto(elsewhere.url)
        await click(page, 'button', 'Win a prize')
        await page.getByRole('heading', { name: 'Asked by another site' }).waitFor()
        expect(await runAxe(page)).toEqual([])
        await click(page, 'link', 'Go on')
        await page.getByText('files compared').waitFor()
      } finally {
        elsewhere.close()
      }
    })
  })
})

/** What axe finds that keeps people out: the rule, and where. */
async function runAxe(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  // The script put `axe` there.
  const results = (await page.evaluate('axe.run()')) as AxeResults
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id} ${html}`))
}

async function getImageWidths(page: Page): Promise<number[]> {
  return await page.evaluate("[...document.querySelectorAll('main img')].map((img) => img.naturalWidth)")
}

/** A page on another host with a form that sends a choice to `action`. Who starts it closes it. */
function serveForm(action: string, choice: string, method = 'post') {
  const value = choice.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  const html = `<form method="${method}" action="${action}"><input name="choice" value="${value}"><input name="run" value="yes"><button>Win a prize</button></form>`
  return servePage(html)
}

/** A page on another host. Who starts it closes it. */
async function servePage(html: string) {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `http://elsewhere.test:${port}/`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
