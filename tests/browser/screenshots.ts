import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { serve } from '../../runtime/node/http/serve.ts'
import { openSqliteLedger, type SqliteLedger } from '../../runtime/node/ledger/sqlite-ledger.ts'
import { launchBrowser, withPage } from './browser.ts'

// Takes the pictures of the pages in docs/screenshots, of files made for them.

const DIRECTORY = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url))
const DAY = 86_400_000
const WIDE = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const

const TEXT = `Monday    ten crates of apples
Tuesday   four of pears
Wednesday none
Thursday  six of plums
`

function toImage(color: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="240" height="120"><rect width="240" height="120" fill="#eee"/><circle cx="120" cy="60" r="40" fill="${color}"/></svg>`
}

const SHARED = {
  'invoices/2025.csv': 'date,amount\n',
  'invoices/2026.csv': 'date,amount\n2026-01-02,12\n',
  'photos/2026/pier.jpg': 'a pier',
  'README.txt': 'What is what\n',
  'صور/عطلة الصيف.txt': 'الصيف\n',
}

const server1 = createMemoryStorage({
  ...SHARED,
  'orders.txt': TEXT,
  'logo.svg': toImage('#0b57b0'),
  'new.txt': 'new\n',
})
const server2 = createMemoryStorage({
  ...SHARED,
  'orders.txt': TEXT.replace('four', 'forty').replace('none\n', 'two of quinces\n'),
  'logo.svg': toImage('#a3161c'),
})
const server3 = createMemoryStorage({
  ...SHARED,
  'orders.txt': TEXT,
  'logo.svg': toImage('#0b57b0'),
  'new.txt': 'new\n',
})

const replicas = Object.entries({ server1, server2, server3 }).map(([id, storage]) => ({ id, storage }))
const scratch = await mkdtemp(join(tmpdir(), 'vouch-screenshots-'))
const ledger = openSqliteLedger(join(scratch, 'ledger.sqlite'))
await fillWithHistory(ledger)
const app = createCoordinator(replicas, { createHasher, ledger, writable: true })
const served = await serve((request) => app.fetch(request), { host: '127.0.0.1', port: 0 })
const browser = await launchBrowser()
try {
  await mkdir(DIRECTORY, { recursive: true })
  await take('tree', WIDE, (page) => page.goto(`${served.url}/`))
  await take('over-time', WIDE, async (page) => {
    await page.goto(`${served.url}/`)
    await page.getByRole('heading', { name: 'Over time' }).scrollIntoViewIfNeeded()
    await page.mouse.wheel(0, 500)
  })
  await take('compare', WIDE, async (page) => {
    await page.goto(`${served.url}/compare/orders.txt`)
    await page.mouse.wheel(0, 400)
  })
  await take('images-phone-dark', PHONE, async (page) => {
    await page.goto(`${served.url}/compare/logo.svg`)
    await page.mouse.wheel(0, 400)
  })
  await take('keep', WIDE, async (page) => {
    await page.goto(`${served.url}/compare/orders.txt`)
    await page.getByRole('link', { name: 'Keep this one (version A)' }).click()
  })
  await take('copy', WIDE, (page) => page.goto(`${served.url}/copy`))
  await take('audit', WIDE, async (page) => {
    await page.goto(`${served.url}/check`)
    await page.getByRole('button', { name: 'Check again' }).click()
    await page.getByText('Done.').waitFor()
  })
} finally {
  await browser.close()
  await served.close()
  ledger.close()
  await rm(scratch, { recursive: true })
}

/** Records checks of thirty nights, and a verification. */
async function fillWithHistory(ledger: SqliteLedger): Promise<void> {
  const past = createCoordinator(replicas, { createHasher, ledger })
  const clock = Date.now
  const now = clock()
  try {
    for (let night = 30; night > 0; night--) {
      Date.now = () => now - night * DAY
      const extra = Math.max(0, night % 9 === 0 ? 4 : 12 - night)
      for (let i = 0; i < 12; i++) {
        if (i < extra) server1.set(`photos/2026/late-${i}.jpg`, 'late')
        else server1.delete(`photos/2026/late-${i}.jpg`)
      }
      await (await past.request('/audit')).text()
    }
    await ledger.noteVerification({ began: now - 9 * DAY, after: '', ended: now - 5 * DAY })
  } finally {
    Date.now = clock
  }
}

async function take(
  name: string,
  options: BrowserContextOptions,
  show: (page: Page) => Promise<unknown>,
): Promise<void> {
  await withPage(browser, options, async (page) => {
    await show(page)
    await page.waitForLoadState('networkidle')
    await page.screenshot({ path: `${DIRECTORY}${name}.png` })
  })
  process.stdout.write(`docs/screenshots/${name}.png\n`)
}
