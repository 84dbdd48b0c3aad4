import { expect, test } from 'vitest'
import { formatSize } from '../../../functions/wire/text.ts'
import { createCollector } from '../stage.suite.ts'
import { createProgress, createProgressOfMany } from './progress.ts'

const CLEARED = '\r\x1b[K'

function createBar({ isTTY = true, columns = 80, start = 0 } = {}) {
  const clock = { ms: 0 }
  const talk = Object.assign(createCollector(), { isTTY, columns })
  return { clock, talk, bar: createProgress(talk, { total: 4096, start, now: () => clock.ms }) }
}

test('nothing is drawn in the first second, nor cleared after it', () => {
  const { clock, talk, bar } = createBar()
  clock.ms = 1000
  bar.update(2048)
  bar.clear()
  expect(talk.text()).toBe('')
})

test('after a second it shows part, bytes, rate and time left, and clears them at the end', () => {
  const { clock, talk, bar } = createBar({ start: 1024 })
  clock.ms = 2000
  bar.update(3072)
  bar.clear()
  expect(talk.text()).toBe(
    `\r[###############.....]  75%  3.0 KiB of 4.0 KiB  1.0 KiB/s  00:01 left\x1b[K${CLEARED}`,
  )
})

test('progress is drawn ten times a second at most', () => {
  const { clock, talk, bar } = createBar()
  for (clock.ms = 2000; clock.ms < 3000; clock.ms += 10) bar.update(1)
  expect(talk.text().split('\r')).toHaveLength(11)
})

test('progress is never as wide as the terminal', () => {
  const { clock, talk, bar } = createBar({ columns: 30 })
  clock.ms = 2000
  bar.update(2048)
  expect(talk.text()).toHaveLength(1 + 29 + 3)
})

test('without a terminal nothing is drawn', () => {
  const { clock, talk, bar } = createBar({ isTTY: false })
  clock.ms = 2000
  bar.update(2048)
  bar.clear()
  expect(talk.text()).toBe('')
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [5 * 2 ** 30, '5.0 GiB'],
])('%i bytes are formatted as %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
})

function createBarOfMany(bytes: number | null) {
  const clock = { ms: 0 }
  const talk = Object.assign(createCollector(), { isTTY: true, columns: 80 })
  return { clock, talk, bar: createProgressOfMany(talk, { files: 4, bytes }, () => clock.ms) }
}

test('the bar of many files adds them up, by bytes when their sizes are known, else by files', () => {
  for (const [bytes, drawn] of [
    [8192, '[############........]  62%  2 of 4 files  5.0 KiB  1.5 KiB/s  00:02 left'],
    [null, '[##########..........]  50%  2 of 4 files  5.0 KiB  1.5 KiB/s  00:02 left'],
  ] as const) {
    const { clock, talk, bar } = createBarOfMany(bytes)
    bar.start({ total: 2048, start: 1024 }).update(2048)
    bar.start({ total: 4096, start: 0 }).update(2048)
    bar.end(1024)
    clock.ms = 2000
    bar.end()
    bar.clear()
    expect(talk.text()).toBe(`\r${drawn}\x1b[K${CLEARED}`)
  }
})
