import { once } from 'node:events'
import { toTarget } from '../../../functions/wire/fields/routes.ts'
import type { Log } from '../../../functions/wire/log.ts'
import type { DirectoryStorage } from '../../node/directory-storage.ts'
import { toExpiryWarning } from '../../node/http/certificate-expiry.ts'
import type { Reread } from '../../node/http/reread.ts'
import { type Fetch, serve } from '../../node/http/serve.ts'
import type { TlsFiles } from '../../node/http/tls.ts'
import { CLOSING_SILENCE_MS } from '../../node/limits.ts'
import type { Tracing } from '../../node/observe/tracing.ts'
import { UserError } from '../../node/user-error.ts'
import { type Io, isFirst, say } from '../io.ts'
import { EXPIRY_CHECK_MS } from '../limits.ts'
import type { OpenedDirectory } from '../open-replicas.ts'
import type { ServerLog } from './server-log.ts'

/** Where a server listens, and the line it prints then. */
interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: Reread<TlsFiles> | undefined
  readonly log: ServerLog
  readonly toBanner: (url: string) => string
  /** Closed when the server has ended. */
  readonly tracing: Tracing | null
  /** The directories that responses may wait for without a deadline. */
  readonly directories?: readonly Pick<OpenedDirectory, 'storage'>[]
}

/**
 * Serves `app` until `io.signal` aborts, finishes the responses under way, and resolves with the exit status.
 * Rejects with a UserError when it cannot listen.
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
    throw new UserError(`cannot listen on ${host}:${port}: ${toReason(error)}`)
  })
  // The main process reports it once, when all workers listen.
  const { listening } = io.worker ?? log
  listening(toBanner(served.url), served.url)
  const stopWarning = isFirst(io) ? warnOfExpiry(tls, io) : () => {}
  try {
    if (!io.signal?.aborted) await (io.signal ? once(io.signal, 'abort') : new Promise(() => {}))
    const closed = served.close()
    // A second call aborts all responses.
    for (const { storage } of directories) whenHeld(storage, served.close)
    await closed
  } finally {
    stopWarning()
  }
  await tracing?.close()
  return 0
}

/** Calls `run` when the file system of a directory does not answer now: its clients would wait forever. */
async function whenHeld(storage: DirectoryStorage, run: () => void): Promise<void> {
  // An error is an answer too.
  const answer = await storage.ready({ silence: CLOSING_SILENCE_MS }).catch(() => [])
  if (answer === null) run()
}

/** Reloads all `sources` at each SIGHUP, as nginx does. */
export function reloadOnHangup(sources: readonly ({ reload(): void } | undefined)[], io: Io): void {
  io.onHangup?.(() => {
    say(io, 'SIGHUP: reloading tokens and certificates')
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

/** Warns while the certificate expires soon; returns a function that stops it. */
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
  EADDRINUSE: 'the port is in use; --port names another, or 0 for any free one',
  EACCES: 'this user may not listen on that port; --port names one from 1024 up',
  EADDRNOTAVAIL: 'this machine has no such address; --host must name one of its addresses',
  ENOTFOUND: 'no such host; --host must name an address of this machine',
}

function toReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? String(error)
}
