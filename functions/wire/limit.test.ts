import { expect, it, vi } from 'vitest'
import { createLimit, createTurns } from './limit.ts'
import { TURN_MS } from './limits.ts'

it('runs no more than the limit at once, the rest in the order of the calls', async () => {
  const limit = createLimit(2)
  const works = Array.from({ length: 4 }, () => Promise.withResolvers<number>())
  const begun: number[] = []
  const results = works.map(({ promise }, i) =>
    limit.run(() => {
      begun.push(i)
      return promise
    }),
  )
  expect(begun).toEqual([0, 1])
  works[1]?.resolve(1)
  expect(await results[1]).toBe(1)
  await Promise.resolve()
  expect(begun).toEqual([0, 1, 2])
  for (const [i, { resolve }] of works.entries()) resolve(i)
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3])
})

it('rejects with the error of its work, and starts the next', async () => {
  const limit = createLimit(1)
  const fail = () => {
    throw new Error('it failed')
  }
  await expect(limit.run(fail)).rejects.toThrow('it failed')
  await expect(limit.run(async () => fail())).rejects.toThrow('it failed')
  expect(await limit.run(() => 'done')).toBe('done')
})

it('lets other work run once a turn is over, and begins another', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] })
  try {
    const turns = createTurns()
    expect(turns()).toBeUndefined()
    vi.advanceTimersByTime(TURN_MS - 1)
    expect(turns()).toBeUndefined()
    vi.advanceTimersByTime(1)
    const turn = turns()
    vi.runAllTimers()
    expect(await turn).toBeUndefined()
    expect([turn instanceof Promise, turns()]).toEqual([true, undefined])
  } finally {
    vi.useRealTimers()
  }
})
