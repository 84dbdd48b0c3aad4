import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { SILENCE_MS } from '../wire/limits.ts'
import { createCoordinator } from './coordinator.ts'
import { ACTS, CONTENTS, createActor, judge, type Received, type World, world } from './model.suite.ts'
import { createHasher } from './set-up.suite.ts'

const RUNS = Number(process.env['VOUCH_MODEL_RUNS'] ?? 5_000) / 20 // each makes five reads
const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 2 ** 31)

beforeAll(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterAll(() => void vi.useRealTimers())

/**
 * Reads each content as a version after the compared read, in the same coordinator, where one may be silent.
 */
it('the reads of versions after a compared read answer only the truth, whatever the replicas do', async () => {
  const silent = fc.constantFrom<(typeof ACTS)[number]>('is silent', 'is silent', ...ACTS)
  await fc.assert(
    fc.asyncProperty(world, silent, async ({ actors: [first, ...others], asked }, act) => {
      if (first === undefined) return
      const actors = [{ ...first, act }, ...others]
      const app = createCoordinator(
        actors.map((actor, i) => ({ id: `r${i}`, storage: createActor(actor) })),
        { createHasher, defer: setImmediate },
      )
      for (const version of [undefined, ...CONTENTS.slice(0, 3), undefined]) {
        const one: World = { actors, asked: { ...asked, replica: undefined, version } }
        expect(judge(one, await ask(app, one))).toEqual([])
      }
    }),
    { numRuns: RUNS, seed },
  )
}, 3_600_000)

/** Asks once; simulated time passes while the answer is waited for. */
async function ask(app: ReturnType<typeof createCoordinator>, { asked }: World): Promise<Received> {
  const { method, version, require, range, accept, isStrict } = asked
  const query = new URLSearchParams({ ...(version && { version: version.digest }) })
  if (require !== undefined) query.set('require', String(require))
  const headers = {
    Accept: accept,
    ...(range && { Range: `bytes=${range[0]}-${range[1]}` }),
    ...(isStrict && { Prefer: 'handling=strict' }),
  }
  let received: Received | undefined
  const receiving = read(app.request(`/files/f?${query}`, { method, headers })).then((got) => {
    received = got
  })
  while (received === undefined) {
    for (let turn = 0; turn < 20 && received === undefined; turn++) await new Promise(setImmediate)
    if (received === undefined) await vi.advanceTimersByTimeAsync(SILENCE_MS)
  }
  await receiving
  return received
}

async function read(asked: Response | Promise<Response>): Promise<Received> {
  const response = await asked
  const body = await response.bytes().catch(() => null)
  return { status: response.status, headers: response.headers, body }
}
