import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, hasBrowser, launchBrowser, startCluster } from './browser.suite.ts'
import {
  createMany,
  HOSTILE,
  LONG,
  MANY,
  ODD,
  REVERSED,
  RIGHT_TO_LEFT,
  toName,
} from './browser-trees.suite.ts'

// The pages in a real browser, on real processes; only what the setup says is written behind their back.

if (!hasBrowser) console.warn('NOT TESTED without chromium: the pages in a browser, all of browser.test.ts')

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe.skipIf(!hasBrowser)('in a browser', () => {
  let browser: Browser
  let many: Cluster
  let odd: Cluster

  beforeAll(async () => {
    const tree = createMany()
    const started = await Promise.all([
      launchBrowser(),
      startCluster({ server1: tree, server2: tree }),
      startCluster(ODD),
    ])
    browser = started[0]
    many = started[1]
    odd = started[2]
  }, 240_000)

  afterAll(async () => {
    await browser?.close()
    await many?.stop()
    await odd?.stop()
  })

  async function withPage(options: BrowserContextOptions, use: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options)
    // What has every replica hash ten thousand files may take its time.
    context.setDefaultTimeout(30_000)
    try {
      await use(await context.newPage())
    } finally {
      await context.close()
    }
  }

  const ways = [
    ['with a mouse', {}, click, toName(7321)],
    ['by keyboard alone', {}, press, toName(42)],
    ['with script off', { javaScriptEnabled: false }, click, toName(9999)],
  ] as const

  it.each(ways)(
    `the one conflict among ${MANY} files is found, looked at and put right %s`,
    async (_way, options, activate, name) => {
      many.write('server2', name, 'another content\n')
      await withPage(options, async (page) => {
        await page.goto(many.url)
        await activate(page, 'link', 'Conflicts')
        await page.getByText('1 in conflict').waitFor()
        expect(await page.locator('tbody tr').count()).toBe(1)
        await activate(page, 'link', name)

        await page.getByRole('heading', { name: 'Version B' }).waitFor()
        expect(await page.locator('del').allInnerTexts()).toEqual([`file ${Number(/\d+/.exec(name)?.[0])}`])
        expect(await page.locator('ins').allInnerTexts()).toEqual(['another content'])
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
        await activate(page, 'link', 'more conflicts')
        await page.getByText('No conflict is here.').waitFor()
        await page.getByText(`${MANY.toLocaleString('en')} the same everywhere`).waitFor()
      })
      const copies = ['server1', 'server2'].map((id) => readCopy(many, name, id))
      expect(await Promise.all(copies)).toEqual(['another content\n', 'another content\n'])
    },
    120_000,
  )
})

type Activate = (page: Page, role: 'link' | 'button', name: string) => Promise<void>

async function click(page: Page, role: Parameters<Activate>[1], name: string): Promise<void> {
  await page.getByRole(role, { name }).last().click()
}

/** Goes from one thing to the next until the wanted one has the focus, which must be seen. */
async function press(page: Page, role: Parameters<Activate>[1], name: string): Promise<void> {
  const wanted = page.getByRole(role, { name }).last()
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press('Tab')
    if (!(await wanted.evaluate((element) => element === document.activeElement))) continue
    expect(await wanted.evaluate((element) => getComputedStyle(element).outlineStyle)).toBe('solid')
    await page.keyboard.press('Enter')
    return
  }
  throw new Error(`no press of Tab leads to ${name}`)
}

async function readCopy({ url }: Cluster, name: string, id: string): Promise<string> {
  return await (await fetch(`${url}/files/${name}?replica=${id}`)).text()
}
void [AXE, HOSTILE, LONG, REVERSED, RIGHT_TO_LEFT]
export type X = AxeResults
