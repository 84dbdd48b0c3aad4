import { withTimeout } from '../../../functions/wire/limit.ts'
import { endProcess } from '../../node/mounts/held-up.ts'
import type { Gathered, Snapshot } from '../../node/observe/worker-metrics.ts'
import { Interruption, type WorkerLink } from '../io.ts'
import { METRICS_MS } from '../limits.ts'

/** The environment variable with the number of a worker. */
export const WORKER_VARIABLE = 'VOUCH_WORKER'

/** What the main process sends to a worker. */
export type ToWorker =
  | { readonly kind: 'end'; readonly signal: Interruption['signal'] }
  | { readonly kind: 'ready' }
  | { readonly kind: 'hangup' }
  | { readonly kind: 'read-metrics'; readonly id: number }
  | { readonly kind: 'gathered'; readonly id: number; readonly gathered: Gathered }

/** What a worker sends to the main process. */
export type FromWorker =
  | { readonly kind: 'listening'; readonly line: string; readonly url: string }
  | { readonly kind: 'metrics'; readonly id: number; readonly snapshot: Snapshot }
  | { readonly kind: 'gather'; readonly id: number; readonly snapshot: Snapshot }

/**
 * The link of this process, if it is a worker of a server. Signals of the system then do nothing: a terminal
 * and systemd send them to every process of a server, and the main process passes them on. A worker whose
 * main process ends, ends at once.
 */
export function openWorker(): WorkerLink | undefined {
  const { [WORKER_VARIABLE]: index } = process.env
  if (index === undefined || process.send === undefined) return undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
  // Before the listener of node:cluster, which waits for every thread.
  process.prependListener('disconnect', () => endProcess(0))
  const ending = new AbortController()
  const ready = Promise.withResolvers<void>()
  const hangups: (() => void)[] = []
  const waiting = new Map<number, (gathered: Gathered) => void>()
  let readMetrics: () => Promise<Snapshot> = async () => []
  let lastId = 0

  // A message that cannot be sent has lost its reader, and 'disconnect' follows.
  const send = (message: FromWorker) => void process.send?.(message, undefined, undefined, () => {})

  async function sendMetrics(id: number): Promise<void> {
    send({ kind: 'metrics', id, snapshot: await readMetrics() })
  }

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'ready') ready.resolve()
    else if (message.kind === 'end') ending.abort(new Interruption(message.signal))
    else if (message.kind === 'hangup') for (const listener of hangups) listener()
    else if (message.kind === 'gathered') waiting.get(message.id)?.(message.gathered)
    // The main process reports metrics that cannot be read as late.
    else if (message.kind === 'read-metrics') sendMetrics(message.id).catch(() => {})
  })

  return {
    index: Number(index),
    pid: process.pid,
    signal: ending.signal,
    ready: ready.promise,
    onHangup: (listener) => void hangups.push(listener),
    listening: (line, url) => send({ kind: 'listening', line, url }),
    shareMetrics(read) {
      readMetrics = read
    },
    async gather(snapshot) {
      const id = ++lastId
      const { promise, resolve } = Promise.withResolvers<Gathered>()
      waiting.set(id, resolve)
      send({ kind: 'gather', id, snapshot })
      try {
        const gathered = await withTimeout(2 * METRICS_MS, promise)
        if (gathered === undefined)
          throw new Error('the main process did not pass on the metrics of the workers')
        return gathered
      } finally {
        waiting.delete(id)
      }
    },
  }
}
