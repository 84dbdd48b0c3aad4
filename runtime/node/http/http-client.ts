import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { buildConnector as BuildConnector, Dispatcher } from 'undici'
import { createChannel } from '../../../functions/bytes/channel.ts'
import { type Chunks, concatenate } from '../../../functions/bytes/chunks.ts'
import type { Send } from '../../../functions/storage/remote/remote.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { CONNECT_MS } from '../../../functions/wire/limits.ts'
import { MAX_UNREAD_BYTES, PROBE_AFTER_MS } from '../limits.ts'
import { type TlsFiles, type TlsOption, toConnect, toFiles } from './tls.ts'
import { Agent, buildConnector } from './undici.ts'

/** How connections are made. */
export interface SendOptions {
  /** How long connecting may take, in milliseconds. */
  readonly connectMs?: number | undefined
  /** How long a server may send nothing of a response, in milliseconds; any time when absent. */
  readonly silenceMs?: number | undefined
  /** A function is called at each new connection. */
  readonly tls?: TlsOption | undefined
}

/**
 * Creates a function that sends requests on kept connections, at a fraction of the cost of Node's own
 * `fetch`. Without `silenceMs` the caller watches for silence. It follows no redirect.
 *
 * @example
 * const fetch = createSend({ connectMs: 2000 })
 * const server2 = createRemoteStorage('https://server2.example:6002', { fetch, token: () => token })
 */
export function createSend({ connectMs = CONNECT_MS, silenceMs = 0, tls }: SendOptions = {}): Send {
  const connect = createConnect(connectMs, tls)
  const dispatcher = new Agent({ headersTimeout: silenceMs, bodyTimeout: silenceMs, connect })
  return async (url, { method = 'GET', headers, body, signal }) => {
    const { origin, pathname, search } = new URL(url)
    const sent = body instanceof ReadableStream ? Readable.from(body) : (body ?? null)
    const answer = createAnswer(signal)
    dispatcher.dispatch({ origin, path: pathname + search, method, headers, body: sent }, answer.handler)
    return await answer.reply
  }
}

/** Makes each connection with the certificates that `tls` has then. */
function createConnect(timeout: number, tls: TlsOption = {}): BuildConnector.connector {
  let files: TlsFiles | undefined
  let connect: BuildConnector.connector | undefined
  return (options, callback) => {
    const now = toFiles(tls)
    if (connect === undefined || now !== files) {
      connect = buildConnector({ timeout, keepAliveInitialDelay: PROBE_AFTER_MS, ...toConnect(now) })
    }
    files = now
    connect(options, callback)
  }
}

/** The reply to a request, and undici's handler that fills it. Many unread chunks make it pause. */
function createAnswer(signal: AbortSignal | undefined) {
  const { promise: reply, resolve, reject } = Promise.withResolvers<Reply>()
  const chunks = createChannel<Uint8Array>(MAX_UNREAD_BYTES, ({ length }) => length)
  let exchange: Dispatcher.DispatchController | undefined
  let isEnded = false

  function abort(): void {
    reject(signal?.reason)
    exchange?.abort(signal?.reason)
  }

  function end(error?: unknown): void {
    isEnded = true
    signal?.removeEventListener('abort', abort)
    chunks.end(error)
  }

  const body: Chunks = {
    async next() {
      const next = await chunks.next()
      if (exchange?.paused && chunks.size() <= MAX_UNREAD_BYTES / 2) exchange.resume()
      return next
    },
    takeWhole() {
      const whole = chunks.takeWhole()
      return whole && concatenate(whole)
    },
    async cancel() {
      if (isEnded && chunks.size() === 0) return
      chunks.cancel()
      if (!isEnded) exchange?.abort(new Error('the reader left'))
    },
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      exchange = controller
      if (signal?.aborted) abort()
    },
    onResponseStart(_controller, status, headers) {
      // A 1xx response announces the final one.
      if (status >= 200) resolve({ status, headers: { get: (name) => toText(headers, name) }, body })
    },
    onResponseData(controller, chunk) {
      chunks.add(chunk)
      if (chunks.size() >= MAX_UNREAD_BYTES) controller.pause()
    },
    onResponseEnd: () => end(),
    onResponseError(_controller, error) {
      reject(error)
      end(error)
    },
  }
  signal?.addEventListener('abort', abort, { once: true })
  return { reply, handler }
}

function toText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
}
