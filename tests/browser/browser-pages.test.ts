import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toNamedPath } from '../../functions/wire/fields/routes.ts'
import { type Cluster, click, runAxe, startCluster } from './browser.suite.ts'
import { hasBrowser, launchBrowser, withPage } from './browser.ts'
import { HARMFUL, HOSTILE, LONG, ODD, REVERSED, RIGHT_TO_LEFT } from './browser-trees.suite.ts'

// Every page in a real browser: for screen readers, on a phone, and with hostile names and contents.

if (!hasBrowser) console.warn('NOT TESTED without chromium: how the pages are read, and what they withstand')

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
  '/copy',
  '/compare/nobody-has-it.txt',
  ...[...FILES, 'photos/binary.bin'].map((name) => toNamedPath('/compare/', name)),
  ...[HOSTILE, LONG, 'notes/only-here.txt'].map((name) => toNamedPath('/keep/', name)),
  toNamedPath('/restore/', HOSTILE),
  ...[HOSTILE, LONG].map((name) => toNamedPath('/files/', name)),
]

describe.skipIf(!hasBrowser)('every page in a browser', () => {
  let browser: Browser
  let cluster: Cluster

  beforeAll(async () => {
    browser = await launchBrowser()
    cluster = await startCluster(ODD)
    for (let i = 0; i < 2; i++) await (await fetch(`${cluster.url}/audit`)).text()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await cluster?.stop()
  })

  /** Opens one of the pages; those of a choice by the first choice. */
  async function open(page: Page, path: string): Promise<void> {
    if (!path.startsWith('/keep/')) return void (await page.goto(cluster.url + path))
    await page.goto(cluster.url + path.replace('/keep/', '/compare/'))
    await page
      .getByRole('link', { name: /Keep this one|Copy to/ })
      .first()
      .click()
    await page.getByRole('button', { name: 'Yes, write this' }).waitFor()
  }

  it('has no serious findings of axe, light or dark', async () => {
    const found: string[] = []
    await withPage(browser, { colorScheme: 'light' }, async (page) => {
      for (const path of PAGES) {
        await open(page, path)
        const light = await runAxe(page)
        await page.emulateMedia({ colorScheme: 'dark' })
        // Nothing but colours is another in the dark.
        const dark = await runAxe(page, { runOnly: ['color-contrast', 'link-in-text-block'] })
        await page.emulateMedia({ colorScheme: 'light' })
        found.push(...[...light, ...dark].map((what) => `${path}: ${what}`))
      }
    })
    expect(found).toEqual([])
  }, 240_000)

  it('needs no horizontal scrolling when it is 360 or 320 pixels wide', async () => {
    const wide: string[] = []
    await withPage(browser, {}, async (page) => {
      for (const path of PAGES) {
        await page.setViewportSize({ width: 360, height: 640 })
        await open(page, path)
        for (const width of [360, 320]) {
          await page.setViewportSize({ width, height: 640 })
          const needed = await page.evaluate<number>('document.documentElement.scrollWidth')
          if (needed > width) wide.push(`${path}: ${needed} of ${width}`)
        }
      }
    })
    expect(wide).toEqual([])
  }, 240_000)

  it('shows names unchanged, in their own direction, and makes characters visible that would reverse the text', async () => {
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

  it('runs no script of a hostile name or content, requests nothing from other hosts, and shows its images', async () => {
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
      await click(page, 'button', 'Check again')
      await page.getByRole('status').getByText('Done.').waitFor()
      expect(await page.locator('#known').isHidden()).toBe(true)
      expect(await page.locator('#rows bdi').allInnerTexts()).toContain(HOSTILE)
      if ((await page.evaluate('globalThis.harmed')) !== undefined) harm.push('script in a live audit')
      await click(page, 'link', HOSTILE)
      await page.waitForLoadState('networkidle')
      expect(await getImageWidths(page)).toEqual([60, 60])
    })
    expect(harm).toEqual([])
  })

  it('opens a hostile image by itself, and runs no script of it', async () => {
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

  it('opens a harmful file by itself, as a copy too, and runs nothing of it', async () => {
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

  it('downloads any version, with any name', async () => {
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

  it('downloads a version from the page of a file in conflict', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${cluster.url}/files/photos/binary.bin`)
      const downloading = page.waitForEvent('download')
      await page.locator('tbody code').last().click()
      expect([...readFileSync(await (await downloading).path())]).toEqual([1, 2, 3, 0, 254, 7, 9])
    })
  })

  it('runs no file of the server as its own script or style sheet', async () => {
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
})

async function getImageWidths(page: Page): Promise<number[]> {
  return await page.evaluate("[...document.querySelectorAll('main img')].map((img) => img.naturalWidth)")
}
