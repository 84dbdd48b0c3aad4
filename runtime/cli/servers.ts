import { once } from 'node:events'
import { inspect } from 'node:util'
import { pino } from 'pino'
import type { Log } from '../../functions/wire/log.ts'
import { printable } from '../../functions/wire/printable.ts'
import { toTarget } from '../../functions/wire/routes.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { serve } from '../node/serve.ts'
import type { TlsFiles } from '../node/tls.ts'
import type { Tracing } from '../node/tracing.ts'
import { type Io, say } from './io.ts'

/** Where a server listens, and the line it says when it does. */
export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsFiles | undefined
  readonly toBanner: (url: string) => string
  /** Closed when the server has ended. */
  readonly tracing: Tracing | null
}

/**
 * Serves `app` until `io.signal` aborts, finishes the answers under way, and resolves with the exit status. Rejects
 * with a Refusal when it cannot listen.
 */
export async function runServer(
  app: { readonly fetch: (request: Request) => Response | Promise<Response> },
  io: Io,
  { host, port, tls, toBanner, tracing }: ServerOptions,
): Promise<number> {
  const onBroken = (request: Request, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    say(io, `${request.method} ${toTarget(request.url)} broke off: ${reason}`)
  }
  const served = await serve((request) => app.fetch(request), { host, port, tls, onBroken }).catch(
    (error) => {
      throw new Refusal(`cannot listen on ${host}:${port}: ${toReason(error)}`)
    },
  )
  io.stdout.write(`${printable(toBanner(served.url))}\n`)
  if (!io.signal?.aborted) await (io.signal ? once(io.signal, 'abort') : new Promise(() => {}))
  await served.close()
  await tracing?.close()
  return 0
}

/** Tells each request in one line on `stdout`, as `--log` says; throws a Refusal when it says neither text nor json. */
export function createLog({ log = 'text' }: Flags, io: Io): { log: Log; isTraced?: boolean } {
  if (log === 'text') return { log: createTextLog(io) }
  if (log === 'json') return { log: createJsonLog(io), isTraced: true }
  throw new Refusal(`--log takes text or json, got '${log}'`)
}

/** Tells each request to two logs. */
export function toBoth(one: Log, other: Log): Log {
  return (entry) => {
    one(entry)
    other(entry)
  }
}

/** What is printed in one turn of the loop goes out at once; what went wrong inside goes to `stderr`. */
function createTextLog(io: Io): Log {
  let lines = ''

  function flush(): void {
    io.stdout.write(lines)
    lines = ''
  }

  return ({ method, path, status, ms, agreement, states, error }) => {
    const said = [agreement, states].filter((text) => text !== undefined && text !== '')
    const line = [method, path, status, ...said, `${Math.round(ms)} ms`].join(' ')
    if (lines === '') setImmediate(flush)
    lines += `${printable(line)}\n`
    if (error !== undefined) io.stderr.write(`${inspect(error)}\n`)
  }
}

function createJsonLog(io: Io): Log {
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, io.stdout)
  return ({ error, ...entry }) => {
    if (error === undefined) logger.info(entry, 'answered')
    else logger.error({ ...entry, err: error }, 'failed')
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; --port takes another, or 0 for any free one',
  EACCES: 'this port takes more rights; --port takes one from 1024 up',
  EADDRNOTAVAIL: 'this machine has no such address; --host takes one of its own',
  ENOTFOUND: 'the host has no address; --host takes one of this machine',
}

function toReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? String(error)
}
