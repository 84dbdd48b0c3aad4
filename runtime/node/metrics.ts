import type { Hono } from 'hono'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Audited, Observer } from '../../functions/coordinator/observer.ts'
import { createAnswer } from '../../functions/wire/answer.ts'
import { type AppEnv, refuseOtherMethods } from '../../functions/wire/app.ts'
import type { Log, RequestEntry } from '../../functions/wire/log.ts'
import { AGREEMENTS, type AuditSummary } from '../../functions/wire/schemas.ts'
import { findExpiry } from './certificate-expiry.ts'
import type { Counts } from './disk.ts'
import { toKnownReason } from './error-types.ts'
import type { IndexState } from './index-health.ts'
import { LATENCY_BUCKETS } from './limits.ts'
import type { TlsFiles } from './tls.ts'

/** What a server counts, for Prometheus. Each server has its own. */
export interface Metrics {
  /** Counts the requests of the log. */
  readonly log: Log
  /** Serves `GET /metrics`, to those who may ask the server for anything else. */
  mount(app: Hono<AppEnv>): void
}

/** What a coordinator counts beside it. */
export interface CoordinatorMetrics extends Metrics {
  readonly observer: Observer
  /** Counts a copy that turned out corrupt. */
  onCorrupt(id: string): void
}

/** A directory that a server reads itself. */
export interface CountedDirectory {
  readonly id: string
  readonly storage: { counts(): Counts }
}

/** A replica whose digests a server keeps in an index. */
export interface IndexedReplica {
  readonly id: string
  readonly index: IndexState
}

/** Gauges of the default set that bear the suffix of a counter, and cost a walk over all handles. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** The metrics of a replica server, and the ground of a coordinator's. */
export function createMetrics(
  directories: readonly CountedDirectory[],
  indexed: readonly IndexedReplica[],
  readTls?: () => TlsFiles,
): Metrics & { registry: Registry } {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  addIndexCounters(registry, directories)
  addIndexGauge(registry, indexed)
  if (readTls !== undefined) addCertificateGauge(registry, readTls)
  const log = addRequestCounters(registry)
  return { registry, log, mount: (app) => mount(app, registry) }
}

function mount(app: Hono<AppEnv>, registry: Registry): void {
  app.get('/metrics', async () => {
    const body = new TextEncoder().encode(await registry.metrics())
    const fields = { 'Content-Type': registry.contentType, 'Content-Length': String(body.length) }
    return createAnswer(200, { ...fields, 'Cache-Control': 'no-store' }, body)
  })
  refuseOtherMethods(app, '/metrics', 'GET, HEAD')
}

/**
 * The metrics of a coordinator of the replicas `ids`. Labels are ids, and words of closed tables; never a name, nor a
 * word that a replica chose.
 */
export function createCoordinatorMetrics(
  ids: readonly string[],
  directories: readonly CountedDirectory[],
  indexed: readonly IndexedReplica[],
  readTls?: () => TlsFiles,
): CoordinatorMetrics {
  const { registry, log: logRequest, mount } = createMetrics(directories, indexed, readTls)
  const logRead = addReadCounters(registry)
  const log: Log = (entry) => {
    logRequest(entry)
    logRead(entry)
  }
  return { log, mount, ...addReplicaMetrics(registry, ids) }
}

function addCertificateGauge(registry: Registry, readTls: () => TlsFiles): void {
  new Gauge({
    name: 'vouch_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate of this server expires, in seconds since 1970; of a chain, its first.',
    registers: [registry],
    collect() {
      const { cert } = readTls()
      const expiry = cert === undefined ? null : findExpiry(cert)
      if (expiry !== null) this.set(expiry / 1000)
    },
  })
}

function addIndexCounters(registry: Registry, directories: readonly CountedDirectory[]): void {
  const add = (name: string, help: string, read: (counts: Counts) => number) =>
    new Counter({
      name,
      help,
      labelNames: ['replica'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { id, storage } of directories) this.inc({ replica: id }, read(storage.counts()))
      },
    })
  add('vouch_index_hits_total', 'Digests that the index knew.', ({ known }) => known)
  add(
    'vouch_index_misses_total',
    'Digests that were computed by reading the file.',
    ({ computed }) => computed,
  )
}

function addIndexGauge(registry: Registry, indexed: readonly IndexedReplica[]): void {
  new Gauge({
    name: 'vouch_index_available',
    help: '1 while digests are read from the index and written to it, 0 while they are kept in memory only.',
    labelNames: ['replica'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { id, index } of indexed) {
        const isAvailable = index.isIndexAvailable()
        if (isAvailable !== null) this.set({ replica: id }, isAvailable ? 1 : 0)
      }
    },
  })
}

function addRequestCounters(registry: Registry): Log {
  const count = addTally(registry, 'vouch_requests_total', 'Requests answered, by status.', 'code')
  let bytes = 0
  new Counter({
    name: 'vouch_read_bytes_total',
    help: 'Bytes of files that answers announced.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(bytes)
    },
  })
  return (entry) => {
    count(entry.status)
    if (isContent(entry)) bytes += entry.bytes ?? 0
  }
}

/** Whether the answer carries contents of files. */
function isContent({ method, path, status }: RequestEntry): boolean {
  return (
    method === 'GET' && (status === 200 || status === 206 || status === 300) && path.startsWith('/files/')
  )
}

function addReadCounters(registry: Registry): Log {
  const help = 'Compared reads, by what the copies came to.'
  const count = addTally(registry, 'vouch_reads_total', help, 'agreement', AGREEMENTS)
  const seconds = new Histogram({
    name: 'vouch_read_seconds',
    help: 'Time until the answer to a compared read began.',
    buckets: [...LATENCY_BUCKETS],
    registers: [registry],
  })
  return ({ agreement, ms }) => {
    if (agreement === undefined) return
    count(agreement)
    seconds.observe(ms / 1000)
  }
}

/** A counter that costs one addition: what Prometheus sees is made of it when it asks. */
function addTally(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  values: readonly string[] = [],
): (value: string | number) => void {
  const counts = new Map<string | number, number>(values.map((value) => [value, 0]))
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const [value, count] of counts) this.inc({ [label]: value }, count)
    },
  })
  return (value) => void counts.set(value, (counts.get(value) ?? 0) + 1)
}

function addReplicaMetrics(
  registry: Registry,
  ids: readonly string[],
): Pick<CoordinatorMetrics, 'observer' | 'onCorrupt'> {
  const ofReplica = { labelNames: ['replica'] as const, registers: [registry] }
  const seconds = new Histogram({
    ...ofReplica,
    name: 'vouch_replica_request_seconds',
    help: 'Time until a replica had answered a question for all its names, hashing included.',
    buckets: [...LATENCY_BUCKETS],
  })
  const errors = new Counter({
    name: 'vouch_replica_errors_total',
    help: 'Errors of a replica in the place of answers or bytes, by error type of RFC 9209.',
    labelNames: ['replica', 'error'] as const,
    registers: [registry],
  })
  const breaker = new Gauge({
    ...ofReplica,
    name: 'vouch_replica_breaker_open',
    help: '1 while a replica that failed several times in a row is not asked, or only to see whether it is back.',
  })
  const corrupt = new Counter({
    ...ofReplica,
    name: 'vouch_replica_corrupt_copies_total',
    help: 'Copies whose bytes contradicted their digest.',
  })
  for (const replica of ids) {
    seconds.zero({ replica })
    breaker.set({ replica }, 0)
    corrupt.inc({ replica }, 0)
  }
  const onFailed = (replica: string, reason: string) => errors.inc({ replica, error: toKnownReason(reason) })
  const noteAudit = addAuditMetrics(registry)
  return {
    observer: {
      onAsked: (replica, ms) => seconds.observe({ replica }, ms / 1000),
      onFailed: (replica, { reason }) => onFailed(replica, reason),
      onBreaker: (replica, isOpen) => breaker.set({ replica }, isOpen ? 1 : 0),
      onAudited(audited) {
        noteAudit(audited)
        for (const { id, error } of audited.summary?.replicas ?? []) if (error) onFailed(id, error)
      },
    },
    onCorrupt: (replica) => corrupt.inc({ replica }),
  }
}

/** What an audit's differences are counted by: what a name came to, and copies that rotted. */
const KINDS = ['conflict', 'incomplete', 'degraded', 'unknown', 'rotten'] as const

function addAuditMetrics(registry: Registry): (audited: Audited) => void {
  const help = 'Audits that ended, by what they came to; broken_off without a summary.'
  const count = addTally(registry, 'vouch_audits_total', help, 'result', [...AGREEMENTS, 'broken_off'])
  let noteWhole: ReturnType<typeof addLastAudit> | undefined
  return (audited) => {
    count(audited.summary?.agreement ?? 'broken_off')
    // An audit of some names says nothing of the others.
    if (!audited.isWhole || audited.summary === null) return
    noteWhole ??= addLastAudit(registry)
    noteWhole(audited.summary, audited.ms)
  }
}

/** Made when there is something to say: a time of 0 would be one in 1970, and no differences a claim. */
function addLastAudit(registry: Registry): (summary: AuditSummary, ms: number) => void {
  const registers = [registry]
  const ended = new Gauge({
    name: 'vouch_last_audit_timestamp_seconds',
    help: 'When the last audit of all names ended, in seconds since 1970.',
    registers,
  })
  const took = new Gauge({
    name: 'vouch_last_audit_duration_seconds',
    help: 'How long the last audit of all names took.',
    registers,
  })
  const names = new Gauge({
    name: 'vouch_last_audit_names',
    help: 'Names that the last audit of all names saw.',
    registers,
  })
  const differences = new Gauge({
    name: 'vouch_last_audit_differences',
    help: 'Names that the last audit of all names found not the same everywhere, by kind; rotten counts copies.',
    labelNames: ['kind'] as const,
    registers,
  })
  return (summary, ms) => {
    ended.setToCurrentTime()
    took.set(ms / 1000)
    names.set(summary.names)
    for (const kind of KINDS) {
      differences.set({ kind }, kind === 'rotten' ? summary.rotten : (summary.agreements[kind] ?? 0))
    }
  }
}
