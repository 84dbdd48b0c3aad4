import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { toParts } from '../../functions/wire/answer.ts'
import { createProblem, type ProblemType } from '../../functions/wire/problems.ts'
import { findWrongHost } from './host-field.ts'
import {
  CERTIFICATE_CHECK_MS,
  CHECK_CONNECTIONS_MS,
  CLOSING_SILENCE_MS,
  FIRST_BYTES,
  HEADERS_MS,
  KEEP_ALIVE_MS,
  MAX_CONNECTIONS,
  MAX_HEADER_BYTES,
  MAX_REQUESTS_PER_CONNECTION,
  PROBE_AFTER_MS,
  STALLED_MS,
} from './limits.ts'
import { type TlsOption, toConnect, toFiles } from './tls.ts'

/** What answers requests. It is told the address that a request came from. */
export type Fetch = (request: Request, peer: Peer) => Response | Promise<Response>

/** Who sent a request. */
export interface Peer {
  /** An IP address; undefined once the connection is gone. */
  readonly client: string | undefined
}

/** Where to listen, and who hears of answers that broke off. */
export interface ServeOptions {
  /** An address or a host name. */
  readonly host: string
  /** 0 for any port that is free. */
  readonly port: number
  /**
   * Serves https; a client without a certificate of `ca` is then refused, when there is one. What a function gives is
   * asked for again while the server runs: new connections get the new certificate, and those there are go on.
   */
  readonly tls?: TlsOption | undefined
  /** Told when an answer that had begun could not be sent to its end, unless the client itself went away. */
  readonly onBroken?: ((request: Request, error: unknown) => void) | undefined
}

/** A server that listens. Who started it closes it. */
export interface Served {
  /** Its address, with the port it listens on. */
  readonly url: string
  readonly port: number
  /**
   * Takes no new connection, finishes the answers under way, and resolves when the last connection is closed. A client
   * that neither sends the rest of its request nor takes its answer is not waited for. Called once more while that lasts,
   * it ends everything at once.
   */
  close(): Promise<void>
}

/**
 * Serves `fetch` over HTTP/1.1. Resolves when it listens; rejects with the error of listening (`EADDRINUSE`, `EACCES`,
 * `ENOTFOUND`). An answer is not limited in time while its reader takes something of it now and then: a file of any
 * size passes at the speed of its reader. A request that is no HTTP, too large or too slow gets a problem document.
 * node-server puts its own, lighter Request and Response in the place of the
 * globals: they are what makes an answer from memory cost half.
 */
export async function serve(fetch: Fetch, options: ServeOptions): Promise<Served> {
  const server = createServer(fetch, options)
  server.listen(options.port, options.host)
  await once(server, 'listening')
  // A server that listens on TCP has an address of this kind.
  const { address, family, port } = server.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address}]` : address
  return { url: `${options.tls ? 'https' : 'http'}://${host}:${port}`, port, close: createClose(server) }
}

function createServer(fetch: Fetch, { host, onBroken, tls }: ServeOptions): Server {
  const listener = getRequestListener(
    async (request, { incoming, outgoing }) => {
      Object.defineProperty(request, 'signal', { get: createSignal(outgoing as ServerResponse) })
      const response = await fetch(request, toPeer(incoming as IncomingMessage))
      const parts = toParts(response)
      // node-server writes what is in memory at once, without a look into the Response.
      if (parts !== undefined && !(parts.body instanceof ReadableStream)) return response
      if (response.body === null) return response
      // Without options for it, node-server makes no HTTP/2 server.
      await send(response, response.body, outgoing as ServerResponse).catch((error) =>
        onBroken?.(request, error),
      )
      return RESPONSE_ALREADY_SENT
    },
    { hostname: host, errorHandler: toRefusal },
  )
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const wrong = findWrongHost(incoming)
    if (wrong !== null) return sendRefusal(createProblem('malformed-request', wrong), outgoing)
    // A scheme is the same in any case (RFC 3986 §3.1), which node-server does not know.
    if (!incoming.url?.startsWith('/'))
      incoming.url = incoming.url?.replace(/^https?:/i, (s) => s.toLowerCase())
    return listener(incoming, outgoing)
  }
  const options = {
    // Node answers a request without one with an empty body: `findWrongHost` says what is wrong.
    requireHostHeader: false,
    // Node's default gives up on a request body after 5 minutes, however large.
    requestTimeout: 0,
    headersTimeout: HEADERS_MS,
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // A peer that lost its power or its network says nothing: probes find out.
    keepAlive: true,
    keepAliveInitialDelay: PROBE_AFTER_MS,
  }
  const server = tls ? createSecureServer(tls, options, answer) : createHttpServer(options, answer)
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION
  server.on('clientError', refuse)
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // The client sends its body once somebody reads it, and not at all when it is answered without (RFC 9110 §10.1.1).
    incoming.once('resume', () => {
      if (!outgoing.headersSent) outgoing.writeContinue()
    })
    server.emit('request', incoming, outgoing)
  })
  return server
}

function createSecureServer(tls: TlsOption, options: object, answer: RequestListener): Server {
  let files = toFiles(tls)
  const secure = { ...toConnect(files), requestCert: files.ca !== undefined, rejectUnauthorized: true }
  const server = createHttpsServer({ ...options, ...secure }, answer)
  const timer = setInterval(() => {
    const now = toFiles(tls)
    if (now === files) return
    files = now
    server.setSecureContext(toConnect(files))
  }, CERTIFICATE_CHECK_MS)
  server.once('close', () => clearInterval(timer))
  return server
}

function toPeer({ socket }: IncomingMessage): Peer {
  // A socket that listens on both families shows IPv4 within IPv6.
  return { client: socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') }
}

/**
 * The signal of a request, made when it is first asked for: aborted with an Error when the client goes away. The signal of
 * node-server is aborted with a string, which Hono and others do not take for an error when it is thrown.
 */
function createSignal(outgoing: ServerResponse): () => AbortSignal {
  let abort: AbortController | undefined

  function leave(): void {
    if (!outgoing.writableFinished) abort?.abort(new Error('the client went away'))
  }

  return () => {
    if (abort === undefined) {
      abort = new AbortController()
      if (outgoing.closed) leave()
      else outgoing.once('close', leave)
    }
    return abort.signal
  }
}

/** The answer to an address or a Host field that makes no Request; for whatever comes after, the app answers itself. */
function toRefusal(error: unknown): Response {
  return error instanceof RequestError
    ? createProblem('malformed-request', 'the request target or the Host field is not valid')
    : createProblem('internal-error', 'the server failed unexpectedly')
}

const REFUSALS: Readonly<Record<string, readonly [type: ProblemType, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['fields-too-large', `the header section takes at most ${MAX_HEADER_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [
    'request-timeout',
    `the header section takes at most ${HEADERS_MS / 1000} seconds`,
  ],
}

/** Answers what is no request of HTTP/1.1, or none in time, and closes the connection. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const [type, detail] = REFUSALS[error.code ?? ''] ?? ['malformed-request', 'the request is not HTTP/1.1']
  const { status, fields = {}, body } = toParts(createProblem(type, detail)) ?? { status: 400 }
  if (!socket.writable || error.code === 'ECONNRESET' || !(body instanceof Uint8Array))
    return void socket.destroy()
  const lines = Object.entries({ ...fields, Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`)
  socket.end(body)
}

/** Sends a problem document, and closes the connection after it. */
function sendRefusal(response: Response, outgoing: ServerResponse): void {
  const { status, fields, body } = toParts(response) ?? { status: 400 }
  outgoing.writeHead(status, { ...fields, Connection: 'close' })
  outgoing.end(body)
}

/**
 * Sends an answer with a body. Done here and not by node-server, which prints a stack trace for each copy that breaks
 * off, and answers 500 in plain text when that happens early. Rejects, with the connection broken off, when the body
 * fails: an answer that is not whole must not end cleanly. When the client goes away, the body is cancelled.
 */
async function send(
  response: Response,
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  if (outgoing.destroyed) return await body.cancel()
  // The client's going away is told by 'close' as well; without a listener the error would end the process.
  outgoing.on('error', () => {})
  const reader = body.getReader()
  outgoing.once('close', () => reader.cancel().catch(() => {}))
  outgoing.writeHead(response.status, toParts(response)?.fields ?? [...response.headers].flat())
  // Header and first chunk leave in one packet, unless the chunk has to be waited for.
  const flush = setImmediate(() => outgoing.flushHeaders())
  try {
    await pour(reader, outgoing)
  } catch (error) {
    outgoing.destroy()
    throw error
  } finally {
    clearImmediate(flush)
  }
}

/**
 * Reads the next chunk while one is being sent, once the client takes some of that: so a client that takes nothing costs
 * one chunk.
 */
async function pour(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  let next = await reader.read()
  while (!next.done) {
    const chunk = next.value
    if (!outgoing.write(chunk.subarray(0, FIRST_BYTES))) await drained(outgoing)
    const reading = reader.read()
    // It is awaited when this chunk is sent; that it failed by then is no news to anybody else.
    reading.catch(() => {})
    if (chunk.length > FIRST_BYTES && !outgoing.write(chunk.subarray(FIRST_BYTES))) await drained(outgoing)
    next = await reading
  }
  outgoing.end()
}

/** Resolves when there is room for more, or nobody to send it to. */
async function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => outgoing.destroy(), STALLED_MS)
    const settle = () => {
      clearTimeout(timer)
      outgoing.off('drain', settle).off('close', settle)
      resolve()
    }
    outgoing.on('drain', settle).on('close', settle)
  })
}

/**
 * Node's own `close` waits a minute for a connection that never sent a request, and for one kept alive whose answer
 * ended in the meantime: so it is known here which connections have an answer under way.
 */
function createClose(server: Server): () => Promise<void> {
  const sockets = new Map<string, Socket>()
  const answers = new Set<ServerResponse>()
  let closing: Promise<void> | undefined

  function endIdle(): void {
    const busy = new Set([...answers].map(({ req }) => req.socket))
    for (const socket of sockets.values()) if (!busy.has(socket)) socket.destroySoon()
  }

  // Under TLS a connection is told of twice, and the socket after the handshake takes the place of the one before.
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket: Socket) => {
      const key = toKey(socket)
      sockets.set(key, socket)
      socket.once('close', () => sockets.get(key) === socket && sockets.delete(key))
    })
  }
  server.on('request', (_request: IncomingMessage, answer: ServerResponse) => {
    answers.add(answer)
    answer.once('close', () => {
      answers.delete(answer)
      if (closing) endIdle()
    })
  })
  return () => {
    if (closing) {
      for (const socket of sockets.values()) socket.destroy()
      return closing
    }
    const timer = setInterval(createStallCheck(answers), CLOSING_SILENCE_MS)
    closing = new Promise<void>((resolve) => server.close(() => resolve())).finally(() =>
      clearInterval(timer),
    )
    endIdle()
    return closing
  }
}

/** Each time it is called, ends the connections on which the client was waited for and nothing moved since the last time. */
function createStallCheck(answers: ReadonlySet<ServerResponse>): () => void {
  let before = new Map<ServerResponse, number>()
  return () => {
    const now = new Map<ServerResponse, number>()
    for (const answer of answers) {
      const { socket, complete, readableLength } = answer.req
      const isWaiting = answer.writableLength > 0 || (!complete && readableLength === 0)
      const moved = socket.bytesRead + socket.bytesWritten - socket.writableLength
      if (isWaiting) now.set(answer, moved)
      if (isWaiting && before.get(answer) === moved) socket.destroy()
    }
    before = now
  }
}

/** What no two connections share at one time. */
function toKey({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`
}
