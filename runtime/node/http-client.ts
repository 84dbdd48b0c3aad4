/// <reference path="./undici-agent.d.ts" />
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { buildConnector as BuildConnector, Dispatcher } from 'undici'
import buildConnector from 'undici/lib/core/connect.js'
import Agent from 'undici/lib/dispatcher/agent.js'
import type { Send } from '../../functions/storage/remote.ts'
import type { Reply } from '../../functions/storage/replies.ts'
import type { Chunks } from '../../functions/storage/streams.ts'
import { CONNECT_MS } from '../../functions/wire/limits.ts'
import { MAX_UNREAD_BYTES, PROBE_AFTER_MS } from './limits.ts'
import { type TlsFiles, type TlsOption, toConnect, toFiles } from './tls.ts'

/** How connections come about. */
export interface SendOptions {
  /** Milliseconds. */
  readonly connectMs?: number | undefined
  /** What a function gives is asked for at each new connection. */
  readonly tls?: TlsOption | undefined
}

/**
 * Sends requests on kept connections, at a fraction of what Node's own `fetch` costs. A connection must come about
 * within `connectMs`; beyond that it sets no deadline: whoever asks watches for silence. A redirect is an answer like
 * any other.
 */
export function createSend({ connectMs = CONNECT_MS, tls }: SendOptions = {}): Send {
  const connect = createConnect(connectMs, tls)
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect })
  return async (url, { method = 'GET', headers, body, signal }) => {
    const { origin, pathname, search } = new URL(url)
    const sent = body instanceof ReadableStream ? Readable.from(body) : (body ?? null)
    const answer = createAnswer(signal)
    dispatcher.dispatch({ origin, path: pathname + search, method, headers, body: sent }, answer.handler)
    return await answer.reply
  }
}

/** Makes connections with the certificates that `tls` gives at that time. */
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

/** Node's own `fetch`, which shows and trusts what `tls` holds. */
export function createFetch(tls: TlsFiles | undefined): (request: Request) => Promise<Response> {
  if (tls === undefined) return fetch
  const dispatcher = new Agent({ connect: toConnect(tls) })
  // Node's fetch takes a dispatcher of undici, which the type of its options does not tell.
  const init = { dispatcher } as RequestInit
  return (request) => fetch(request, init)
}

/** An answer on its way: what undici tells of it, and what that comes to. */
function createAnswer(signal: AbortSignal | undefined) {
  const { promise: reply, resolve, reject } = Promise.withResolvers<Reply>()
  const body = createIncoming()
  let exchange: Dispatcher.DispatchController | undefined

  function abort(): void {
    end()
    reject(signal?.reason)
    exchange?.abort(signal?.reason)
  }

  function end(): void {
    signal?.removeEventListener('abort', abort)
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      exchange = controller
      if (signal?.aborted) abort()
    },
    onResponseStart(controller, status, headers) {
      // 1xx announce an answer and are none.
      if (status < 200) return
      resolve({ status, headers: { get: (name) => toText(headers, name) }, body: body.read(controller) })
    },
    onResponseData: (controller, chunk) => body.add(chunk, controller),
    onResponseEnd() {
      end()
      body.end()
    },
    onResponseError(_controller, error) {
      end()
      reject(error)
      body.fail(error)
    },
  }
  signal?.addEventListener('abort', abort, { once: true })
  return { reply, handler }
}

function toText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
}

/** Chunks that came, until they are read; when they are many the connection waits. */
function createIncoming() {
  let chunks: Uint8Array[] = []
  let unread = 0
  let ended = false
  let failure: unknown
  let arrived = Promise.withResolvers<void>()

  function read(controller: Dispatcher.DispatchController): Chunks {
    return {
      async next() {
        while (chunks.length === 0 && !ended) {
          await arrived.promise
          arrived = Promise.withResolvers()
        }
        const value = chunks.shift()
        if (value === undefined && failure !== undefined) throw failure
        if (value === undefined) return { done: true, value }
        unread -= value.length
        if (controller.paused && unread <= MAX_UNREAD_BYTES / 2) controller.resume()
        return { done: false, value }
      },
      async cancel() {
        chunks = []
        if (ended) return
        failure = undefined
        settle()
        controller.abort(new Error('nobody reads on'))
      },
    }
  }

  function settle(): void {
    ended = true
    arrived.resolve()
  }

  return {
    read,
    add(chunk: Uint8Array, controller: Dispatcher.DispatchController): void {
      if (ended) return
      chunks.push(chunk)
      unread += chunk.length
      if (unread >= MAX_UNREAD_BYTES) controller.pause()
      arrived.resolve()
    },
    end: settle,
    fail(error: unknown): void {
      if (ended) return
      failure = error
      settle()
    },
  }
}
