import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { SILENCE_MS } from '../wire/limits.ts'
import { createCoordinator } from './coordinator.ts'
import { createActor, isSlow, judge, type Received, type World, world } from './model.suite.ts'
import { createHasher } from './set-up.suite.ts'

const RUNS = Number(process.env['VOUCH_MODEL_RUNS'] ?? 5_000)
const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 2 ** 31)
const outcomes = new Map<string, number>()
const MAX_DEADLINES = 40

beforeAll(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterAll(() => {
  vi.useRealTimers()
  const counts = [...outcomes].sort().map(([outcome, count]) => `${outcome}: ${count}`)
  console.log(`model: ${RUNS} cases, seed ${seed}; ${counts.join(', ')}`)
})

it('a coordinator answers only the truth, whatever its replicas do', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (world) => {
      const received = await ask(world)
      expect(judge(world, received)).toEqual([])
      const agreement = received.headers.get('Replica-Agreement')?.split(';')[0] ?? 'a copy'
      const outcome = `${received.status} ${agreement}${received.body === null ? ' broken off' : ''}`
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }),
    { numRuns: RUNS, seed },
  )
}, 3_600_000)

/** Asks once; simulated time passes while a replica is waited for. */
async function ask(world: World): Promise<Received> {
  const { actors, asked } = world
  const app = createCoordinator(
    actors.map((actor, i) => ({ id: `r${i}`, storage: createActor(actor) })),
    { createHasher, defer: setImmediate },
  )
  let received: Received | undefined
  const telling = read(app.request(toPath(asked), { method: asked.method, headers: toHeaders(asked) })).then(
    (got) => {
      received = got
    },
  )
  for (let i = 0; received === undefined && isSlow(world); i++) {
    expect(i).toBeLessThan(MAX_DEADLINES)
    await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(SILENCE_MS)
  }
  await telling
  if (received === undefined) throw new Error('nothing was received')
  return received
}

async function read(asked: Response | Promise<Response>): Promise<Received> {
  const response = await asked
  const body = await response.bytes().catch(() => null)
  return { status: response.status, headers: response.headers, body }
}

function toPath({ require, version, replica }: World['asked']): string {
  const query = new URLSearchParams()
  if (require !== undefined) query.set('require', String(require))
  if (version !== undefined) query.set('version', version.digest)
  if (replica !== undefined) query.set('replica', `r${replica}`)
  return `/files/f?${query}`
}

function toHeaders({ accept, range, isStrict }: World['asked']): Record<string, string> {
  return {
    Accept: accept,
    ...(range && { Range: `bytes=${range[0]}-${range[1]}` }),
    ...(isStrict && { Prefer: 'handling=strict' }),
  }
}
