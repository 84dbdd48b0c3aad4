import { Hono } from 'hono'
import { expect, it, vi } from 'vitest'
import type { AppEnv } from '../../../functions/http/app.ts'
import { NOTHING_SEEN } from '../../../functions/storage/survey/survey.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { type CoordinatorMetrics, createCoordinatorMetrics } from './metrics.ts'
import { type Gathered, mergeLasting, type Snapshot, toLasting } from './worker-metrics.ts'

const summary: AuditSummary = {
  agreement: 'unanimous',
  names: 0,
  agreements: {},
  rotten: 0,
  replicas: [{ id: 'a', state: 'ok', seen: NOTHING_SEEN, of: null }],
}

function createWorker({ isAvailable = true, isOpen = false } = {}) {
  const metrics = createCoordinatorMetrics(
    ['a'],
    [],
    [{ id: 'a', index: { isIndexAvailable: () => isAvailable } }],
  )
  metrics.observer.onBreaker('a', isOpen)
  return metrics
}

/** All metrics of a worker, as they arrive from another process. */
async function read({ mount }: CoordinatorMetrics): Promise<Snapshot> {
  const { promise, resolve } = Promise.withResolvers<Snapshot>()
  mount(new Hono<AppEnv>(), {
    shareMetrics: async (read) => resolve(JSON.parse(JSON.stringify(await read()))),
    gather: () => Promise.reject(new Error('nothing is asked')),
  })
  return await promise
}

/** The lines of `/metrics` of a worker, which gets `gathered` of the others. */
async function scrape({ mount }: CoordinatorMetrics, gathered: Partial<Gathered>): Promise<string[]> {
  const app = new Hono<AppEnv>()
  const gather = async () => ({ snapshots: [], answered: 0, crashes: 0, ...gathered })
  mount(app, { shareMetrics() {}, gather })
  return (await (await app.request('/metrics')).text()).split('\n')
}

it('counters and histograms are summed, and gauges are those of the worst worker', async () => {
  const [one, other] = [createWorker(), createWorker({ isAvailable: false, isOpen: true })]
  for (const { log } of [one, other, other])
    log({ method: 'GET', path: '/files/f', status: 200, ms: 2, agreement: 'unanimous', bytes: 3 })
  const lines = await scrape(one, { snapshots: [await read(other)], answered: 1 })
  expect(lines).toEqual(
    expect.arrayContaining([
      'vouch_requests_total{code="200"} 3',
      'vouch_read_bytes_total 9',
      'vouch_reads_total{agreement="unanimous"} 3',
      'vouch_read_seconds_bucket{le="0.001"} 0',
      'vouch_read_seconds_bucket{le="0.0025"} 3',
      'vouch_read_seconds_bucket{le="+Inf"} 3',
      'vouch_replica_breaker_open{replica="a"} 1',
      'vouch_index_available{replica="a"} 0',
      'vouch_workers 2',
      'vouch_worker_crashes_total 0',
    ]),
  )
  expect(lines.filter((line) => line.startsWith('process_start_time_seconds '))).toHaveLength(1)
})

it('the gauges of an audit are those of the last, whichever worker ran it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const workers = [createWorker(), createWorker(), createWorker()]
  for (const [i, { observer }] of workers.entries()) {
    vi.setSystemTime(1000 * (i === 1 ? 30 : 10 + i))
    if (i < 2) observer.onAudited({ isWhole: true, ms: 1, summary: { ...summary, names: i + 1 } })
  }
  vi.useRealTimers()
  const [first, last, none] = workers as [CoordinatorMetrics, CoordinatorMetrics, CoordinatorMetrics]
  const snapshots = [await read(first), await read(last)]
  for (const some of [snapshots, [await mergeLasting(snapshots.map(toLasting))]]) {
    const lines = await scrape(none, { snapshots: some })
    expect(lines).toContain('vouch_last_audit_names 2')
    expect(lines).toContain('vouch_last_audit_timestamp_seconds 30')
  }
})

it('what a worker that crashed has counted stays, and what it had does not', async () => {
  const [one, dead] = [createWorker(), createWorker({ isAvailable: false })]
  dead.log({ method: 'GET', path: '/', status: 404, ms: 1 })
  const lasting = await mergeLasting([toLasting(await read(dead)), toLasting(await read(dead))])
  const lines = await scrape(one, { snapshots: [lasting], crashes: 2 })
  expect(lines).toEqual(
    expect.arrayContaining([
      'vouch_requests_total{code="404"} 2',
      'vouch_index_available{replica="a"} 1',
      'vouch_workers 1',
      'vouch_worker_crashes_total 2',
    ]),
  )
})
