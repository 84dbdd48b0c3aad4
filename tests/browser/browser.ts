import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

/** Whether there is a browser to try the pages in: Debian's chromium. */
export const hasBrowser = existsSync(CHROMIUM)

/** Starts the browser; hosts that end with `.test` are this machine, and no address that a browser trusts. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    // Root, as in a container, may have no sandbox of its own.
    args: ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1'],
  })
}

/** Opens a page in a context of its own, and closes both. */
export async function withPage(
  browser: Browser,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(PATIENCE_MS)
  try {
    await use(await context.newPage())
  } finally {
    await context.close()
  }
}

/** Hashing ten thousand files on every replica is slow on a busy machine. */
const PATIENCE_MS = 60_000
