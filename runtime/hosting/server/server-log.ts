import type { Writable } from 'node:stream'
import { inspect } from 'node:util'
import type { Audited } from '../../../functions/coordinator/observer.ts'
import type { Log } from '../../../functions/wire/log.ts'
import { escapeControls, formatCount, formatNumber } from '../../../functions/wire/text.ts'
import { UserError } from '../../node/user-error.ts'
import { type Given, readFlags } from '../flag.ts'
import { LOG } from '../flags.ts'
import type { Io } from '../io.ts'
import { LOG_FLUSH_MS, MAX_WAITING_LINES_LENGTH } from '../limits.ts'

/** The log of a running server, in one format. */
export interface ServerLog {
  /** One request. */
  readonly request: Log
  /** Whether each request gets a trace. */
  readonly isTraced: boolean
  /** The server listens at `url`; `line` is the sentence for people. */
  listening(line: string, url: string): void
  /** A notice for the operator; begins with `warning: ` when something has to be done. */
  notice(line: string): void
  /** An audit ended. */
  audited(audited: Audited): void
  /** The error that ends the server; written before this returns, as far as the reader takes it. */
  failed(error: unknown): void
  /** Resolves when everything is written, or after LOG_FLUSH_MS when the reader stalls. */
  settle(): Promise<void>
}

/** Opens a log in the format `log`. */
export function openServerLog({ log }: { readonly log: 'text' | 'json' }, io: Io): ServerLog {
  return log === 'json' ? createJsonLog(io) : createTextLog(io)
}

/**
 * Runs a server with the log that its flags ask for, and resolves with the exit status. What `work` throws is
 * logged too, unless the server was interrupted.
 */
export async function withServerLog(
  given: Given,
  io: Io,
  work: (io: Io, log: ServerLog) => Promise<number>,
): Promise<number> {
  const log = openServerLog(readFlags({ log: LOG }, given), io)
  io.onUncaught?.(log.failed)
  try {
    return await work({ ...io, log }, log)
  } catch (error) {
    if (io.signal?.aborted) throw error
    log.failed(error)
    return 2
  } finally {
    await log.settle()
  }
}

let lastMs = 0
let lastTime = ''

/** The time now (RFC 3339). Many lines are of the same millisecond. */
function readTime(): string {
  const now = Date.now()
  if (now !== lastMs) lastTime = new Date(now).toISOString()
  lastMs = now
  return lastTime
}

function toDropped(count: number): string {
  return `warning: ${formatNumber(count)} lines of the log were dropped, because its reader was too slow`
}

/**
 * Requests and audits go to `stdout`, the rest to `stderr`; each line begins with its time (RFC 3339), and
 * the process in brackets if it is a worker.
 */
function createTextLog(io: Io): ServerLog {
  const own = io.worker === undefined ? '' : `[${io.worker.pid}] `
  const toLine = (text: string) => `${readTime()} ${own}${escapeControls(text)}\n`
  const out = createLineWriter(io.stdout, (count) => toLine(toDropped(count)))
  const err = createLineWriter(io.stderr, (count) => toLine(toDropped(count)))
  return {
    isTraced: false,
    request({ client, method, path, status, ms, agreement, states, error }) {
      const asked = `${client ? `${client} ` : ''}${method} ${path} ${status}`
      const found = `${agreement ? ` ${agreement}` : ''}${states ? ` ${states}` : ''}`
      out.write(toLine(`${asked}${found} ${Math.round(ms)} ms`))
      if (error !== undefined) err.write(`${inspect(error)}\n`)
    },
    listening: (line) => out.write(`${escapeControls(line)}\n`),
    notice: (line) => err.write(toLine(line)),
    audited: (audited) => out.write(toLine(toAuditLine(audited))),
    failed(error) {
      const bug = `this is a bug in vouch: ${inspect(error)}`
      err.write(`vouch: ${error instanceof UserError ? escapeControls(error.message) : bug}\n`)
      err.flush()
    },
    settle: () => settleAll([out, err]),
  }
}

/** Every line is JSON, on `stdout`; those of a worker have its `pid`. */
function createJsonLog(io: Io): ServerLog {
  const own = io.worker && { pid: io.worker.pid }
  const toLine = (level: keyof typeof LEVELS, msg: string, fields?: object): string => {
    const entry = { level: LEVELS[level], time: readTime(), ...own, ...fields, msg }
    return `${JSON.stringify(entry)}\n`
  }
  const out = createLineWriter(io.stdout, (dropped) =>
    toLine('warn', toDropped(dropped).replace('warning: ', ''), { dropped }),
  )
  const log = (...entry: Parameters<typeof toLine>) => out.write(toLine(...entry))
  return {
    isTraced: true,
    request({ error, ms, ...entry }) {
      const fields = { ...entry, ms: Math.round(ms) }
      if (error === undefined) log('info', 'answered', fields)
      else log('error', 'failed', { ...fields, err: toErr(error) })
    },
    listening: (line, url) => log('info', line, { url }),
    notice(line) {
      if (line.startsWith('warning: ')) log('warn', line.slice('warning: '.length))
      else log('info', line)
    },
    audited({ isWhole, ms, summary }) {
      log('info', 'audited', { isWhole, ms: Math.round(ms), ...toOutcome(summary) })
    },
    failed(error) {
      if (error instanceof UserError) log('fatal', error.message)
      else log('fatal', 'this is a bug in vouch', { err: toErr(error) })
      out.flush()
    },
    settle: () => settleAll([out]),
  }
}

/** The numbers that collectors of JSON logs know from Bunyan and Pino. */
const LEVELS = { info: 30, warn: 40, error: 50, fatal: 60 } as const

/** `inspect` shows causes and fields too, and never fails, as JSON does on a circular value. */
function toErr(error: unknown) {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error), stack: inspect(error) }
  return { type: error.constructor.name, message: error.message, stack: inspect(error) }
}

function toOutcome(summary: Audited['summary']) {
  if (summary === null) return { agreement: 'broken_off' }
  const { agreement, names, agreements, rotten, replicas } = summary
  const lost = replicas.filter(({ state }) => state === 'error').map(({ id }) => id)
  return { agreement, names, agreements, rotten, lost }
}

/** `audit conflict, 1,234 names: 1,230 unanimous, 4 conflict; 0 rotten copies, 1,500 ms`. */
function toAuditLine({ ms, summary }: Audited): string {
  const took = `${formatNumber(Math.round(ms))} ms`
  if (summary === null) return `audit broke off before its end, ${took}`
  const counts = Object.entries(summary.agreements).flatMap(([agreement, count]) =>
    count > 0 ? `${formatNumber(count)} ${agreement}` : [],
  )
  const lost = summary.replicas.filter(({ state }) => state === 'error').map(({ id }) => `, without ${id}`)
  const found = counts.length === 0 ? '' : `: ${counts.join(', ')}`
  const rotten = formatCount(summary.rotten, 'rotten copy', 'rotten copies')
  return `audit ${summary.agreement}, ${formatCount(summary.names, 'name', 'names')}${found}; ${rotten}${lost.join('')}, ${took}`
}

async function settleAll(writers: readonly LineWriter[]): Promise<void> {
  await Promise.all(writers.map((writer) => writer.settle(LOG_FLUSH_MS)))
}

/** Writes lines to a stream whose reader may be slow, or stall. */
interface LineWriter {
  /** Queues a line with its end. It is dropped, and counted, when the queue is full. */
  write(line: string): void
  /** Writes the queue to the stream, as far as the stream takes it. */
  flush(): void
  /** Flushes; resolves when the stream has taken everything or has ended, or after `ms`. */
  settle(ms: number): Promise<void>
}

/**
 * Lines written in one turn of the event loop go out together. After lines were dropped, and once there is
 * room again, a line from `toDropped` reports their number.
 */
export function createLineWriter(stream: Writable, toDropped: (count: number) => string): LineWriter {
  let waiting = ''
  let dropped = 0
  let isScheduled = false
  let full: PromiseWithResolvers<void> | null = null

  function flush(): void {
    isScheduled = false
    if (full !== null || (waiting === '' && dropped === 0)) return
    const lines = dropped === 0 ? waiting : waiting + toDropped(dropped)
    waiting = ''
    dropped = 0
    if (stream.write(lines)) return
    full = Promise.withResolvers()
    stream.once('drain', onDrain)
  }

  function onDrain(): void {
    full?.resolve()
    full = null
    flush()
  }

  return {
    write(line) {
      if (waiting.length + line.length > MAX_WAITING_LINES_LENGTH) dropped++
      else waiting += line
      if (isScheduled) return
      isScheduled = true
      setImmediate(flush)
    },
    flush,
    async settle(ms) {
      const over = Promise.withResolvers<void>()
      const timer = setTimeout(over.resolve, ms)
      stream.once('close', over.resolve).once('error', over.resolve)
      const drained = async () => {
        for (flush(); full !== null; ) await full.promise
      }
      try {
        await Promise.race([drained(), over.promise])
      } finally {
        clearTimeout(timer)
        stream.off('close', over.resolve).off('error', over.resolve)
      }
    },
  }
}
