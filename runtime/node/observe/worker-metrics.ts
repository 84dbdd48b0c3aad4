import { AggregatorRegistry, Counter, Gauge, type Registry } from 'prom-client'

/** All metrics of one process at one time. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The workers of a server, as one of them sees them. */
export interface MetricsOfWorkers {
  /** `read` is called when another worker is asked for the metrics of all. */
  shareMetrics(read: () => Promise<Snapshot>): void
  /** Passes on the metrics of this worker, and resolves with those of the others. */
  gather(own: Snapshot): Promise<Gathered>
}

/** The metrics of the other workers. */
export interface Gathered {
  /**
   * All metrics of those that answered, and what the others, and those that crashed, counted when last asked.
   */
  readonly snapshots: readonly Snapshot[]
  /** Workers that answered. */
  readonly answered: number
  /** Workers that crashed since the server started. */
  readonly crashes: number
}

/** The metrics of all workers together, in the format of `own`. */
export async function sumMetrics(own: Registry, workers: MetricsOfWorkers): Promise<string> {
  const snapshot = await own.getMetricsAsJSON()
  const { snapshots, answered, crashes } = await workers.gather(snapshot)
  const registry = aggregate([snapshot, ...snapshots])
  const registers = [registry]
  new Gauge({ name: 'vouch_workers', help: 'Workers whose metrics these are.', registers }).set(answered + 1)
  const help = 'Workers that ended unexpectedly since the server started, and were replaced.'
  new Counter({ name: 'vouch_worker_crashes_total', help, registers }).inc(crashes)
  return await registry.metrics()
}

/** What stays true of a worker that is gone: what it counted, and its last audit. A sum never falls then. */
export function toLasting(snapshot: Snapshot): Snapshot {
  // prom-client declares its types as numbers; they are texts.
  return snapshot.filter(({ type, aggregator }) => String(type) !== 'gauge' || aggregator === 'first')
}

/** `toLasting` of several workers as one. */
export async function mergeLasting(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  return await aggregate(snapshots).getMetricsAsJSON()
}

function aggregate(snapshots: readonly Snapshot[]): Registry {
  // The gauges of an audit are those of the last audit: each takes the value that comes first.
  const newestFirst = snapshots.toSorted((a, b) => toAuditTime(b) - toAuditTime(a))
  return AggregatorRegistry.aggregate(newestFirst.map((snapshot) => snapshot.map(withStart)))
}

function toAuditTime(snapshot: Snapshot): number {
  const ended = snapshot.find(({ name }) => name === 'vouch_last_audit_timestamp_seconds')
  return ended?.values[0]?.value ?? 0
}

/** prom-client leaves out when the processes started; the server started with the first. */
function withStart(metric: Snapshot[number]): Snapshot[number] {
  return metric.name === 'process_start_time_seconds' ? { ...metric, aggregator: 'min' } : metric
}
