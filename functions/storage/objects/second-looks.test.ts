import { expect, it, onTestFinished, vi } from 'vitest'
import { MAX_OBJECTS_AT_ONCE, SEEN_AGAIN_MS } from '../../wire/limits.ts'
import { createSecondLooks } from './second-looks.ts'

it('requests no object from the store after it is closed', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const answered = Promise.withResolvers<void>()
  const asked: string[] = []
  const looks = createSecondLooks(async (key) => {
    asked.push(key)
    await answered.promise
  })
  for (let i = 0; i < 2 * MAX_OBJECTS_AT_ONCE; i++) looks.add(`${i}`)
  await vi.advanceTimersByTimeAsync(2 * SEEN_AGAIN_MS)
  expect(asked).toHaveLength(MAX_OBJECTS_AT_ONCE)

  looks.close()
  answered.resolve()
  await vi.advanceTimersByTimeAsync(SEEN_AGAIN_MS)

  expect(asked).toHaveLength(MAX_OBJECTS_AT_ONCE)
})
