import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { createContext } from '../../functions/coordinator/coordinator.ts'
import { setUpLedger } from '../../functions/coordinator/ledger/sql/schema.ts'
import { createSqlLedger } from '../../functions/coordinator/ledger/sql/sql-ledger.ts'
import { runPart } from '../../functions/coordinator/steps/run-part.ts'
import type { Step, StepLedger } from '../../functions/coordinator/steps/step-ledger.ts'
import { createObjectStorage } from '../../functions/storage/objects/object-storage.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { type Calls, CPU_SECONDS, toDollars, WORKERS_PRICES } from '../../functions/wire/prices.ts'
import type { AuditSummary } from '../../functions/wire/schemas/audit.ts'
import type { Manifest } from '../../functions/wire/schemas/manifest.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { toDatabase } from '../../runtime/node/ledger/database.ts'
import { openDatabase } from '../../runtime/node/sqlite/sqlite.ts'
import { MOST_PARTS, STEP_BUDGET } from '../../runtime/workers/limits.ts'
import { createR2Objects } from '../../runtime/workers/r2/r2.ts'
import { createBucket } from './bucket.ts'
import { createEngine, type EngineCounts, type Faults } from './engine.ts'
import { createSpanStorage, PAGE } from './span-storage.ts'
import { createClock, type Weather } from './weather.ts'
import { listOdd, type Odd, toName, toNext, type World } from './world.ts'

export interface SimulationOptions {
  readonly names: number
  readonly seed: number
  /** Names that one step compares; those of `STEP_BUDGET` when absent. */
  readonly stepNames?: number | undefined
  /**
   * What is surveyed: every name, listed through the adapter of R2; spans of some 256 names, as of buckets;
   * or of some 4,096, as of stores that charge for nothing.
   */
  readonly by: 'names' | 'paid spans' | 'spans'
  /** As in `World`. */
  readonly block: number
  readonly rarity: number
  /** Called with a line of what was done. */
  readonly log: (line: string) => void
}

/** What one run took, in simulated time where it is one. */
export interface RunFigures {
  readonly parts: number
  readonly hours: number
  readonly engine: EngineCounts
  /** Of both replicas together. */
  readonly calls: Calls
  /** Calls of one execution of a step to both replicas, at most. */
  readonly mostCalls: number
  /** Calls to the Durable Object, and the JSON of the largest, in characters. */
  readonly ledgerCalls: number
  readonly largest: number
  /** Rows that were written to its SQLite, and its bytes after the run. */
  readonly rows: number
  readonly bytes: number
  readonly unverified: number
  readonly differing: number
  readonly dollars: { readonly calls: number; readonly cpu: number; readonly object: number }
  /** CPU of all steps, and of one at most, by what was measured of a name in workerd. Seconds. */
  readonly cpu: { readonly all: number; readonly step: number }
}

const HOUR = 3_600_000
const NO_CALLS: Calls = { list: 0, head: 0, get: 0, put: 0, bytes: 0 }
/** One in so many. */
const NEVER = Infinity
const FAIR: Faults = { unbegun: NEVER, lost: NEVER, duplicate: NEVER, restart: NEVER, forgotten: NEVER }
const FOUL: Faults = { unbegun: 100, lost: 100, duplicate: 50, restart: 100, forgotten: 400 }

/**
 * Audits two replicas three times, by the code of the audit Worker but for Cloudflare's own: first in one
 * part and without a fault; then, after changes, with every kind of fault, and the second replica down for an
 * hour; then again with faults. Throws when a range is missing or covered twice, when a verified range or the
 * ledger differs from what follows from the numbers, or when a range with a failed replica is called
 * agreement.
 */
export async function simulate(options: SimulationOptions): Promise<RunFigures[]> {
  const { names, seed, by, block, rarity, log } = options
  const clock = createClock()
  let world: World = { names, seed, block, rarity, epoch: 0 }
  let weather: Weather = { seed, callMs: 100, unanswered: NEVER, down: null }
  const stores = [0, 1].map((replica): { storage: Storage; calls: () => Calls } => {
    const given = [() => world, replica, clock, () => weather] as const
    if (by !== 'names') return createSpanStorage(...given, by === 'paid spans')
    const objects = createR2Objects(createBucket(...given))
    return {
      storage: createObjectStorage(objects, { createHasher }),
      calls: () => objects.billing?.calls() ?? NO_CALLS,
    }
  })
  const db = openDatabase(':memory:', (db) => setUpLedger(toDatabase(db)))
  const ledger = createSqlLedger(toDatabase(db))
  const read = (sql: string) => Number(Object.values(db.prepare(sql).get() ?? {})[0])
  const figures: RunFigures[] = []
  const { now } = Date
  Date.now = clock.now

  async function run(nth: number, faults: Faults): Promise<void> {
    const began = Date.UTC(2026, 0, 1 + nth)
    clock.begin(began)
    const engine = createEngine(clock, faults, seed + 100 * nth, began)
    const before = stores.map(({ calls }) => calls())
    const rowsBefore = read('SELECT total_changes()')
    const sum = (kind: keyof Calls) =>
      stores.reduce((all, { calls }, i) => all + calls()[kind] - (before[i]?.[kind] ?? 0), 0)
    const watched = watchLedger(ledger)
    const stepNames = options.stepNames ?? STEP_BUDGET.names
    const { audit, parts } = await ledger.beginRun(began, { stepNames, mostParts: MOST_PARTS })
    let mostCalls = 0
    const runs = parts.map((_, part) => async (doStep: Parameters<typeof runPart>[1]) => {
      const replicas = stores.map(({ storage }, i) => ({ id: `server${i + 1}`, storage }))
      // Real time, in which nobody waits here: a busy machine must not take a replica for silent.
      const deadlines = { silence: HOUR, answer: HOUR }
      const { members, corruptCopies, exclude } = createContext(replicas, { createHasher, deadlines })
      const counted: typeof doStep = (name, work) =>
        doStep(name, async () => {
          const start = sum('list') + sum('head')
          const value = await work()
          mostCalls = Math.max(mostCalls, sum('list') + sum('head') - start)
          return value
        })
      return await runPart({ audit, part }, counted, {
        ...{ members, corruptCopies, exclude, deadlines, createHasher },
        ...{ ledger: watched.ledger, budget: { ...STEP_BUDGET, names: stepNames }, maxAge: null },
      })
    })
    const { values, ended } = await engine.runParts(runs)
    // The ledger names the last part to end to whoever runs that part, also to one that runs it again.
    const outcomes = values.flatMap((value) => value ?? [])
    strictEqual(outcomes.length, 1, 'one part has ended the run')
    const unverified = checkSteps(
      world,
      db.prepare('SELECT * FROM steps WHERE audit = ? ORDER BY part, nth').all(audit),
    )
    const calls = { list: sum('list'), head: sum('head'), get: sum('get'), put: sum('put'), bytes: 0 }
    const rows = read('SELECT total_changes()') - rowsBefore
    const cpu = CPU_SECONDS.name * calls.list * PAGE
    figures.push({
      ...{ parts: parts.length, hours: (ended - began) / HOUR, engine: engine.counts, calls, mostCalls },
      ...{ ledgerCalls: watched.counts.calls, largest: watched.counts.largest, rows },
      bytes: read('PRAGMA page_count') * read('PRAGMA page_size'),
      ...{ unverified, differing: read('SELECT count(*) FROM differences') },
      dollars: {
        calls: toDollars(calls, 'r2') ?? 0,
        cpu: cpu * WORKERS_PRICES.cpuSecond,
        object: watched.counts.calls * WORKERS_PRICES.objectRequest + rows * WORKERS_PRICES.rowWritten,
      },
      cpu: { all: cpu, step: CPU_SECONDS.name * PAGE * mostCalls },
    })
    log(`run ${nth + 1}: ${JSON.stringify(figures.at(-1))}`)
  }

  try {
    await run(0, FAIR)
    strictEqual(figures[0]?.unverified, 0)
    await checkDifferences(world, ledger)
    world = { ...world, epoch: 1 }
    const began = Date.UTC(2026, 0, 2)
    // A tenth of the way in, or an hour where there are many names.
    const from = began + Math.min(HOUR, ((figures[0]?.hours ?? 0) * HOUR) / (10 * MOST_PARTS))
    weather = { ...weather, unanswered: 20_000, down: [from, from + HOUR] }
    await run(1, FOUL)
    weather = { ...weather, down: null }
    await run(2, FOUL)
    strictEqual(figures[2]?.unverified, 0)
    await checkDifferences(world, ledger)
    return figures
  } finally {
    Date.now = now
    db.close()
  }
}

/** A ledger whose calls are counted, each a call of a Durable Object. */
function watchLedger(ledger: StepLedger) {
  const counts = { calls: 0, largest: 0 }
  const watched: StepLedger = {
    ...ledger,
    findPosition(audit, part) {
      counts.calls++
      return ledger.findPosition(audit, part)
    },
    noteStep(step: Step, manifests: readonly Manifest[]) {
      counts.calls++
      counts.largest = Math.max(counts.largest, JSON.stringify([step, manifests]).length)
      return ledger.noteStep(step, manifests)
    },
  }
  return { ledger: watched, counts }
}

/**
 * Throws unless the steps cover all names once, each verified one with the counts that follow from the
 * numbers, and no other with any agreement. Returns how many are not verified.
 */
function checkSteps(world: World, rows: readonly Record<string, unknown>[]): number {
  let unverified = 0
  let end: unknown = ''
  for (const { start, reached, summary: text } of rows) {
    strictEqual(start, end, 'a step begins where the one before it ended')
    end = reached
    const summary: AuditSummary = JSON.parse(String(text))
    const [from, until] = [toNext(String(start)), reached === null ? world.names : toNext(String(reached))]
    if (summary.replicas.every(({ state }) => state === 'ok')) {
      deepStrictEqual(summary.agreements, toAgreements(world, from, until))
      strictEqual(summary.names, until - from)
      continue
    }
    unverified++
    strictEqual(['degraded', 'conflict', 'unknown'].includes(summary.agreement), true, summary.agreement)
    // Names that were compared before a replica failed may be the same; there are none of one that was down.
    const isDown = summary.replicas.some(({ state, seen }) => state === 'error' && seen.names === 0)
    if (isDown)
      strictEqual(summary.agreements.unanimous, undefined, 'nothing is unanimous with a replica down')
  }
  strictEqual(end, null, 'the last step reaches the end of all names')
  return unverified
}

/** The number of names by agreement, without those that no name has. */
function toAgreements(world: World, from: number, end: number): AuditSummary['agreements'] {
  let [conflict, incomplete] = [0, 0]
  for (const { kind } of listOdd(world, from, end)) {
    if (kind === 'differs') conflict++
    else incomplete++
  }
  const all = { unanimous: end - from - conflict - incomplete, conflict, incomplete }
  return Object.fromEntries(Object.entries(all).filter(([, names]) => names > 0))
}

/** Throws unless the ledger has exactly the names that differ, each with what its copies are. */
async function checkDifferences(world: World, ledger: ReturnType<typeof createSqlLedger>): Promise<void> {
  const odds = listOdd(world, 0, world.names)
  for (let after: string | null = ''; after !== null; ) {
    const { entries, next }: Awaited<ReturnType<typeof ledger.list>> = await ledger.list({
      after,
      limit: 1000,
    })
    for (const { name, replicas } of entries) {
      const { value: odd } = odds.next()
      deepStrictEqual({ name, states: replicas.map(({ state }) => state) }, odd && toExpected(odd))
    }
    after = next
  }
  strictEqual(odds.next().done, true, 'the ledger has every name that differs')
}

function toExpected({ at, kind, replica }: Odd) {
  const states = [0, 1].map((i) => (kind === 'differs' ? 'differ' : i === replica ? 'missing' : 'match'))
  return { name: toName(at), states }
}
