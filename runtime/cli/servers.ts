import { once } from 'node:events'
import type { Log } from '../../functions/wire/log.ts'
import { toTarget } from '../../functions/wire/routes.ts'
import { toExpiryWarning } from '../node/certificate-expiry.ts'
import type { Flags } from '../node/configuration.ts'
import type { DirectoryStorage } from '../node/directory-storage.ts'
import { CLOSING_SILENCE_MS } from '../node/limits.ts'
import { Refusal } from '../node/refusal.ts'
import type { Reread } from '../node/reread.ts'
import { type Fetch, serve } from '../node/serve.ts'
import type { TlsFiles } from '../node/tls.ts'
import type { Tracing } from '../node/tracing.ts'
import { type Io, say } from './io.ts'
import { EXPIRY_CHECK_MS } from './limits.ts'
import type { OpenedDirectory } from './replicas.ts'
import { openServerLog, type ServerLog } from './server-log.ts'

/** Where a server listens, and the line it says when it does. */
export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: Reread<TlsFiles> | undefined
  readonly log: ServerLog
  readonly toBanner: (url: string) => string
  /** Closed when the server has ended. */
  readonly tracing: Tracing | null
  /** The directories that answers may wait for without a deadline. */
  readonly directories?: readonly Pick<OpenedDirectory, 'storage'>[]
}

/**
 * Serves `app` until `io.signal` aborts, finishes the answers under way, and resolves with the exit status. Rejects
 * with a Refusal when it cannot listen.
 */
export async function runServer(
  app: { readonly fetch: Fetch },
  io: Io,
  { host, port, tls, log, toBanner, tracing, directories = [] }: ServerOptions,
): Promise<number> {
  const onBroken = (request: Request, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    say(io, `${request.method} ${toTarget(request.url)} broke off: ${reason}`)
  }
  const options = { host, port, tls: tls?.get, onBroken }
  const served = await serve((request, peer) => app.fetch(request, peer), options).catch((error) => {
    throw new Refusal(`cannot listen on ${host}:${port}: ${toReason(error)}`)
  })
  log.listening(toBanner(served.url), served.url)
  const stopWarning = warnOfExpiry(tls, io)
  try {
    if (!io.signal?.aborted) await (io.signal ? once(io.signal, 'abort') : new Promise(() => {}))
    const closed = served.close()
    // The second call ends all answers at once.
    for (const { storage } of directories) whenHeld(storage, served.close)
    await closed
  } finally {
    stopWarning()
  }
  await tracing?.close()
  return 0
}

/** Calls `run` when the file system of a directory gives no answer now, for which its clients would wait for ever. */
async function whenHeld(storage: DirectoryStorage, run: () => void): Promise<void> {
  // That the directory is gone is an answer.
  const answer = await storage.ready({ silence: CLOSING_SILENCE_MS }).catch(() => [])
  if (answer === null) run()
}

/**
 * Runs a server with the log that its flags ask for, and resolves with the exit status. What the server throws goes to
 * the log too, unless it was told to end.
 */
export async function withServerLog(
  flags: Flags,
  io: Io,
  work: (io: Io, log: ServerLog) => Promise<number>,
): Promise<number> {
  const log = openServerLog(flags, io)
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

/** Has everything of `sources` read again at each SIGHUP, as nginx does. */
export function reloadOnHangup(sources: readonly ({ reload(): void } | undefined)[], io: Io): void {
  io.onHangup?.(() => {
    say(io, 'SIGHUP: the tokens and certificates are read again')
    for (const source of sources) source?.reload()
  })
}

/** Passes each request to two logs. */
export function toBoth(one: Log, other: Log): Log {
  return (entry) => {
    one(entry)
    other(entry)
  }
}

/** Warns now and then for as long as the certificate expires soon; who starts it stops it. */
function warnOfExpiry(tls: ServerOptions['tls'], io: Io): () => void {
  function warn(): void {
    const { cert } = tls?.get() ?? {}
    const line = cert && toExpiryWarning(cert, Date.now())
    if (line) say(io, `warning: ${line}`)
  }
  warn()
  const timer = setInterval(warn, EXPIRY_CHECK_MS)
  return () => clearInterval(timer)
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
