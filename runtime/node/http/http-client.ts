import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  type RequestOptions,
  request as requestPlain,
} from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { pipeline, Readable } from 'node:stream'
import { createChannel } from '../../../functions/bytes/channel.ts'
import { type Chunks, concatenate } from '../../../functions/bytes/chunks.ts'
import type { Send } from '../../../functions/storage/remote/remote.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { CONNECT_MS } from '../../../functions/wire/limits.ts'
import { getErrno } from '../files/errno.ts'
import { KEPT_MS, MAX_UNREAD_BYTES, PROBE_AFTER_MS } from '../limits.ts'
import { type TlsOption, toConnect, toFiles } from './tls.ts'

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
 * `fetch`. Without `silenceMs` the caller watches for silence. It follows no redirect. A request that changes
 * nothing is sent again when the server closes a kept connection instead of answering.
 *
 * @example
 * const fetch = createSend({ connectMs: 2000 })
 * const server2 = createRemoteStorage('https://server2.example:6002', { fetch, token: () => token })
 */
export function createSend({ connectMs = CONNECT_MS, silenceMs, tls = {} }: SendOptions = {}): Send {
  const toRequest = createRequests(tls)
  return async (url, { method = 'GET', headers, body, signal, isRepeatable = SAFE.includes(method) }) => {
    for (;;) {
      signal?.throwIfAborted()
      const request = toRequest(new URL(url), { method, headers })
      limitConnecting(request, connectMs)
      const reply = receive(request, { silenceMs, signal })
      if (body instanceof ReadableStream) sendBody(body, request)
      else request.end(body)
      try {
        return await reply
      } catch (error) {
        if (!isRepeatable || !isClosedBefore(request, error)) throw error
      }
    }
  }
}

/** Methods of requests that change nothing. */
const SAFE: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PROPFIND']

/**
 * Whether a request failed because the server closed its connection, which had served others before: it may
 * have closed it before the request reached it (RFC 9112 §9.3.1).
 */
function isClosedBefore({ reusedSocket }: ClientRequest, error: unknown): boolean {
  return reusedSocket && ['ECONNRESET', 'EPIPE'].includes(getErrno(error))
}

/** Makes requests, each on a connection of its own until that is free for another. */
function createRequests(tls: TlsOption) {
  const kept = { keepAlive: true, keepAliveMsecs: PROBE_AFTER_MS, timeout: KEPT_MS }
  let plain: PlainAgent | undefined
  let secure: TlsAgent | undefined

  return ({ protocol, hostname, port, pathname, search }: URL, init: RequestOptions): ClientRequest => {
    // An IPv6 address has brackets in a URL alone.
    const host = hostname.replace(/^\[|\]$/g, '')
    const to = { ...init, host, port: port || null, path: pathname + search, joinDuplicateHeaders: true }
    if (protocol === 'https:') {
      secure ??= createTlsAgent(kept, tls)
      return requestTls({ ...to, agent: secure })
    }
    plain ??= new PlainAgent(kept)
    return requestPlain({ ...to, agent: plain })
  }
}

/** Makes each connection with the certificates that `tls` has then. */
function createTlsAgent(kept: object, tls: TlsOption): TlsAgent {
  // A session that is resumed has the certificates of its first connection.
  const agent = new TlsAgent({ ...kept, maxCachedSessions: 0 })
  const connect = agent.createConnection
  agent.createConnection = (options, callback) =>
    connect.call(agent, { ...options, ...toConnect(toFiles(tls)) }, callback)
  return agent
}

/** Sends a body, and cancels it when the request ends early. Its error is that of the request. */
function sendBody(body: ReadableStream<Uint8Array>, request: ClientRequest): void {
  const source = Readable.from(body)
  source.on('error', (error) => request.destroy(error))
  pipeline(source, request, () => {})
}

function limitConnecting(request: ClientRequest, ms: number): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return
    const timer = setTimeout(() => request.destroy(toTimeout('ETIMEDOUT')), ms)
    const stop = () => clearTimeout(timer)
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop)
    socket.once('close', stop)
  })
}

/** An error with a code that `toNetworkError` knows. */
function toTimeout(code: 'ETIMEDOUT' | 'RESPONSE_TIMEOUT' | 'BODY_TIMEOUT'): Error {
  return Object.assign(new Error('the server is silent'), { code })
}

interface ReceiveOptions {
  readonly silenceMs: number | undefined
  readonly signal: AbortSignal | undefined
}

/** Resolves with the reply to a request once its header is there. Many unread chunks make it pause. */
function receive(request: ClientRequest, { silenceMs, signal }: ReceiveOptions): Promise<Reply> {
  const { promise: reply, resolve, reject } = Promise.withResolvers<Reply>()
  const chunks = createChannel<Uint8Array>(MAX_UNREAD_BYTES, ({ length }) => length)
  let response: IncomingMessage | undefined
  let silence: NodeJS.Timeout | undefined
  let isEnded = false

  function abort(): void {
    end(signal?.reason)
    request.destroy()
  }

  function end(error?: unknown): void {
    if (isEnded) return
    isEnded = true
    clearTimeout(silence)
    signal?.removeEventListener('abort', abort)
    if (error !== undefined) reject(error)
    chunks.end(error)
    // The server does not want the rest.
    if (!request.writableFinished) request.destroy()
  }

  /** Fails with `code` when nothing comes from now on. */
  function watch(code: Parameters<typeof toTimeout>[0]): void {
    clearTimeout(silence)
    if (silenceMs === undefined || isEnded) return
    silence = setTimeout(() => request.destroy(toTimeout(code)), silenceMs)
  }

  const body: Chunks = {
    async next() {
      const next = await chunks.next()
      if (response?.isPaused() && chunks.size() <= MAX_UNREAD_BYTES / 2) {
        watch('BODY_TIMEOUT')
        response.resume()
      }
      return next
    },
    takeWhole() {
      const whole = chunks.takeWhole()
      return whole && concatenate(whole)
    },
    async cancel() {
      if (isEnded && chunks.size() === 0) return
      chunks.cancel()
      if (isEnded) return
      end()
      request.destroy()
    },
  }

  // A server may answer neither to a body that it does not read.
  watch('RESPONSE_TIMEOUT')
  request.on('finish', () => response ?? watch('RESPONSE_TIMEOUT'))
  request.on('error', end)
  // What came of a response may still be read.
  request.on('close', () => response ?? end(toClosed()))
  request.on('response', (received) => {
    response = received
    watch('BODY_TIMEOUT')
    received.on('data', (chunk: Buffer) => {
      chunks.add(chunk)
      if (chunks.size() < MAX_UNREAD_BYTES) {
        silence?.refresh()
        return
      }
      received.pause()
      clearTimeout(silence)
    })
    received.on('end', () => end())
    received.on('error', end)
    resolve({ status: received.statusCode ?? 0, headers: { get: (name) => toText(received, name) }, body })
  })
  signal?.addEventListener('abort', abort, { once: true })
  return reply
}

function toClosed(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })
}

function toText({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
}
