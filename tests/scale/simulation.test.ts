import { expect, it } from 'vitest'
import { type SimulationOptions, simulate } from './simulation.ts'

/** A seed for each run of this test, so that many are tried in time; the message of a failure has it. */
const SEED = Number(process.env['VOUCH_SEED'] ?? Date.now() % 1_000_000)

async function run(options: Pick<SimulationOptions, 'names' | 'by' | 'stepNames' | 'block'>) {
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  return await simulate({ ...options, seed: SEED, rarity: 4, log }).catch((error) => {
    throw new Error(`with VOUCH_SEED=${SEED}, after ${lines.join('\n')}: ${error}`, { cause: error })
  })
}

it('a million names are audited in steps, once each, whatever is lost, doubled, restarted and down', async () => {
  const [first, foul, last] = await run({
    names: 1_000_000,
    by: 'paid spans',
    stepNames: 10_000,
    block: 4096,
  })
  expect(first).toMatchObject({ parts: 1, unverified: 0, engine: { steps: expect.any(Number), failures: 0 } })
  expect(foul?.parts).toBe(16)
  expect(foul?.unverified).toBeGreaterThan(0)
  expect(foul?.engine.failures).toBeGreaterThan(0)
  expect(last).toMatchObject({ parts: 16, unverified: 0 })
  expect(last?.differing).toBeGreaterThan(20)
})

it('so are names that are listed one by one, by the adapter of R2', async () => {
  const options = { names: 40_000, stepNames: 10_000 }
  const byNames = await run({ ...options, by: 'names', block: 512 })
  const bySpans = await run({ ...options, by: 'paid spans', block: 512 })
  expect(byNames[0]?.differing).toBe(bySpans[0]?.differing)
  expect(byNames[2]?.differing).toBe(bySpans[2]?.differing)
  // The same calls, or nearly: names cut other spans than numbers do.
  const [counted, simulated] = [byNames[0]?.calls.list ?? 0, bySpans[0]?.calls.list ?? 0]
  expect(Math.abs(counted - simulated) / counted, `${counted} and ${simulated}`).toBeLessThan(0.15)
})
