import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { serve } from '../../runtime/node/http/serve.ts'
import { type Cluster, click, runAxe, startCluster } from './browser.suite.ts'
import { hasBrowser, launchBrowser, withPage } from './browser.ts'
import { ODD } from './browser-trees.suite.ts'

// Pages of other sites in a real browser.

if (!hasBrowser) console.warn('NOT TESTED without chromium: what other sites can do to the pages')

describe.skipIf(!hasBrowser)('among pages of other sites, a coordinator', () => {
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

  it('refuses to show its pages or files in a frame', async () => {
    const paths = ['/check', '/files/notes/same.txt', '/files/notes/text.txt']
    const elsewhere = await servePage(
      paths.map((path) => `<iframe src="${cluster.url}${path}"></iframe>`).join(''),
    )
    try {
      await withPage(browser, {}, async (page) => {
        await page.goto(elsewhere.url)
        // The page may be loaded before the browser has refused all of them.
        const toFrames = () => page.frames().flatMap((frame) => (frame.parentFrame() ? [frame.url()] : []))
        await expect
          .poll(toFrames, { timeout: 20_000 })
          .toEqual(paths.map(() => 'chrome-error://chromewebdata/'))
      })
    } finally {
      elsewhere.close()
    }
  })

  // A browser sends `Sec-Fetch-Site` only to addresses that it trusts; to others, `Origin` alone.
  it.each(['127.0.0.1', 'vouch.test'])(
    'keeps a version at %s when a user of its page chose it, and never for pages of other sites',
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

  it('starts no audit for a link on another site before the user confirms it', async () => {
    await withPage(browser, {}, async (page) => {
      const elsewhere = await serveForm(`${cluster.url}/check`, '', 'get')
      try {
        await page.goto(elsewhere.url)
        await click(page, 'button', 'Win a prize')
        await page.getByRole('heading', { name: 'Asked by another site' }).waitFor()
        expect(await runAxe(page)).toEqual([])
        await click(page, 'link', 'Continue')
        await page.getByText('files compared').waitFor()
      } finally {
        elsewhere.close()
      }
    })
  })
})

/** A page on another host with a form that sends a choice to `action`. The caller closes it. */
function serveForm(action: string, choice: string, method = 'post') {
  const value = choice.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  const html = `<form method="${method}" action="${action}"><input name="choice" value="${value}"><input name="run" value="yes"><button>Win a prize</button></form>`
  return servePage(html)
}

/** A page on another host. The caller closes it. */
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
