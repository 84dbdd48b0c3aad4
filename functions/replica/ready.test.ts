import { afterEach, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { createReplica } from './replica.ts'

const memory = createMemoryStorage()

afterEach(() => void vi.useRealTimers())

async function ask(describe: Storage['describe']) {
  const response = await createReplica({ ...memory, describe }).request('/readyz')
  return [response.status, await response.json()]
}

it('a replica is ready when its storage answers', async () => {
  expect(await ask(memory.describe)).toEqual([200, { status: 'ready' }])
})

it('a replica whose storage fails is not ready', async () => {
  const fail = () => [Promise.reject(new StorageError('unreachable', 'the directory is gone'))]
  expect(await ask(fail)).toMatchObject([502, { type: 'unreachable', detail: 'the directory is gone' }])
})

it('a replica whose storage is silent for as long as a coordinator waits is not ready', async () => {
  vi.useFakeTimers()
  const asked = ask(() => [new Promise<never>(() => {})])
  await vi.advanceTimersByTimeAsync(SILENCE_MS)
  expect(await asked).toMatchObject([502, { type: 'unreachable' }])
})
