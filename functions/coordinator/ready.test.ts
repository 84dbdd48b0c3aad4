import { expect, it } from 'vitest'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { StorageError } from '../wire/trouble.ts'
import { type CoordinatorOptions, createCoordinator } from './coordinator.ts'

const up = createMemoryStorage()
const down: Storage = {
  ...up,
  describe: (names) => names.map(() => Promise.reject(new StorageError('unreachable', 'gone'))),
}
const silent: Storage = { ...up, describe: (names) => names.map(() => new Promise<never>(() => {})) }

async function ask(storages: Storage[], options: Partial<CoordinatorOptions> = {}) {
  const replicas = storages.map((storage, i) => ({ id: `r${i}`, storage }))
  const app = createCoordinator(replicas, { createHasher, ...options })
  const response = await app.request('/readyz')
  return [response.status, await response.json()]
}

it('a coordinator is ready when as many replicas answer as it needs', async () => {
  expect(await ask([up, down])).toEqual([200, { status: 'ready', required: 1, of: 2 }])
  expect(await ask([up, up, down], { require: 'majority' })).toEqual([
    200,
    { status: 'ready', required: 2, of: 3 },
  ])
  expect(await ask([up, up], { require: 'all' })).toEqual([200, { status: 'ready', required: 2, of: 2 }])
})

it('a coordinator is not ready when fewer answer', async () => {
  expect(await ask([up, down, down], { require: 'majority' })).toEqual([
    503,
    expect.objectContaining({ type: 'too-few-answers', detail: '1 of 3 replicas answered, 2 must' }),
  ])
  expect(await ask([up, down], { require: 'all' })).toMatchObject([503, { type: 'too-few-answers' }])
  expect(await ask([down])).toMatchObject([503, { detail: '0 of 1 replicas answered, 1 must' }])
})

it('a coordinator that is ready waits for nobody else', async () => {
  const deadlines = { silence: 86_400_000, answer: 86_400_000 }
  expect(await ask([silent, up], { deadlines })).toMatchObject([200, { status: 'ready' }])
})

it('a replica that is silent for longer than its deadline does not make a coordinator ready', async () => {
  const deadlines = { silence: 1, answer: 1000 }
  expect(await ask([silent, up], { deadlines, require: 'all' })).toMatchObject([
    503,
    { detail: '1 of 2 replicas answered, 2 must' },
  ])
})

it('readiness takes GET and HEAD', async () => {
  const app = createCoordinator([{ id: 'r', storage: up }], { createHasher })
  expect((await app.request('/readyz', { method: 'HEAD' })).status).toBe(200)
  const refused = await app.request('/readyz', { method: 'POST' })
  expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'GET, HEAD'])
})
