import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { openStage, type Stage } from '../clients/stage.suite.ts'
import { hasBrowser, launchBrowser, withPage } from './browser.ts'
import { createVideo, DURATION } from './video.suite.ts'

// A large video in a real browser, which asks for it by ranges.

if (!hasBrowser) console.warn('NOT TESTED without chromium: whether a video plays, and ends when it changes')

const NAME = 'films/video.webm'

describe.skipIf(!hasBrowser)('a video in a browser', () => {
  let browser: Browser
  let stage: Stage
  const videos: Record<'red' | 'blue', Uint8Array> = { red: new Uint8Array(), blue: new Uint8Array() }

  beforeAll(async () => {
    browser = await launchBrowser()
    videos.red = createVideo('red')
    videos.blue = createVideo('blue')
  })

  beforeEach(async () => {
    stage = await openStage()
    onTestFinished(stage.close)
  })

  afterAll(async () => {
    // This process goes on with other files.
    videos.red = videos.blue = new Uint8Array()
    await browser?.close()
  })

  it.each(['files', 'pinned'])(
    'of 200 MB plays and seeks at /%s/ after a replica has stopped',
    async (route) => {
      stage.write(NAME, videos.red)
      await withPage(browser, {}, async (page) => {
        const parts = listenForParts(page)
        await open(page, `${stage.url}/${route}/${NAME}`)
        await expect.poll(() => look(page)).toMatchObject({ duration: DURATION, colour: 'red' })
        await stage.stopReplica()
        await play(page, 0)
        await expect.poll(async () => (await look(page)).time).toBeGreaterThan(0)
        await play(page, LATE)
        await expect.poll(async () => (await look(page)).time).toBeGreaterThan(LATE)
        expect(await look(page)).toMatchObject({ colour: 'red', error: null })
        await expect.poll(() => parts.at(-1)).toMatch(/^206 bytes 1[789]\d{7}-/)
      })
    },
  )

  it.each([
    ['opened', 'nobody has the old content', open, 404],
    ['in a page of the same site', 'a replica has stopped', embed, 503],
  ] as const)(
    '%s by its pinned address, ends in an error when the copies change and %s',
    async (_way, state, show, status) => {
      stage.write(NAME, videos.red)
      await withPage(browser, {}, async (page) => {
        const parts = listenForParts(page)
        await show(page, `${stage.url}/pinned/${NAME}`)
        await play(page, 0)
        await expect.poll(() => look(page)).toMatchObject({ colour: 'red', error: null })
        if (state === 'a replica has stopped') await stage.stopReplica()
        stage.write(NAME, videos.blue)
        await play(page, LATE)
        const colours = new Set<string | null>()
        const lookOn = async () => {
          const { colour, error } = await look(page)
          colours.add(colour)
          return error
        }
        await expect.poll(lookOn).toMatch(/error/i)
        expect([...colours]).not.toContain('blue')
        await expect.poll(() => parts.at(-1)).toMatch(new RegExp(`^${status} `))
      })
    },
  )

  it('that is a page is given to the player, and runs nothing', async () => {
    stage.write(NAME, Buffer.from('<!doctype html><script>globalThis.harmed = 1</script><h1>A page</h1>'))
    await withPage(browser, {}, async (page) => {
      await open(page, `${stage.url}/files/${NAME}`)
      expect(await page.locator('video').count()).toBe(1)
      expect(await page.locator('h1').count()).toBe(0)
      expect(await page.evaluate('globalThis.harmed')).toBe(undefined)
    })
  })
})

/** Seconds: near the end. */
const LATE = 90

/** Opens the video in the player that the browser has for one. */
async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
}

/** Opens a page in which the video is. A proxy before the coordinator could serve it. */
async function embed(page: Page, url: string): Promise<void> {
  const pageUrl = new URL('/watch', url).href
  const body = `<video src="${url}"></video>`
  await page.route(pageUrl, (route) => route.fulfill({ contentType: 'text/html', body }))
  await page.goto(pageUrl)
}

/** The status and the range of each answer about the video that comes from now on. */
function listenForParts(page: Page): string[] {
  const parts: string[] = []
  page.on('response', (response) => {
    if (!response.url().includes(NAME)) return
    parts.push(`${response.status()} ${response.headers()['content-range']}`)
  })
  return parts
}

/** Plays from that second. As text, since the types of a browser are not available here. */
async function play(page: Page, second: number): Promise<void> {
  await page.evaluate(`(() => {
    const video = document.querySelector('video')
    video.muted = true
    video.currentTime = ${second}
    // Rejects when there is nothing to play.
    video.play().catch(() => {})
  })()`)
}

interface Look {
  /** Seconds. */
  readonly time: number
  /** Seconds, NaN when it is not known. */
  readonly duration: number
  /** Of the frame that is shown, null without one. */
  readonly colour: 'red' | 'blue' | null
  readonly error: string | null
}

/** What the page shows. */
async function look(page: Page): Promise<Look> {
  // An object of these members.
  return (await page.evaluate(`(() => {
    const video = document.querySelector('video')
    const canvas = document.createElement('canvas').getContext('2d')
    canvas.drawImage(video, 0, 0)
    const toColour = ([red, , blue]) => (red > blue ? 'red' : 'blue')
    const colour = video.readyState < 2 ? null : toColour(canvas.getImageData(0, 0, 1, 1).data)
    const { currentTime: time, duration, error } = video
    return { time, duration, colour, error: error && error.message }
  })()`)) as Look
}
