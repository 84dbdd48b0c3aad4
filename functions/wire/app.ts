import { type Context, Hono, type HonoRequest, type MiddlewareHandler, type Next } from 'hono'
import { createAnswer, toParts } from './answer.ts'
import { type Budget, createBudget } from './budget.ts'
import { createLimit, watchBody } from './limit.ts'
import {
  MAX_RECEIVED_BYTES,
  MAX_REQUESTS_UNDER_WAY,
  MAX_STREAMED_BYTES,
  MAX_URL_BYTES,
  SMALL_ANSWER_BYTES,
  STREAM_OVERHEAD_BYTES,
} from './limits.ts'
import type { Log } from './log.ts'
import { createProblem } from './problems.ts'
import { toTarget } from './routes.ts'
import type { Health } from './schemas.ts'
import { createTrace, parseTraceparent, type Trace, toTraceId } from './trace.ts'
import { StorageError } from './trouble.ts'

/** What both servers take. */
export interface AppOptions {
  readonly log?: Log | undefined
  /** Whether a request may be answered; one that may not gets 401 (RFC 6750 §3). Everything may when absent. */
  readonly isAllowed?: ((request: Request) => boolean) | undefined
  /**
   * Whether the server goes by the host that a request is for; one for another gets 421 (RFC 9110 §7.4). It goes by any
   * when absent.
   */
  readonly isOwnHost?: ((url: string) => boolean) | undefined
  /** Whether a request that comes without a trace begins one. */
  readonly isTraced?: boolean | undefined
  /** Runs around each request before all else; the `trace` that it sets goes on to the replicas. */
  readonly around?: MiddlewareHandler<AppEnv> | undefined
}

/** What a server says of itself. */
export interface AppNature {
  /** Whether it has pages: a browser that may not ask is then told to ask for a password (RFC 7617 §2). */
  readonly hasPages?: boolean | undefined
}

/** What handlers find in their context. */
export interface AppEnv {
  /** What a host may pass beside a request: the address that it came from. */
  Bindings: { client?: string | undefined }
  Variables: {
    trace: Trace | undefined
    /** Of bodies of questions that are held in memory. */
    received: Budget
  }
}

/**
 * A Hono app with what both servers share: one log entry a request, its trace, the limits on addresses and load,
 * `/healthz`, and a problem document for a path that leads nowhere or an error that nothing foresaw.
 */
export function createApp({
  log,
  isAllowed = () => true,
  isOwnHost = () => true,
  isTraced,
  around,
  hasPages = false,
}: AppOptions & AppNature): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const failures = new WeakMap<Response, unknown>()
  const streamed = createBudget(MAX_STREAMED_BYTES)
  const received = createBudget(MAX_RECEIVED_BYTES)
  const requests = createLimit(MAX_REQUESTS_UNDER_WAY, 'requests')

  if (around !== undefined) app.use(around)
  app.use(async (c, next) => {
    const start = performance.now()
    const traceparent = c.req.header('traceparent')
    const trace = c.var.trace ?? parseTraceparent(traceparent ?? '') ?? (isTraced ? createTrace() : undefined)
    c.set('trace', trace)
    c.set('received', received)
    const refused = refuse(c)
    if (refused !== null) c.res = refused
    else if (c.req.path === HEALTH) await next()
    else setAnswer(c, await requests.run(async () => count(c, await answer(c, next))))
    if (log === undefined) return
    const fields = toParts(c.res)?.fields
    log({
      method: c.req.method,
      path: toTarget(c.req.url),
      status: c.res.status,
      ms: performance.now() - start,
      agreement: fields?.['Replica-Agreement']?.split(';')[0],
      states: fields?.['Replica-Status'],
      bytes: toNumber(fields?.['Content-Length']),
      trace: trace && toTraceId(trace),
      client: c.env?.client,
      error: failures.get(c.res),
    })
  })
  app.get(HEALTH, () => toJson({ status: 'ok' } satisfies Health))
  app.notFound((c) => createProblem('no-such-resource', `nothing is at ${c.req.path}`))
  app.onError(answerFailure)

  /** Why a request is not answered; null when it is. */
  function refuse(c: Context<AppEnv>): Response | null {
    if (c.req.url.length > MAX_URL_BYTES)
      return createProblem('uri-too-long', `the address takes more than ${MAX_URL_BYTES} bytes`)
    if (c.req.path === HEALTH) return null
    if (!isOwnHost(c.req.url))
      return createProblem(
        'misdirected',
        'this server has no tokens, so it answers only requests addressed to localhost or an IP address',
      )
    if (isPublic(c.req, hasPages) || isAllowed(c.req.raw)) return null
    return refuseStranger(hasPages && isBrowser(c.req))
  }

  /** Of an answer to HEAD nothing is read, and nothing sent. */
  function count(c: Context<AppEnv>, answer: Response): Response {
    return c.req.method === 'HEAD' ? answer : countBody(streamed, answer)
  }

  async function answer(c: Context<AppEnv>, next: Next): Promise<Response> {
    try {
      await next()
      return c.res
    } catch (error) {
      // Hono handles errors that are an Error, and rethrows anything else.
      return answerFailure(error, c)
    }
  }

  function answerFailure(error: unknown, c: Context<AppEnv>): Response {
    if (c.req.raw.signal.aborted) return createProblem('invalid-body', 'the request broke off')
    const answer = createProblem('internal-error', 'the server failed unexpectedly')
    failures.set(answer, error)
    return answer
  }

  return app
}

const HEALTH = '/healthz'

/** Whether a request needs no token: whether the server runs, and what its pages are made of, which holds nothing of files. */
function isPublic({ method, path }: HonoRequest, hasPages: boolean): boolean {
  if (path === HEALTH) return true
  return hasPages && path.startsWith('/assets/') && (method === 'GET' || method === 'HEAD')
}

/**
 * Whether a browser asks for a page, or for something within one of this server. It has to be challenged alike for both:
 * it shows a password unasked only below the address that it was asked for at (RFC 7617 §2.2).
 */
function isBrowser(request: HonoRequest): boolean {
  const isPage = request.header('Accept')?.includes('text/html') === true
  return isPage || request.header('Sec-Fetch-Site') === 'same-origin'
}

/**
 * The answer, its body counted while it is under way, unless it is small; the problem `overloaded` in its place when
 * there is no room.
 */
function countBody(streamed: Budget, answer: Response): Response {
  const sent = toStreamed(answer)
  if (sent === null) return answer
  const { response, body, held } = sent
  if (!streamed.hasRoom(held)) {
    body.cancel().catch(() => {})
    return createProblem('overloaded', 'the answers that are being sent take all the memory they may')
  }
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>()
  let set = (_bytes: number) => {}
  streamed.hold((setHeld) => {
    set = setHeld
    return ended
  })
  set(held)
  const onChunk = (bytes: number) => set(Math.max(held, STREAM_OVERHEAD_BYTES + bytes))
  return watchBody(response, { onChunk, onEnd }) ?? response
}

/** A stream that is sent, and the bytes that it holds whatever is read of it. */
interface Streamed {
  readonly response: Response
  readonly body: ReadableStream<Uint8Array>
  readonly held: number
}

/** An answer with a stream, or with as much from memory that it is sent as one; null for a small one. */
function toStreamed(answer: Response): Streamed | null {
  const { status, fields = {}, body } = toParts(answer) ?? {}
  if (body instanceof ReadableStream) return { response: answer, body, held: STREAM_OVERHEAD_BYTES }
  if (status === undefined || !body || body.length <= SMALL_ANSWER_BYTES) return null
  const pieces = toPieces(body)
  const response = createAnswer(status, fields, pieces)
  return { response, body: pieces, held: STREAM_OVERHEAD_BYTES + body.length }
}

/** `bytes` in pieces that are copies: whoever holds the last one does not hold the whole. */
function toPieces(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= bytes.length) return controller.close()
        controller.enqueue(bytes.slice(at, at + SMALL_ANSWER_BYTES))
        at += SMALL_ANSWER_BYTES
      },
    },
    { highWaterMark: 0 },
  )
}

/** Hono merges the fields of an answer that it replaces into the new one, unless it is taken away first. */
function setAnswer(c: Context<AppEnv>, answer: Response): void {
  if (c.res === answer) return
  c.res = undefined
  c.res = answer
}

function refuseStranger(hasPassword: boolean): Response {
  if (!hasPassword) {
    const fields = { 'WWW-Authenticate': 'Bearer realm="vouch"' }
    return createProblem('unauthorized', 'this server takes a bearer token', { fields })
  }
  const detail = 'this server takes a token: give it as the password, with any user name or none'
  return createProblem('unauthorized', detail, { fields: { 'WWW-Authenticate': 'Basic realm="vouch"' } })
}

function toNumber(length: string | undefined): number | undefined {
  return length === undefined ? undefined : Number(length)
}

/** Answers every other method on `path` with 405 and what it does take (RFC 9110 §15.5.6). Comes after its handlers. */
export function refuseOtherMethods(app: Hono<AppEnv>, path: string, allowed: string): void {
  app.all(path, (c) =>
    createProblem('method-not-allowed', `this resource takes ${allowed}, not ${c.req.method}`, {
      fields: { Allow: allowed },
    }),
  )
}

/** `value` as a JSON answer that no cache keeps. */
export function toJson(value: unknown): Response {
  const body = new TextEncoder().encode(JSON.stringify(value))
  const fields = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }
  return createAnswer(200, { ...fields, 'Cache-Control': 'no-store' }, body)
}

/** The value of a promise, or the error it rejected with when that is a StorageError; other errors are thrown on. */
export async function settle<T>(promise: Promise<T>): Promise<T | StorageError> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
}
