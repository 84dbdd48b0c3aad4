import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createMemoryStorage } from '../../storage/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { MIN_VERIFY_RATE, MIN_VERIFY_STEP_BYTES } from '../../wire/limits.ts'
import { createHasher, refusing } from '../set-up.suite.ts'
import { createState } from '../state.ts'
import { createMemoryLedger } from './memory-ledger.suite.ts'
import { planStep, verifyOnSchedule } from './verify-schedule.ts'

const DAY = 86_400
const NAMES = Array.from({ length: 20 }, (_, i) => `file ${String(i).padStart(2, '0')}`)
const FILE_BYTES = 300_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/**
 * A replica of twenty files, which remembers no reading; `read` has the names that were read, in order. Its
 * digests are there: Web Crypto takes real time, which simulated time does not wait for.
 */
async function createReplica() {
  const memory = createMemoryStorage(Object.fromEntries(NAMES.map((name) => [name, name.padEnd(FILE_BYTES)])))
  await Promise.all(memory.describe(NAMES))
  const read: string[] = []
  const storage: Storage = {
    ...memory,
    describe: (names, { signal } = {}) =>
      memory.describe(names, { signal }).map(async (one) => {
        const facts = await one
        return facts && { ...facts, evidence: 'stored' as const, age: null }
      }),
    open(name, options) {
      read.push(name)
      return memory.open(name, options)
    },
  }
  return { storage, read }
}

/** Verifies once a day until `stop`; `run` lets time pass. */
function start(storages: readonly Storage[], ledger = createMemoryLedger()) {
  const abort = new AbortController()
  const bytes = new Map<string, number>()
  const notices: string[] = []
  const steps: boolean[] = []
  const replicas = storages.map((storage, i) => ({ id: `r${i}`, storage }))
  const ended = verifyOnSchedule(
    replicas,
    { createHasher, ledger, state: createState() },
    {
      every: DAY,
      signal: abort.signal,
      onStep: (_, isNews) => void steps.push(isNews),
      onMeasured() {},
      onRead: (id, size) => void bytes.set(id, (bytes.get(id) ?? 0) + size),
      onNotice: (line) => void notices.push(line),
    },
  )
  return {
    ...{ ledger, bytes, notices, steps },
    run: (seconds: number) => vi.advanceTimersByTimeAsync(1000 * seconds),
    async stop() {
      abort.abort()
      await ended
    },
  }
}

it('a schedule reads everything once in its period, evenly, goes on after a restart, and begins again', async () => {
  const [one, other] = [await createReplica(), await createReplica()]
  const storages = [one.storage, other.storage]
  const first = start(storages)
  // Between two files: one of which the reading is cut off is read again.
  await first.run(0.44 * DAY)
  await first.stop()
  const { began = 0 } = (await first.ledger.verification()) ?? {}
  expect(one.read.length).toBeGreaterThanOrEqual(8)
  expect(one.read.length).toBeLessThanOrEqual(12)
  const before = one.read.length

  const second = start(storages, first.ledger)
  await second.run(0.55 * DAY)
  expect(one.read).toEqual(NAMES)
  expect(other.read).toEqual(NAMES)
  expect(second.bytes.get('r1')).toBe((NAMES.length - before) * FILE_BYTES)
  expect(await second.ledger.verification()).toMatchObject({ began })
  expect(await second.ledger.lastVerified()).toBeLessThan(began + 1000 * DAY)
  await second.run(0.3 * DAY)
  expect(one.read.length).toBeGreaterThan(NAMES.length)
  expect(one.read.length).toBeLessThan(NAMES.length + 10)
  expect(await second.ledger.verification()).toMatchObject({ ended: null })
  await second.stop()
  expect(vi.getTimerCount()).toBe(0)
})

it('a replica that fails is reported once, tried again ever more rarely, and read when it is back', async () => {
  const [one, other] = [await createReplica(), await createReplica()]
  let isAway = true
  const storage: Storage = {
    ...other.storage,
    list: (options) => (isAway ? refusing : other.storage).list(options),
    describe: (names, options) => (isAway ? refusing : other.storage).describe(names, options),
  }
  const { run, notices, steps, stop, ledger } = start([one.storage, storage])
  await run(0.3 * DAY)
  expect(notices).toEqual([
    'warning: verification: r1: the replica refused the connection; it goes on from where it has come to once that is fixed',
  ])
  expect(steps.filter(Boolean)).toHaveLength(1)
  expect(steps.length).toBeLessThan(20)
  expect(await ledger.verification()).toMatchObject({ after: '', ended: null })
  isAway = false
  await run(DAY)
  expect(notices.slice(1)).toEqual([
    'verification: goes on',
    expect.stringMatching(/^verification: every byte was read since /),
  ])
  expect(new Set(other.read)).toEqual(new Set(NAMES))
  await stop()
})

it('a step reads in its share of the time what is due, and hurries when little of the period is left', () => {
  const at = (share: number) => planStep({ began: 0 }, 9e9, DAY, share * DAY * 1000)
  expect(at(0).due * 1000).toBeCloseTo(9e9 / (0.9 * DAY))
  expect(at(0.45).rate).toBe(Math.ceil(9e9 / (0.45 * DAY)))
  expect(at(5).rate).toBe(Math.ceil(9e9 / (0.1 * DAY)))
  expect(at(0).bytes).toBeCloseTo(9e9 / 0.9 / 240)
  expect(planStep({ began: 0 }, 1000, DAY, 0)).toMatchObject({
    rate: MIN_VERIFY_RATE,
    bytes: MIN_VERIFY_STEP_BYTES,
  })
})
