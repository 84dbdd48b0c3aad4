import { type Context, Hono, type HonoRequest, type MiddlewareHandler, type Next } from 'hono'
import { createAnswer, toParts } from './answer.ts'
import { type Budget, createBudget } from './budget.ts'
import { createLimit, watchBody } from './limit.ts'
import {
  MAX_RECEIVED_BYTES,
  MAX_REQUESTS_UNDER_WAY,
  MAX_STREAMED_BYTES,
  MAX_URL_BYTES,
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
    else setAnswer(c, countStream(streamed, await requests.run(() => answer(c, next))))
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

/** The answer, its stream counted while it is under way; the problem `overloaded` in its place when there is no room. */
function countStream(streamed: Budget, answer: Response): Response {
  const body = toParts(answer)?.body
  if (!(body instanceof ReadableStream)) return answer
  if (!streamed.hasRoom(STREAM_OVERHEAD_BYTES)) {
    body.cancel().catch(() => {})
    return createProblem('overloaded', 'the answers that are being sent take all the memory they may')
  }
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>()
  let set = (_bytes: number) => {}
  streamed.hold((setHeld) => {
    set = setHeld
    return ended
  })
  set(STREAM_OVERHEAD_BYTES)
  const onChunk = (bytes: number) => set(STREAM_OVERHEAD_BYTES + bytes)
  return watchBody(answer, { onChunk, onEnd }) ?? answer
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
