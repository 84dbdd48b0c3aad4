import type { Worker } from 'node:cluster'
import { withTimeout } from '../../../functions/wire/limit.ts'
import type { Snapshot } from '../../node/observe/worker-metrics.ts'
import { type Io, say } from '../io.ts'
import { METRICS_MS } from '../limits.ts'
import type { FromWorker, ToWorker } from './worker.ts'

/** The place of one worker, and of those that replace it, as far as its metrics go. */
export interface Measured {
  worker: Worker | null
  /** When its worker began to listen; null before. */
  listeningSince: number | null
  /** The metrics that its worker last reported. */
  snapshot: Snapshot
}

/** Passes the metrics of the workers to the one that is asked for them. The main process itself has none. */
export function createMetricsExchange(io: Io) {
  const waiting = new Map<string, (isAnswered: boolean) => void>()
  let lasting: Promise<Snapshot> = Promise.resolve([])
  let crashes = 0
  let lastId = 0

  /** Asks the worker of `place` for its metrics; resolves with whether it answered. */
  async function ask({ worker, listeningSince }: Measured): Promise<boolean> {
    if (worker === null || listeningSince === null) return false
    const id = ++lastId
    const key = toKey(worker, id)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    waiting.set(key, resolve)
    send(worker, { kind: 'read-metrics', id })
    const isAnswered = await withTimeout(METRICS_MS, promise)
    waiting.delete(key)
    if (isAnswered === undefined) {
      const late = `worker ${worker.process.pid} did not report its metrics within ${METRICS_MS / 1000} s`
      say(io, `warning: ${late}: /metrics has those that it reported before`)
    }
    return isAnswered ?? false
  }

  /** What the workers that crashed have counted. */
  async function readLasting(): Promise<Snapshot> {
    for (;;) {
      const reading = lasting
      const snapshot = await reading
      // Another may have crashed meanwhile.
      if (reading === lasting) return snapshot
    }
  }

  return {
    receive(place: Measured, worker: Worker, message: Extract<FromWorker, { kind: 'metrics' }>): void {
      place.snapshot = message.snapshot
      waiting.get(toKey(worker, message.id))?.(true)
    },
    /** Notes that `worker` ended: what it last reported at `place` stays counted. */
    forget(place: Measured, worker: Worker): void {
      const { snapshot } = place
      const before = lasting
      place.snapshot = []
      crashes++
      for (const [key, resolve] of waiting) if (key.startsWith(toKey(worker, ''))) resolve(false)
      if (snapshot.length > 0) lasting = addLasting(before, snapshot)
    },
    /** Sends the metrics of all other `places` to the worker of `place`, which sent its own. */
    async gather(
      places: readonly Measured[],
      place: Measured,
      { id, snapshot }: Extract<FromWorker, { kind: 'gather' }>,
    ): Promise<void> {
      const { worker } = place
      if (worker === null) return
      place.snapshot = snapshot
      const others = places.filter((other) => other !== place)
      const answered = (await Promise.all(others.map(ask))).filter(Boolean).length
      const kept = await readLasting()
      const snapshots = [...others.map((other) => other.snapshot), kept]
      send(worker, { kind: 'gathered', id, gathered: { snapshots, answered, crashes } })
    },
  }
}

/** Sends a message. A worker that is gone reads none; the event of its end follows. */
export function send(worker: Worker, message: ToWorker): void {
  worker.send(message, () => {})
}

function toKey({ id }: Worker, question: number | ''): string {
  return `${id} ${question}`
}

async function addLasting(before: Promise<Snapshot>, snapshot: Snapshot): Promise<Snapshot> {
  // Loaded when the first worker crashes: the main process needs nothing else of it.
  const { mergeLasting, toLasting } = await import('../../node/observe/worker-metrics.ts')
  return await mergeLasting([await before, toLasting(snapshot)])
}
