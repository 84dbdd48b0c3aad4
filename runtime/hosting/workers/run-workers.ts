import cluster, { type Worker } from 'node:cluster'
import { UserError } from '../../node/user-error.ts'
import { type Given, type Label, readFlags } from '../flag.ts'
import { WORKERS } from '../flags.ts'
import { Interruption, type Io, say } from '../io.ts'
import { MAX_RESTART_MS, RESTART_MS, STEADY_MS } from '../limits.ts'
import { type ServerLog, withServerLog } from '../server/server-log.ts'
import { createMetricsExchange, type Measured, send } from './metrics-exchange.ts'
import { type FromWorker, type ToWorker, WORKER_VARIABLE } from './worker.ts'

// node:cluster, not `reusePort`: with that, a second server started by mistake would share the port in
// silence, the connections that wait for a worker would be lost with it, and macOS has no such ports. The
// main process accepts connections and deals them out in turn, so that each worker gets as many; it sees no
// byte of them.

/**
 * Runs the server that this process was started for in as many worker processes as `--workers` asks for,
 * until `io.signal` aborts; resolves with the exit status. Resolves with null when one process is enough. The
 * workers are started with the arguments of this process.
 */
export async function runWorkers(given: Given, io: Io): Promise<number | null> {
  const { workers: count } = readFlags({ workers: WORKERS }, given)
  if (count === 1) return null
  return await withServerLog(given, io, async (io, log) => {
    requireCluster(given.label)
    return await superviseWorkers(count, io, log)
  })
}

function requireCluster(label: Label): void {
  const host = ['Bun', 'Deno'].find((name) => name in globalThis)
  if (host === undefined && process.platform !== 'win32') return
  throw new UserError(
    `${label('workers')} needs Node on Linux or macOS, and this is ${host ?? 'Windows'}; leave it out, or start several servers on ports of their own behind a proxy`,
  )
}

/** The place of one worker, and of those that replace it. */
interface Place extends Measured {
  readonly index: number
  /** Crashes in a row. */
  crashes: number
  restart: NodeJS.Timeout | undefined
}

async function superviseWorkers(count: number, io: Io, log: ServerLog): Promise<number> {
  io.signal?.throwIfAborted()
  const metrics = createMetricsExchange(io)
  const places: Place[] = Array.from({ length: count }, (_, index) => {
    return { index, worker: null, listeningSince: null, snapshot: [], crashes: 0, restart: undefined }
  })
  const ended = Promise.withResolvers<number>()
  let announced = ''
  let status = 0

  function start(place: Place): void {
    const worker = startWorker(place.index, (what, code) => {
      if (place.worker === worker) onEnded(place, worker, what, code)
    })
    place.worker = worker
    worker.on('message', (message: FromWorker) => onMessage(place, worker, message))
  }

  function onMessage(place: Place, worker: Worker, message: FromWorker): void {
    if (place.worker !== worker) return
    if (message.kind === 'listening') onListening(place, message)
    else if (message.kind === 'metrics') metrics.receive(place, worker, message)
    else metrics.gather(places, place, message).catch((error) => say(io, `warning: no metrics: ${error}`))
  }

  function onListening(place: Place, { line, url }: Extract<FromWorker, { kind: 'listening' }>): void {
    place.listeningSince = performance.now()
    // The others start once one listens: an error in the arguments is then reported once.
    if (announced === '') for (const other of places) if (isFree(other)) start(other)
    // With `--port 0` the port changes when all workers crash at once.
    if (places.some(({ listeningSince }) => listeningSince === null)) return
    if (announced !== url) log.listening(line, url)
    announced = url
    sendAll({ kind: 'ready' })
  }

  function onEnded(place: Place, worker: Worker, what: string, code: number | null): void {
    const { listeningSince } = place
    place.worker = null
    place.listeningSince = null
    const isLast = places.every(({ worker }) => worker === null)
    if (io.signal?.aborted) {
      if (code !== 0) status = code ?? 2
      if (isLast) ended.resolve(status)
      return
    }
    // It has printed why it cannot start.
    if (announced === '' && isLast && code) return void ended.resolve(code)
    metrics.forget(place, worker)
    if (listeningSince !== null && performance.now() - listeningSince > STEADY_MS) place.crashes = 0
    const pause = Math.min(RESTART_MS * 2 ** place.crashes++, MAX_RESTART_MS)
    const lost = listeningSince === null ? '' : ', and its connections broke off'
    say(io, `warning: ${what}${lost}; another starts in ${pause / 1000} s`)
    place.restart = setTimeout(() => start(place), pause)
  }

  function sendAll(message: ToWorker): void {
    for (const { worker } of places) if (worker !== null) send(worker, message)
  }

  function end(): void {
    const reason: unknown = io.signal?.reason
    const signal = reason instanceof Interruption ? reason.signal : 'SIGTERM'
    for (const { restart } of places) clearTimeout(restart)
    sendAll({ kind: 'end', signal })
    if (places.every(({ worker }) => worker === null)) ended.resolve(status)
  }

  const [first] = places
  if (first !== undefined) start(first)
  io.signal?.addEventListener('abort', end, { once: true })
  io.onHangup?.(() => sendAll({ kind: 'hangup' }))
  return await ended.promise
}

/**
 * Starts a worker. `onEnd` is called once it is gone, with a sentence about it, and its exit status if it has
 * one.
 */
function startWorker(index: number, onEnd: (what: string, code: number | null) => void): Worker {
  const worker = cluster.fork({ [WORKER_VARIABLE]: String(index) })
  const { pid } = worker.process
  worker.on('exit', (code: number | null, signal: string | null) => {
    const how = signal ? `was ended by ${signal}` : `ended with exit status ${code}`
    onEnd(`worker ${pid} ${how}`, code)
  })
  worker.on('error', ({ message }) => {
    // The event of a process that runs is about one message.
    if (pid === undefined) onEnd(`a worker could not be started: ${message}`, null)
  })
  return worker
}

/** Whether no worker was started there yet. */
function isFree({ worker, crashes }: Place): boolean {
  return worker === null && crashes === 0
}
