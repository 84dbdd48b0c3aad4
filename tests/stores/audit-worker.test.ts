import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { compareNames } from '../../functions/storage/names.ts'
import { createRandom } from '../../functions/wire/random.suite.ts'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { type AuditWorld, openAuditWorld, readDifferences, toObjectName } from './audit-worker.suite.ts'

/** The objects in each bucket; 200,000 take some minutes. */
const COUNT = Number(process.env['VOUCH_AUDIT_NAMES'] ?? 5000)
/** How often the process is killed. */
const KILLS = 5
const SEED = Number(process.env['VOUCH_AUDIT_SEED'] ?? randomInt(2 ** 31))
const DAY = 86_400_000
const MONDAY = Date.UTC(2026, 10, 2)

const share = createRandom(SEED)
/** From 0 to below `n`. */
const random = (n: number) => Math.floor(share() * n)
const differing = new Set<number>()
while (differing.size < 15) differing.add(3 * random(Math.floor(COUNT / 3)) + (differing.size % 3))
const NAMES = [...differing].map(toObjectName).sort(compareNames)

describe(`an audit Worker over two buckets of ${COUNT} objects, seed ${SEED}`, { timeout: 3_600_000 }, () => {
  const directory = createTemporaryDirectory()
  let world: AuditWorld
  /** How long a whole run takes. */
  let runMs = 0
  beforeAll(async () => {
    // What the platform gives; on a large machine V8 would not collect what is let go.
    vi.stubEnv('MINIFLARE_WORKERD_V8_FLAGS', '--max-heap-size=128')
    world = await openAuditWorld(directory.path, COUNT, differing)
    await world.start()
  })
  afterAll(async () => {
    await world.close()
    directory.remove()
    vi.unstubAllEnvs()
  })

  const isUnended = async () => (await world.readStatus()).unended !== null

  /** Waits for the end of the run; resolves with the milliseconds of the slowest answer meanwhile. */
  async function end(): Promise<number> {
    let slowest = 0
    for (;;) {
      const start = performance.now()
      const is = await isUnended()
      slowest = Math.max(slowest, performance.now() - start)
      if (!is) return Math.round(slowest)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  it('finds what differs when its cron trigger fires, and answers meanwhile', async () => {
    const start = performance.now()
    await world.fire(MONDAY)
    expect(await isUnended()).toBe(true)
    const slowest = await end()
    runMs = Math.round(performance.now() - start)
    console.log(`${COUNT} names in ${runMs} ms; the slowest answer to GET /status took ${slowest} ms`)
    expect(await readDifferences(world.url)).toEqual(NAMES)
    expect((await world.readStatus()).last?.summary).toMatchObject({
      names: COUNT,
      replicas: [{ state: 'ok' }, { state: 'ok' }],
    })
  })

  it('shows it on its page and by vouch status', async () => {
    const html = await (await fetch(`${world.url}/`)).text()
    expect(html).toContain('15 files are not the same everywhere')
    const { status, stdout } = await createStage().run(['status', '--coordinator', world.url])
    expect(stdout).toContain('15 names differ by the last check of each')
    expect(status).toBe(1)
  })

  it('does nothing when its cron trigger fires twice for the same time', async () => {
    await world.fire(MONDAY)
    expect(await isUnended()).toBe(false)
    expect((await world.readStatus()).last?.began).toBe(new Date(MONDAY).toISOString())
  })

  it(`goes on after its process was killed ${KILLS} times, with nothing twice and nothing missing`, async () => {
    const time = MONDAY + DAY
    await world.fire(time)
    for (let kill = 0; kill < KILLS && (await isUnended()); kill++) {
      await new Promise((resolve) => setTimeout(resolve, random(runMs / 2)))
      await world.kill()
      await world.start()
      await world.fire(time)
    }
    await end()
    expect(await readDifferences(world.url)).toEqual(NAMES)
    expect((await world.readStatus()).last).toMatchObject({
      began: new Date(time).toISOString(),
      summary: { names: COUNT, changes: { new: 0, settled: 0 }, agreement: 'conflict' },
    })
  })

  it('reports what it could not compare as unverified, and verifies it in the next run', async () => {
    await world.fail('more', true)
    await world.put('files', 'late', 'late')
    await world.fire(MONDAY + 2 * DAY)
    await end()
    const { last, differing } = await world.readStatus()
    expect(last?.summary).toMatchObject({
      unverified: { ranges: 1, examples: [{ after: '', until: null }] },
      replicas: [{ state: 'ok' }, { id: 'more', state: 'error' }],
    })
    expect(last?.summary?.agreement).not.toBe('unanimous')
    expect(differing).toEqual({ conflict: 10, incomplete: 5 })
    await world.fail('more', false)
    await world.fire(MONDAY + 3 * DAY)
    await end()
    const next = (await world.readStatus()).last?.summary
    expect(next).toMatchObject({ names: COUNT + 1, changes: { new: 1, examples: ['late'], settled: 0 } })
    expect(next).not.toHaveProperty('unverified')
    expect(await readDifferences(world.url)).toEqual([...NAMES, 'late'].sort(compareNames))
  })

  it('held some memory', async () => {
    const peak = await world.readPeak()
    console.log(`workerd held at most ${peak === null ? 'an unknown number of' : peak} KiB`)
  })
})
