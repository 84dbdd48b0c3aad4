import { expect, it } from 'vitest'
import { createLimit } from './limit.ts'

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
