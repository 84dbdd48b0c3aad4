import { inspect } from 'node:util'
import { pino } from 'pino'
import type { Audited } from '../../functions/coordinator/observer.ts'
import { toCounted, toGrouped } from '../../functions/wire/grouped.ts'
import type { Log } from '../../functions/wire/log.ts'
import { printable } from '../../functions/wire/printable.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import type { Io } from './io.ts'
import { LOG_FLUSH_MS } from './limits.ts'
import { createLineWriter, type LineWriter } from './line-writer.ts'

/** What a server says while it runs: every line of it, in one format. */
export interface ServerLog {
  /** One request. */
  readonly request: Log
  /** Whether each request gets a trace. */
  readonly isTraced: boolean
  /** The server listens: `line` says where. */
  listening(line: string, url: string): void
  /** What people should know; it begins with `warning: ` where they should do something. */
  notice(line: string): void
  /** An audit ended. */
  audited(audited: Audited): void
  /** What ends the server; written before this returns, as far as the reader takes it. */
  failed(error: unknown): void
  /** Resolves when everything is written; or soon, when the reader stands still. */
  settle(): Promise<void>
}

/** Opens the log that `--log` names; throws a Refusal when that is neither text nor json. */
export function openServerLog({ log = 'text' }: Flags, io: Io): ServerLog {
  if (log === 'text') return createTextLog(io)
  if (log === 'json') return createJsonLog(io)
  throw new Refusal(`--log takes text or json, got '${log}'`)
}

function toDropped(count: number): string {
  return `warning: ${toGrouped(count)} lines of the log were dropped, because its reader fell behind`
}

/** Requests and audits go to `stdout`, all else to `stderr`, each line with its time (RFC 3339). */
function createTextLog(io: Io): ServerLog {
  const toLine = (text: string) => `${new Date().toISOString()} ${printable(text)}\n`
  const out = createLineWriter(io.stdout, (count) => toLine(toDropped(count)))
  const err = createLineWriter(io.stderr, (count) => toLine(toDropped(count)))
  return {
    isTraced: false,
    request({ client = '', method, path, status, ms, agreement, states, error }) {
      const words = [client, method, path, status, agreement ?? '', states ?? '', `${Math.round(ms)} ms`]
      out.write(toLine(words.filter((word) => word !== '').join(' ')))
      if (error !== undefined) err.write(`${inspect(error)}\n`)
    },
    listening: (line) => out.write(`${printable(line)}\n`),
    notice: (line) => err.write(toLine(line)),
    audited: (audited) => out.write(toLine(toAuditLine(audited))),
    failed(error) {
      err.write(`vouch: ${error instanceof Refusal ? printable(error.message) : toBug(error)}\n`)
      err.flush()
    },
    settle: () => settleAll([out, err]),
  }
}

/** Every line is JSON, on `stdout`. */
function createJsonLog(io: Io): ServerLog {
  const out = createLineWriter(io.stdout, toDroppedJson)
  const logger = createLogger(out.write)
  return {
    isTraced: true,
    request({ error, ms, ...entry }) {
      const told = { ...entry, ms: Math.round(ms) }
      if (error === undefined) logger.info(told, 'answered')
      else logger.error({ ...told, err: error }, 'failed')
    },
    listening: (line, url) => logger.info({ url }, line),
    notice(line) {
      if (line.startsWith('warning: ')) logger.warn(line.slice('warning: '.length))
      else logger.info(line)
    },
    audited({ isWhole, ms, summary }) {
      logger.info({ isWhole, ms: Math.round(ms), ...toOutcome(summary) }, 'audited')
    },
    failed(error) {
      if (error instanceof Refusal) logger.fatal(error.message)
      else logger.fatal({ err: error }, 'this is a bug in vouch')
      out.flush()
    },
    settle: () => settleAll([out]),
  }
}

function createLogger(write: (line: string) => void) {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write })
}

function toDroppedJson(dropped: number): string {
  let json = ''
  const logger = createLogger((line) => {
    json = line
  })
  logger.warn({ dropped }, toDropped(dropped).replace('warning: ', ''))
  return json
}

function toOutcome(summary: Audited['summary']) {
  if (summary === null) return { agreement: 'broken_off' }
  const { agreement, names, agreements, rotten, replicas } = summary
  const lost = replicas.filter(({ state }) => state === 'error').map(({ id }) => id)
  return { agreement, names, agreements, rotten, lost }
}

/** `audit conflict, 1,234 names: 1,230 unanimous, 4 conflict; 0 rotten copies, 1,500 ms`. */
function toAuditLine({ ms, summary }: Audited): string {
  const took = `${toGrouped(Math.round(ms))} ms`
  if (summary === null) return `audit broke off before its end, ${took}`
  const counts = Object.entries(summary.agreements).flatMap(([agreement, count]) =>
    count > 0 ? `${toGrouped(count)} ${agreement}` : [],
  )
  const lost = summary.replicas.filter(({ state }) => state === 'error').map(({ id }) => `, without ${id}`)
  const found = counts.length === 0 ? '' : `: ${counts.join(', ')}`
  const rotten = toCounted(summary.rotten, 'rotten copy', 'rotten copies')
  return `audit ${summary.agreement}, ${toCounted(summary.names, 'name', 'names')}${found}; ${rotten}${lost.join('')}, ${took}`
}

function toBug(error: unknown): string {
  return `this is a bug in vouch: ${inspect(error)}`
}

async function settleAll(writers: readonly LineWriter[]): Promise<void> {
  await Promise.all(writers.map((writer) => writer.settle(LOG_FLUSH_MS)))
}
