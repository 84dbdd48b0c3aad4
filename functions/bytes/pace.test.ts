import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createPace } from './pace.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal

/** Milliseconds that `work` takes. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  const ended = work().then(() => performance.now() - start)
  await vi.runAllTimersAsync()
  return await ended
}

it('a pace lets no more bytes pass than its rate, however they are cut and whoever reads them', async () => {
  const pace = createPace(1000, never)
  expect(await time(() => pace.wait(2500))).toBe(2500)
  expect(await time(() => Promise.all([pace.wait(1500), pace.wait(500), pace.wait(0)]))).toBe(2000)
  const small = async () => {
    for (let i = 0; i < 100; i++) await pace.wait(10)
  }
  expect(await time(small)).toBe(1000)
})

it('a pace does not make up for time in which nothing was read', async () => {
  const pace = createPace(1000, never)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await time(() => pace.wait(2000))).toBe(2000)
})

it('a wait shows that it is alive, and that it makes progress', async () => {
  const pace = createPace(1, never)
  const signs: number[] = []
  await time(() => pace.wait(10, (bytes) => signs.push(bytes)))
  expect(signs).toEqual(Array.from({ length: 10 }, () => 1))
})

it('a wait ends with the reason of the signal, and leaves no timer', async () => {
  const abort = new AbortController()
  const waiting = createPace(1, abort.signal).wait(1_000_000)
  abort.abort(new Error('left'))
  await expect(waiting).rejects.toThrow('left')
  expect(vi.getTimerCount()).toBe(0)
})
