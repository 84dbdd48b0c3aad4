import { expect, it } from 'vitest'
import { createMemo, createShared } from './rclone-shared.ts'

it('calls share a run that begins after them, and an aborted one leaves it to the others', async () => {
  const runs: PromiseWithResolvers<number>[] = []
  const call = createShared(() => {
    const run = Promise.withResolvers<number>()
    runs.push(run)
    return run.promise
  })
  const abort = new AbortController()
  const first = [call(undefined), call(abort.signal)]
  await Promise.resolve()
  const second = [call(undefined), call(undefined)]
  abort.abort(new Error('left'))
  await expect(first[1]).rejects.toThrow('left')
  expect(runs).toHaveLength(1)
  runs[0]?.reject(new Error('failed'))
  await expect(first[0]).rejects.toThrow('failed')
  await expect.poll(() => runs.length).toBe(2)
  runs[1]?.resolve(2)
  expect(await Promise.all(second)).toEqual([2, 2])
})

it('what failed is tried again, and what succeeded is not', async () => {
  let tries = 0
  const get = createMemo(async () => {
    tries++
    if (tries === 1) throw new Error('failed')
    return tries
  })
  await expect(get(undefined)).rejects.toThrow('failed')
  await expect(get(AbortSignal.abort(new Error('left')))).rejects.toThrow('left')
  expect([await get(undefined), await get(undefined)]).toEqual([2, 2])
})
