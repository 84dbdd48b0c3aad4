import { expect, it } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { createTestHasher as createHasher, createUnreachableStorage } from '../storage/suite/set-up.suite.ts'
import { StorageError } from '../wire/storage-error.ts'
import { type CoordinatorOptions, createCoordinator } from './coordinator.ts'
import { coordinate } from './set-up.suite.ts'

const up = createMemoryStorage()
const down = createUnreachableStorage(new StorageError('unreachable', 'gone'))
const silent: Storage = { ...up, describe: (names) => names.map(() => new Promise<never>(() => {})) }

async function ask(storages: Storage[], options: Partial<CoordinatorOptions> = {}) {
  const response = await coordinate(storages, options, (i) => `r${i}`).request('/readyz')
  return [response.status, await response.json()]
}

it('a coordinator is ready when enough replicas answer', async () => {
  expect(await ask([up, up], { require: 'all' })).toEqual([
    200,
    { status: 'ready', required: 2, of: 2, failed: [] },
  ])
})

it('a coordinator that is ready reports which replicas failed, and why', async () => {
  const error = 'destination_unavailable'
  expect(await ask([down, up])).toEqual([
    200,
    { status: 'ready', required: 1, of: 2, failed: [{ id: 'r0', error, detail: 'gone' }] },
  ])
  expect(await ask([up, up, down], { require: 'majority' })).toEqual([
    200,
    { status: 'ready', required: 2, of: 3, failed: [{ id: 'r2', error, detail: 'gone' }] },
  ])
})

it('a coordinator is not ready when too few replicas answer', async () => {
  expect(await ask([up, down, down], { require: 'majority' })).toEqual([
    503,
    expect.objectContaining({
      type: 'too-few-answers',
      detail: '1 of 3 replicas answered, but 2 must; r1 did not answer: gone; r2 did not answer: gone',
    }),
  ])
  expect(await ask([up, down], { require: 'all' })).toMatchObject([503, { type: 'too-few-answers' }])
  expect(await ask([down])).toMatchObject([
    503,
    { detail: '0 of 1 replicas answered, but 1 must; r0 did not answer: gone' },
  ])
})

it('a coordinator that is ready does not wait for a silent replica', async () => {
  const deadlines = { silence: 86_400_000, answer: 86_400_000 }
  expect(await ask([silent, up], { deadlines })).toMatchObject([200, { status: 'ready' }])
})

it('a replica that is silent for longer than its deadline does not make a coordinator ready', async () => {
  const deadlines = { silence: 1, answer: 1000 }
  expect(await ask([silent, up], { deadlines, require: 'all' })).toMatchObject([
    503,
    {
      detail:
        '1 of 2 replicas answered, but 2 must; r0 did not answer: the replica was silent for 0.001 seconds',
    },
  ])
})

it('readiness accepts GET and HEAD', async () => {
  const app = createCoordinator([{ id: 'r', storage: up }], { createHasher })
  expect((await app.request('/readyz', { method: 'HEAD' })).status).toBe(200)
  const refused = await app.request('/readyz', { method: 'POST' })
  expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'GET, HEAD'])
})
