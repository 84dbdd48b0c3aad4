import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/**
 * Debian's chromium-headless-shell takes half the processor time of the same version of chromium, if that is
 * headless.
 */
const CHROMIUM = ['/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chromium'].find((path) =>
  existsSync(path),
)

/** Whether there is a browser to try the pages in: Debian's chromium. */
export const hasBrowser = CHROMIUM !== undefined

/** Starts the browser; hosts that end with `.test` are this machine, and no address that a browser trusts. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    ...(CHROMIUM !== undefined && { executablePath: CHROMIUM }),
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
