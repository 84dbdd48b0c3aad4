import { expect, it } from 'vitest'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Billing, Storage } from '../storage/storage.ts'
import { parseJson } from '../wire/json/parse.ts'
import { type Estimate, estimateLine } from '../wire/schemas/estimate.ts'
import { coordinate } from './set-up.suite.ts'

const CALLS = { list: 1, head: 0, get: 0, put: 0, bytes: 0 }

/** A store that charges for its calls. */
function charging(estimate: Billing['estimate']): Storage {
  return { ...createMemoryStorage({ a: 'one' }), billing: { prices: 's3', calls: () => CALLS, estimate } }
}

async function ask(storages: readonly Storage[]): Promise<Estimate['replicas']> {
  const deadlines = { silence: 30, answer: 60_000 }
  const response = await coordinate(storages, { deadlines }).request('/estimate')
  const lines = (await response.text()).split('\n')
  const line = parseJson(estimateLine, lines.at(-2) ?? '')
  if (!line.success || !('estimate' in line.output)) throw new Error(`no estimate: ${lines}`)
  return line.output.estimate.replicas
}

it('is made without a store that does not answer, which is asked no more', async () => {
  let asked: AbortSignal | undefined
  const silent = charging(({ signal }) => {
    asked = signal
    return new Promise(() => {})
  })
  const replicas = await ask([silent, charging(async () => ({ names: 1, bytes: 3, calls: CALLS }))])
  expect(replicas).toMatchObject([{ state: 'error', error: 'http_response_timeout' }, { names: 1 }])
  expect(asked?.aborted).toBe(true)
})
