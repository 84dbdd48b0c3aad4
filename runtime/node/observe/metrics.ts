import type { Hono } from 'hono'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { toDifferenceCounts } from '../../../functions/coordinator/ledger/difference-counts.ts'
import type { Ledger } from '../../../functions/coordinator/ledger/ledger.ts'
import type { Audited, Observer } from '../../../functions/coordinator/observer.ts'
import { answerPlainText } from '../../../functions/http/answer.ts'
import { type AppEnv, addRoutes } from '../../../functions/http/app.ts'
import type { Log } from '../../../functions/wire/log.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { AGREEMENTS } from '../../../functions/wire/schemas/values.ts'
import type { IndexState } from '../digests/index-health.ts'
import type { Counts } from '../disk/disk.ts'
import { findExpiry } from '../http/certificate-expiry.ts'
import type { TlsFiles } from '../http/tls.ts'
import { LATENCY_BUCKETS } from '../limits.ts'
import { addVerificationMetrics, type VerificationWatch } from './verification-metrics.ts'
import { type MetricsOfWorkers, sumMetrics } from './worker-metrics.ts'

/** The Prometheus metrics of one server. */
export interface Metrics {
  /** Counts the requests of the log. */
  readonly log: Log
  /** Serves `GET /metrics`, with the access rules of the server; with `workers`, the sums of them all. */
  mount(app: Hono<AppEnv>, workers?: MetricsOfWorkers): void
}

/** The metrics of a coordinator. */
export interface CoordinatorMetrics extends Metrics {
  readonly observer: Observer
  onCorrupt(id: string): void
  /** Adds the metrics of verifications, which the ledger knows; `every` are the seconds of `--verify`. */
  watchVerification(ledger: Ledger | undefined, every: number | undefined): VerificationWatch
}

interface CountedDirectory {
  readonly id: string
  readonly storage: { counts(): Counts }
}

/** A replica whose digests a server keeps in an index. */
export interface IndexedReplica {
  readonly id: string
  readonly index: IndexState
}

/** Gauges of the default set that are named like counters, and walk over all handles. */
const MISNAMED = ['handles', 'requests', 'resources'].map((kind) => `nodejs_active_${kind}_total`)

/** Creates the metrics of a replica server, on which those of a coordinator build. */
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
  return { registry, log, mount: (app, workers) => mount(app, registry, workers) }
}

function mount(app: Hono<AppEnv>, registry: Registry, workers?: MetricsOfWorkers): void {
  workers?.shareMetrics(() => registry.getMetricsAsJSON())
  const get = async () => {
    const text = await (workers === undefined ? registry.metrics() : sumMetrics(registry, workers))
    return answerPlainText(registry.contentType, text)
  }
  addRoutes(app, { '/metrics': { get } })
}

/** Creates a coordinator's metrics. No label is the name of a file, nor a word that a replica chose. */
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
  return {
    ...{ log, mount, ...addReplicaMetrics(registry, ids) },
    watchVerification: (ledger, every) => addVerificationMetrics(registry, ids, ledger, every),
  }
}

function addCertificateGauge(registry: Registry, readTls: () => TlsFiles): void {
  new Gauge({
    name: 'vouch_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate of this server expires, in seconds since 1970; of a chain, its first.',
    aggregator: 'min',
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
  add('vouch_index_hits_total', 'Digests that the index had.', ({ known }) => known)
  const misses = 'Digests that were computed by reading the file.'
  add('vouch_index_misses_total', misses, ({ computed }) => computed)
}

function addIndexGauge(registry: Registry, indexed: readonly IndexedReplica[]): void {
  new Gauge({
    name: 'vouch_index_available',
    help: '1 while digests are read from the index and written to it, 0 while they are kept in memory only.',
    labelNames: ['replica'],
    aggregator: 'min',
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
  const sent = new Counter({
    name: 'vouch_read_bytes_total',
    help: 'Bytes of files that answers announced.',
    registers: [registry],
  })
  return ({ method, path, status, bytes = 0 }) => {
    count(status)
    if (method === 'GET' && [200, 206, 300].includes(status) && /^\/(files|dav)\//.test(path)) sent.inc(bytes)
  }
}

function addReadCounters(registry: Registry): Log {
  const help = 'Compared reads, by agreement.'
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

/** A counter that costs one addition; its metric is made when Prometheus asks. */
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
    help: 'Errors of a replica instead of answers or bytes, by error type of RFC 9209.',
    labelNames: ['replica', 'error'] as const,
    registers: [registry],
  })
  const breaker = new Gauge({
    ...ofReplica,
    name: 'vouch_replica_breaker_open',
    aggregator: 'max',
    help: '1 while a replica that failed several times in a row is not asked, except to test whether it is back.',
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
  const onFailed = (replica: string, reason: string) =>
    errors.inc({ replica, error: ERROR_TYPES.has(reason) ? reason : 'other' })
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

/** A replica may send any other word, and each would be a time series. */
const ERROR_TYPES: ReadonlySet<string> = new Set(
  `dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited
  destination_ip_unroutable connection_refused connection_terminated connection_timeout connection_read_timeout
  connection_write_timeout connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received
  http_request_error http_request_denied http_response_incomplete http_response_header_section_size
  http_response_header_size http_response_body_size http_response_trailer_section_size http_response_trailer_size
  http_response_transfer_coding http_response_content_coding http_response_timeout http_upgrade_failed
  http_protocol_error proxy_internal_response proxy_internal_error proxy_configuration_error
  proxy_loop_detected`.split(/\s+/),
)

function addAuditMetrics(registry: Registry): (audited: Audited) => void {
  const help = 'Audits that ended, by agreement; broken_off without a summary.'
  const count = addTally(registry, 'vouch_audits_total', help, 'result', [...AGREEMENTS, 'broken_off'])
  let noteWhole: ReturnType<typeof addLastAudit> | undefined
  return (audited) => {
    count(audited.summary?.agreement ?? 'broken_off')
    // Only an audit of all names.
    if (!audited.isWhole || audited.summary === null) return
    noteWhole ??= addLastAudit(registry)
    noteWhole(audited.summary, audited.ms)
  }
}

/** Creates the gauges of the last audit, once there is one: 0 differences at time 0 would be false. */
function addLastAudit(registry: Registry): (summary: AuditSummary, ms: number) => void {
  const add = (name: string, help: string, labelNames: 'kind'[] = []) =>
    new Gauge({
      name: `vouch_last_audit_${name}`,
      help,
      labelNames,
      aggregator: 'first',
      registers: [registry],
    })
  const ended = add('timestamp_seconds', 'When the last audit of all names ended, in seconds since 1970.')
  const took = add('duration_seconds', 'How long the last audit of all names took.')
  const names = add('names', 'Names in the last audit of all names.')
  const kinds = 'Names that differed in the last audit of all names, by kind; rotten counts copies.'
  const differences = add('differences', kinds, ['kind'])
  return (summary, ms) => {
    ended.setToCurrentTime()
    took.set(ms / 1000)
    names.set(summary.names)
    for (const [kind, count] of toDifferenceCounts(summary)) differences.set({ kind }, count)
  }
}
