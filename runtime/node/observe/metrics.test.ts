import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { createMemoryLedger } from '../../../functions/coordinator/ledger/memory-ledger.suite.ts'
import type { AppEnv } from '../../../functions/http/app.ts'
import { NOTHING_SEEN } from '../../../functions/storage/survey/survey.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { STORAGE_ERRORS, StorageError } from '../../../functions/wire/storage-error.ts'
import { type CoordinatorMetrics, createCoordinatorMetrics } from './metrics.ts'

async function scrape({ mount }: CoordinatorMetrics): Promise<string> {
  const app = new Hono<AppEnv>()
  mount(app)
  return await (await app.request('/metrics')).text()
}

const lines = async (metrics: CoordinatorMetrics, start: string) =>
  (await scrape(metrics)).split('\n').filter((line) => line.startsWith(start))

const summary: AuditSummary = {
  agreement: 'degraded',
  names: 3,
  agreements: { unanimous: 1, degraded: 2 },
  rotten: 4,
  replicas: [
    { id: 'a', state: 'ok', seen: NOTHING_SEEN, of: null },
    { id: 'b', state: 'error', error: 'dns_error', seen: NOTHING_SEEN, of: null },
  ],
}

it('every metric of a replica starts at zero', async () => {
  const metrics = createCoordinatorMetrics(['a'], [], [])
  expect(await lines(metrics, 'vouch_replica_request_seconds_count')).toEqual([
    'vouch_replica_request_seconds_count{replica="a"} 0',
  ])
  expect(await lines(metrics, 'vouch_replica_breaker_open')).toEqual([
    'vouch_replica_breaker_open{replica="a"} 0',
  ])
  expect(await lines(metrics, 'vouch_replica_corrupt')).toEqual([
    'vouch_replica_corrupt_copies_total{replica="a"} 0',
  ])
})

it('an unknown error type of a replica makes no series of its own', async () => {
  const metrics = createCoordinatorMetrics(['a'], [], [])
  for (let i = 0; i < 3; i++) {
    const error = new StorageError('unreachable', 'it says so', { reason: `made_up_${i}` })
    metrics.observer.onFailed('a', error)
  }
  expect(await lines(metrics, 'vouch_replica_errors_total')).toEqual([
    'vouch_replica_errors_total{replica="a",error="other"} 3',
  ])
})

it.each(Object.values(STORAGE_ERRORS))('the known error type %s keeps its name', async (reason) => {
  const metrics = createCoordinatorMetrics(['a'], [], [])
  metrics.observer.onFailed('a', new StorageError('unreachable', 'it failed', { reason }))
  expect(await lines(metrics, 'vouch_replica_errors_total')).toEqual([
    `vouch_replica_errors_total{replica="a",error="${reason}"} 1`,
  ])
})

it('breakers and corrupt copies are counted', async () => {
  const metrics = createCoordinatorMetrics(['a', 'b'], [], [])
  metrics.observer.onBreaker('b', true)
  metrics.onCorrupt('a')
  metrics.onCorrupt('a')
  expect(await lines(metrics, 'vouch_replica_breaker_open{replica="b"}')).toEqual([
    'vouch_replica_breaker_open{replica="b"} 1',
  ])
  expect(await lines(metrics, 'vouch_replica_corrupt_copies_total{replica="a"}')).toEqual([
    'vouch_replica_corrupt_copies_total{replica="a"} 2',
  ])
  metrics.observer.onBreaker('b', false)
  expect(await lines(metrics, 'vouch_replica_breaker_open{replica="b"}')).toEqual([
    'vouch_replica_breaker_open{replica="b"} 0',
  ])
})

it('an audit counts its differences, and the replicas that failed', async () => {
  const metrics = createCoordinatorMetrics(['a', 'b'], [], [])
  metrics.observer.onAudited({ isWhole: true, ms: 1500, summary })
  expect(await lines(metrics, 'vouch_last_audit_duration_seconds')).toEqual([
    'vouch_last_audit_duration_seconds 1.5',
  ])
  expect(await lines(metrics, 'vouch_last_audit_differences')).toEqual([
    'vouch_last_audit_differences{kind="conflict"} 0',
    'vouch_last_audit_differences{kind="incomplete"} 0',
    'vouch_last_audit_differences{kind="degraded"} 2',
    'vouch_last_audit_differences{kind="unknown"} 0',
    'vouch_last_audit_differences{kind="rotten"} 4',
  ])
  expect(await lines(metrics, 'vouch_replica_errors_total')).toEqual([
    'vouch_replica_errors_total{replica="b",error="dns_error"} 1',
  ])
})

it('an audit that broke off, or saw some names, is not counted as the last full audit', async () => {
  const metrics = createCoordinatorMetrics(['a'], [], [])
  metrics.observer.onAudited({ isWhole: true, ms: 1, summary: null })
  metrics.observer.onAudited({ isWhole: false, ms: 1, summary })
  expect(await lines(metrics, 'vouch_last_audit')).toEqual([])
  expect(await lines(metrics, 'vouch_audits_total{result="broken_off"}')).toEqual([
    'vouch_audits_total{result="broken_off"} 1',
  ])
  expect(await lines(metrics, 'vouch_audits_total{result="degraded"}')).toEqual([
    'vouch_audits_total{result="degraded"} 1',
  ])
})

it('two servers in one process count separately', async () => {
  const [one, other] = [createCoordinatorMetrics(['a'], [], []), createCoordinatorMetrics(['a'], [], [])]
  one.onCorrupt('a')
  expect(await lines(other, 'vouch_replica_corrupt')).toEqual([
    'vouch_replica_corrupt_copies_total{replica="a"} 0',
  ])
})

it('the gauge of an index follows whether it can be used, and is absent without an index', async () => {
  let isAvailable: boolean | null = true
  const index = { isIndexAvailable: () => isAvailable }
  const metrics = createCoordinatorMetrics(['a'], [], [{ id: 'a', index }])
  const read = () => lines(metrics, 'vouch_index_available')
  expect(await read()).toEqual(['vouch_index_available{replica="a"} 1'])
  isAvailable = false
  expect(await read()).toEqual(['vouch_index_available{replica="a"} 0'])
  isAvailable = null
  expect(await read()).toEqual([])
})

it('verifications have the times that the ledger knows, and what was read of each replica', async () => {
  const ledger = createMemoryLedger()
  const metrics = createCoordinatorMetrics(['a'], [], [])
  const { onRead, onMeasured } = metrics.watchVerification(ledger, 60)
  expect(await lines(metrics, 'vouch_verification')).toEqual([
    'vouch_verification_done_ratio 0',
    'vouch_verification_read_bytes_total{replica="a"} 0',
  ])
  await ledger.noteVerification({ began: 10_000, after: '', ended: 50_000 })
  await ledger.noteVerification({ began: 70_000, after: 'x', ended: null })
  onMeasured({ left: 25, all: 100 })
  onRead('a', 75)
  expect(await lines(metrics, 'vouch_verification')).toEqual([
    'vouch_verification_timestamp_seconds 50',
    'vouch_verification_began_timestamp_seconds 70',
    'vouch_verification_due_timestamp_seconds 130',
    'vouch_verification_done_ratio 0.75',
    'vouch_verification_read_bytes_total{replica="a"} 75',
  ])
})
