import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { HEARTBEAT_MS } from '../wire/limits.ts'
import { atMostEvery, withBlankLines, withHeartbeat } from './heartbeat.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

it.each(['resolves', 'rejects', 'is aborted'] as const)('a heart beats until its work %s', async (end) => {
  const beat = vi.fn()
  const abort = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const work = withHeartbeat(beat, () => promise, abort.signal)
  await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_MS)
  expect(beat).toHaveBeenCalledTimes(2)
  if (end === 'resolves') resolve('done')
  else if (end === 'rejects') reject(new Error('failed'))
  else abort.abort()
  if (end === 'resolves') expect(await work).toBe('done')
  if (end === 'rejects') await expect(work).rejects.toThrow('failed')
  await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_MS)
  expect(beat).toHaveBeenCalledTimes(2)
})

it('a throttled function ignores calls within its interval', async () => {
  const beat = vi.fn()
  const call = atMostEvery(1000, beat)
  call()
  expect(beat).not.toHaveBeenCalled()
  for (let i = 0; i < 5; i++) {
    await vi.advanceTimersByTimeAsync(500)
    call()
  }
  expect(beat).toHaveBeenCalledTimes(2)
})

it('a line of progress becomes a blank line, and others are passed on', async () => {
  const written: unknown[] = []
  type Line = { progress: number } | { name: string }
  const write = async (text: string) => void written.push(text)
  const onLine = withBlankLines<Line>(write, async (line) => void written.push(line))
  await onLine({ progress: 1 })
  await onLine({ name: 'a' })
  expect(written).toEqual(['\n', { name: 'a' }])
})
