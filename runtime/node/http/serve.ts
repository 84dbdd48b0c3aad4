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
import { type Chunks, toChunks } from '../../../functions/bytes/chunks.ts'
import { free } from '../../../functions/bytes/freeing.ts'
import { type Parts, toParts } from '../../../functions/http/answer.ts'
import { createProblem, type ProblemType } from '../../../functions/http/problems.ts'
import {
  CLOSING_SILENCE_MS,
  HEADERS_MS,
  KEEP_ALIVE_MS,
  MAX_CONNECTIONS,
  MAX_HEADER_BYTES,
  MAX_REQUESTS_PER_CONNECTION,
  ONE_WRITE_BYTES,
  PIECE_BYTES,
  PROBE_AFTER_MS,
  SERVER_CHECK_MS,
  STALLED_MS,
} from '../limits.ts'
import { findWrongHost } from './host-field.ts'
import { type TlsOption, toConnect, toFiles } from './tls.ts'

/** Answers requests. `peer` is their sender. */
export type Fetch = (request: Request, peer: Peer) => Response | Promise<Response>

/** The sender of a request. */
export interface Peer {
  /** Its IP address; undefined once the connection is gone. */
  readonly client: string | undefined
}

/** Where to listen, and how. */
export interface ServeOptions {
  /** An address or a host name. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /**
   * Serves https, and with `ca` refuses clients without a certificate of it. A function is called again while
   * the server runs: new connections get the new certificate, and open ones continue.
   */
  readonly tls?: TlsOption | undefined
  /** Called when an answer broke off, unless the client left. */
  readonly onBroken?: ((request: Request, error: unknown) => void) | undefined
}

/** A listening server. Its creator closes it. */
export interface Served {
  /** Its address, with the port. */
  readonly url: string
  readonly port: number
  /**
   * Accepts no new connection, finishes the answers under way, and resolves when the last connection is
   * closed. Waits for no client that stalls its request or its answer. A second call ends everything at once.
   */
  close(): Promise<void>
}

/**
 * Serves `fetch` over HTTP/1.1. Resolves when it listens; rejects with the error of listening (`EADDRINUSE`,
 * `EACCES`, `ENOTFOUND`). An answer has no deadline while its client reads, however slowly. A request that is
 * not HTTP, too large or too slow gets a problem document. node-server replaces the global Request and
 * Response by lighter ones, which halve the cost of an answer from memory.
 *
 * @example
 * const replica = createReplica(createDirectoryStorage('/srv/files'), { createHasher })
 * const { url, close } = await serve((request) => replica.fetch(request), { host: '127.0.0.1', port: 8080 })
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
    (request, { incoming, outgoing }) => {
      respond(fetch, request, { incoming, outgoing, onBroken } as Exchange)
      // Said at once, so that node-server keeps nothing of its own while the answer is made.
      return RESPONSE_ALREADY_SENT
    },
    { hostname: host, errorHandler: toRefusal },
  )
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const wrong = findWrongHost(incoming)
    if (wrong !== null) return sendRefusal(createProblem('malformed-request', wrong), outgoing)
    // A scheme is case-insensitive (RFC 3986 §3.1), but not in node-server.
    if (!incoming.url?.startsWith('/'))
      incoming.url = incoming.url?.replace(/^https?:/i, (s) => s.toLowerCase())
    return listener(incoming, outgoing)
  }
  const options = {
    // Node refuses a request without a Host field with an empty body: `findWrongHost` explains.
    requireHostHeader: false,
    // Requests without a body do without the events of one, which cost a tenth of an answer.
    optimizeEmptyRequests: true,
    // Node's default aborts a request body after 5 minutes, however large.
    requestTimeout: 0,
    headersTimeout: HEADERS_MS,
    connectionsCheckingInterval: SERVER_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Probes find peers that lost their power or their network.
    keepAlive: true,
    keepAliveInitialDelay: PROBE_AFTER_MS,
  }
  const server = tls ? createSecureServer(tls, options, answer) : createHttpServer(options, answer)
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION
  server.on('clientError', refuse)
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // The client sends its body once it is read, not at all when answered before (RFC 9110 §10.1.1).
    incoming.once('resume', () => {
      if (!outgoing.headersSent) outgoing.writeContinue()
    })
    server.emit('request', incoming, outgoing)
  })
  return server
}

/** Node's request and response, and what to call when the answer breaks off. */
interface Exchange extends Pick<ServeOptions, 'onBroken'> {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Sends what `fetch` answers. Never rejects. */
async function respond(fetch: Fetch, request: Request, exchange: Exchange): Promise<void> {
  const { incoming, outgoing, onBroken } = exchange
  setSignal(request, outgoing)
  try {
    const response = await fetch(request, toPeer(incoming))
    const parts = toParts(response)
    if (parts !== undefined && !(parts.body instanceof ReadableStream)) sendWhole(parts, parts.body, outgoing)
    else if (response.body === null) outgoing.writeHead(response.status, toFields(response)).end()
    else await send(response, response.body, outgoing).catch((error) => onBroken?.(request, error))
  } catch (error) {
    if (outgoing.headersSent) outgoing.destroy()
    else sendRefusal(toRefusal(error), outgoing)
  }
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
  }, SERVER_CHECK_MS)
  server.once('close', () => clearInterval(timer))
  return server
}

function toPeer({ socket }: IncomingMessage): Peer {
  // A socket of both families shows an IPv4 address within an IPv6 one.
  return { client: socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') }
}

const ANSWER = Symbol('answer')
const ABORT = Symbol('abort')

/** A request of this server: the answer to it, and what its signal belongs to once that was read. */
interface Signalled extends Request {
  [ANSWER]?: ServerResponse
  [ABORT]?: AbortController
}

/**
 * Gives a request a signal that aborts with an Error when the client leaves. node-server's own aborts with a
 * string, which Hono and others do not treat as an error when it is thrown.
 */
function setSignal(request: Signalled, answer: ServerResponse): void {
  request[ANSWER] = answer
  // The same descriptor each time: V8 has another kind of object for each getter.
  Object.defineProperty(request, 'signal', SIGNAL)
}

const SIGNAL: PropertyDescriptor & ThisType<Signalled> = {
  get() {
    this[ABORT] ??= createAbort(this[ANSWER])
    return this[ABORT].signal
  },
}

function createAbort(answer: ServerResponse | undefined): AbortController {
  const abort = new AbortController()
  const leave = () => {
    if (!answer?.writableFinished) abort.abort(new Error('the client left'))
  }
  if (answer?.closed) leave()
  else answer?.once('close', leave)
  return abort
}

/** Answers an error outside the app, such as an address or a Host field that makes no Request. */
function toRefusal(error: unknown): Response {
  return error instanceof RequestError
    ? createProblem('malformed-request', 'the request target or the Host field is not valid')
    : createProblem('internal-error', 'the server failed unexpectedly')
}

const SLOWEST = `the header section takes at most ${HEADERS_MS / 1000} seconds`
const REFUSALS: Readonly<Record<string, readonly [type: ProblemType, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['fields-too-large', `the header section takes at most ${MAX_HEADER_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', SLOWEST],
}

/** Answers what is not a request of HTTP/1.1, or comes too late, and closes the connection. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const [type, detail] = REFUSALS[error.code ?? ''] ?? ['malformed-request', 'the request is not HTTP/1.1']
  const { status, fields = {}, body } = toParts(createProblem(type, detail)) ?? { status: 400 }
  if (!socket.writable || error.code === 'ECONNRESET' || !(body instanceof Uint8Array))
    return void socket.destroy()
  const all = Object.entries({ ...fields, Connection: 'close' })
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n`)
  socket.end(body)
}

/** Sends a problem document, and closes the connection after it. */
function sendRefusal(response: Response, outgoing: ServerResponse): void {
  const { status, fields, body } = toParts(response) ?? { status: 400 }
  outgoing.writeHead(status, { ...fields, Connection: 'close' })
  outgoing.end(body)
}

/** The fields of an answer, also of one that was not made by `createAnswer`. */
function toFields(response: Response): Parts['fields'] | string[] {
  return toParts(response)?.fields ?? [...response.headers].flat()
}

/**
 * Sends an answer from memory, a small one in one write: Node puts a text behind the fields, but passes bytes
 * to the kernel beside them, which costs a fifth of an answer. In latin1 each character is one byte.
 */
function sendWhole({ status, fields }: Parts, body: Uint8Array | null, outgoing: ServerResponse): void {
  outgoing.writeHead(status, fields)
  if (body === null || body.length > ONE_WRITE_BYTES) return void outgoing.end(body)
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')
  outgoing.end(text, 'latin1')
}

/**
 * Sends an answer with a body. node-server would print a stack trace for each body that fails, and answer 500
 * in plain text when that happens early. Rejects, after it has closed the connection, when the body fails: an
 * incomplete answer must not end cleanly. Cancels the body when the client leaves.
 */
async function send(
  response: Response,
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  if (outgoing.destroyed) return await body.cancel()
  // 'close' follows; without a listener the error would end the process.
  outgoing.on('error', () => {})
  const chunks = toChunks(body)
  outgoing.once('close', () => chunks.cancel().catch(() => {}))
  outgoing.writeHead(response.status, toFields(response))
  // Header and first chunk leave in one packet, unless the chunk comes later.
  const flush = setImmediate(() => outgoing.flushHeaders())
  try {
    await pour(chunks, outgoing)
  } catch (error) {
    outgoing.destroy()
    throw error
  } finally {
    clearImmediate(flush)
  }
}

/** Sends one chunk after the other: a stalled client costs one, and what its source reads ahead. */
async function pour(chunks: Chunks, outgoing: ServerResponse): Promise<void> {
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    const chunk = next.value
    const onSent = (error?: Error | null) => {
      if (!error) free(chunk)
    }
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const end = at + PIECE_BYTES
      const isLast = end >= chunk.length
      if (!outgoing.write(chunk.subarray(at, end), isLast ? onSent : undefined)) await drained(outgoing)
    }
  }
  outgoing.end()
}

/** Resolves when there is room for more, or the client has left. */
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

const UNDER_WAY = Symbol('answers under way')

/** A connection, and the answers under way on it: several when its client does not wait for each. */
interface Connection extends Socket {
  [UNDER_WAY]?: ServerResponse[]
}

/**
 * Creates `Served.close`. Node's own waits a minute for a connection that never sent a request, and for one
 * kept alive whose answer ended meanwhile: this one knows which connections have an answer under way.
 */
function createClose(server: Server): () => Promise<void> {
  const connections = new Map<string, Connection>()
  let closing: Promise<void> | undefined

  function endIdle(): void {
    for (const connection of connections.values())
      if (!connection[UNDER_WAY]?.length) connection.destroySoon()
  }

  function onAnswered(this: ServerResponse): void {
    const { [UNDER_WAY]: answers = [] }: Connection = this.req.socket
    answers.splice(answers.indexOf(this), 1)
    if (closing) endIdle()
  }

  // Under TLS a connection has two events, and the socket after the handshake replaces the one before.
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (connection: Connection) => {
      const key = toKey(connection)
      connections.set(key, connection)
      connection.once('close', () => connections.get(key) === connection && connections.delete(key))
    })
  }
  server.on('request', ({ socket }: { readonly socket: Connection }, answer: ServerResponse) => {
    // Not in one Set of all answers: V8 would keep them beyond their end, until the next full collection.
    socket[UNDER_WAY] ??= []
    socket[UNDER_WAY].push(answer)
    answer.on('close', onAnswered)
  })
  return () => {
    if (closing) {
      for (const connection of connections.values()) connection.destroy()
      return closing
    }
    const timer = setInterval(createStallCheck(connections), CLOSING_SILENCE_MS)
    closing = new Promise<void>((resolve) => server.close(() => resolve())).finally(() =>
      clearInterval(timer),
    )
    endIdle()
    return closing
  }
}

/** Ends, at each call, the connections whose client has moved nothing expected since the last call. */
function createStallCheck(connections: ReadonlyMap<string, Connection>): () => void {
  let before = new Map<ServerResponse, number>()
  return () => {
    const now = new Map<ServerResponse, number>()
    for (const connection of connections.values()) {
      const moved = connection.bytesRead + connection.bytesWritten - connection.writableLength
      for (const answer of connection[UNDER_WAY] ?? []) {
        const { complete, readableLength } = answer.req
        const isWaiting = answer.writableLength > 0 || (!complete && readableLength === 0)
        if (isWaiting) now.set(answer, moved)
        if (isWaiting && before.get(answer) === moved) connection.destroy()
      }
    }
    before = now
  }
}

/** Unique among the open connections. */
function toKey({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`
}
