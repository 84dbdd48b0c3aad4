import { type Context, Hono, type HonoRequest, type MiddlewareHandler, type Next } from 'hono'
import { toTarget } from '../wire/fields/routes.ts'
import { createTrace, parseTraceparent, type Trace, toTraceId } from '../wire/fields/trace.ts'
import {
  MAX_RECEIVED_BYTES,
  MAX_REQUESTS_UNDER_WAY,
  MAX_STREAMED_BYTES,
  MAX_URL_BYTES,
  SMALL_ANSWER_BYTES,
  STREAM_OVERHEAD_BYTES,
} from '../wire/limits.ts'
import type { Log, RequestEntry } from '../wire/log.ts'
import type { Health } from '../wire/schemas/health.ts'
import { createAnswer, toJson, toParts } from './answer.ts'
import { refuseForeignPage } from './cross-site.ts'
import type { Document, Method, Operation } from './openapi/types.ts'
import { type Budget, createBudget, createLimit, watchBody } from './overload.ts'
import { createProblem } from './problems.ts'

/** Options of both servers. */
export interface AppOptions {
  readonly log?: Log | undefined
  /** Whether a request is authorized; one that is not gets 401 (RFC 6750 §3). All are when absent. */
  readonly isAllowed?: ((request: Request) => boolean) | undefined
  /** Whether the URL's host is this server's; otherwise it gets 421 (RFC 9110 §7.4). Any is when absent. */
  readonly isOwnHost?: ((url: string) => boolean) | undefined
  /** Whether a request without a trace starts one. */
  readonly isTraced?: boolean | undefined
  /** Runs around each request, before all else; the `trace` that it sets is sent on to the replicas. */
  readonly around?: MiddlewareHandler<AppEnv> | undefined
  /** Finds the route of a request; when absent, Hono's, which prepares for many requests at the first one. */
  readonly router?: Hono<AppEnv>['router'] | undefined
}

/** What handlers find in their context. */
export interface AppEnv {
  /** What a host may pass with a request: the client's address. */
  Bindings: { client?: string | undefined }
  Variables: {
    trace: Trace | undefined
    /** The budget of request bodies held in memory. */
    received: Budget
    /** Of a request for many files. */
    answerPart: AnswerPart
  }
}

/** What an answer depends on of a request. */
export interface RequestHead {
  readonly method: string
  readonly url: string
  readonly headers: Pick<Headers, 'get' | 'has'>
}

/**
 * Answers a GET request that is a part of the one under way, as if it had come by itself: it is authorized,
 * limited and logged, has the same trace, and its failure is a problem. `headers` are those that it is
 * authorized by.
 */
export type AnswerPart = (url: string, headers: Headers, work: () => Promise<Response>) => Promise<Response>

/**
 * Creates a Hono app with what both servers share: a log entry for each request, its trace, the limits on
 * URLs and load, `/healthz`, and a problem document for an unknown path or an unexpected error. With pages,
 * an unauthorized browser is asked for a password (RFC 7617 §2).
 */
export function createApp({
  log,
  isAllowed,
  isOwnHost = () => true,
  isTraced,
  around,
  router,
  hasPages = false,
}: AppOptions & { readonly hasPages?: boolean }): Hono<AppEnv> {
  const app = new Hono<AppEnv>(router && { router })
  const failures = new WeakMap<Response, unknown>()
  const streamed = createBudget(MAX_STREAMED_BYTES)
  const received = createBudget(MAX_RECEIVED_BYTES)
  const requests = createLimit(MAX_REQUESTS_UNDER_WAY, 'requests')

  if (around !== undefined) app.use(around)
  app.use(async (c, next) => {
    const noted = begin(c)
    const refused = findRefusal(c)
    if (refused !== null) c.res = refused
    else if (c.req.path === HEALTH) await next()
    else setAnswer(c, await requests.run(() => answer(c, next)))
    log?.(toEntry(noted, c.res, failures.get(c.res)))
  })
  app.get(HEALTH, () => toJson({ status: 'ok' } satisfies Health))
  app.notFound((c) => createProblem('no-such-resource', `nothing is at ${c.req.path}`))
  app.onError(answerFailure)

  /** Sets what handlers find in their context. */
  function begin(c: Context<AppEnv>): Noted {
    const start = performance.now()
    const { method, url } = c.req
    const traceparent = c.req.header('traceparent')
    const sent = traceparent === undefined ? null : parseTraceparent(traceparent)
    const trace = c.get('trace') ?? sent ?? (isTraced ? createTrace() : undefined)
    // Hono makes a Map for the first variable, which reads do without.
    if (trace !== undefined) c.set('trace', trace)
    if (method !== 'GET') {
      c.set('received', received)
      c.set('answerPart', (url, headers, work) => answerPart(c, { url, headers, work }))
    }
    return { method, url, start, trace, client: c.env?.client }
  }

  /** The answer to a request that is refused; null when it is not. */
  function findRefusal(c: Context<AppEnv>): Response | null {
    if (c.req.url.length > MAX_URL_BYTES) return refuseLength()
    if (c.req.path === HEALTH) return null
    if (!isOwnHost(c.req.url))
      return createProblem(
        'misdirected',
        'this server has no tokens configured, so it only answers requests addressed to localhost or an IP address',
      )
    if (isAllowed === undefined || isPublic(c.req, hasPages) || isAllowed(c.req.raw)) return null
    return refuseStranger(hasPages && takesPassword(c.req))
  }

  function answer(c: Context<AppEnv>, next: Next): Promise<Response> {
    return next().then(
      // The body of an answer to HEAD is not sent.
      () => (c.req.method === 'HEAD' ? c.res : countBody(streamed, c.res)),
      // Hono handles an Error, and rethrows anything else.
      (error) => answerFailure(error, c),
    )
  }

  async function answerPart(c: Context<AppEnv>, { url, headers, work }: Part): Promise<Response> {
    const start = performance.now()
    const answer = await requests.run(() => attempt(c, { url, headers, work }))
    if (log === undefined) return answer
    const noted = { method: 'GET', url, start, trace: c.get('trace'), client: c.env?.client }
    log(toEntry(noted, answer, failures.get(answer)))
    return answer
  }

  async function attempt(c: Context<AppEnv>, { url, headers, work }: Part): Promise<Response> {
    try {
      if (url.length > MAX_URL_BYTES) return refuseLength()
      if (isAllowed !== undefined && !isAllowed(new Request(url, { headers }))) return refuseStranger(false)
      return countBody(streamed, await work())
    } catch (error) {
      return answerFailure(error, c)
    }
  }

  function answerFailure(error: unknown, c: Context<AppEnv>): Response {
    if (c.req.raw.signal.aborted) return createProblem('invalid-body', 'the client ended the request')
    const answer = createProblem('internal-error', 'the server failed unexpectedly')
    failures.set(answer, error)
    return answer
  }

  return app
}

interface Part {
  readonly url: string
  readonly headers: Headers
  readonly work: () => Promise<Response>
}

/** What the log has of a request. */
interface Noted {
  readonly method: string
  readonly url: string
  /** By `performance.now`. */
  readonly start: number
  readonly trace: Trace | undefined
  readonly client: string | undefined
}

function refuseLength(): Response {
  return createProblem('uri-too-long', `the URL is longer than ${MAX_URL_BYTES} bytes`)
}

/** The entry of an answered request; `error` is the one behind an answer of `internal-error`. */
function toEntry(
  { method, url, start, trace, client }: Noted,
  answer: Response,
  error: unknown,
): RequestEntry {
  const fields = toParts(answer)?.fields
  const length = fields?.['Content-Length']
  return {
    method,
    path: toTarget(url),
    status: answer.status,
    ms: performance.now() - start,
    agreement: fields?.['Replica-Agreement']?.split(';')[0],
    states: fields?.['Replica-Status'],
    bytes: length === undefined ? undefined : Number(length),
    trace: trace && toTraceId(trace),
    client,
    error,
  }
}

const HEALTH = '/healthz'

/** Whether a request needs no token: health, and the assets of the pages, which hold nothing of the files. */
function isPublic({ method, path }: HonoRequest, hasPages: boolean): boolean {
  if (path === HEALTH) return true
  return hasPages && path.startsWith('/assets/') && (method === 'GET' || method === 'HEAD')
}

/**
 * Whether a browser requests a page, or a part of one of this server's pages, or a client WebDAV, which asks
 * its user for a password too. All get the same challenge: a browser sends a password unasked only below the
 * path that it was first asked at (RFC 7617 §2.2).
 */
function takesPassword(request: HonoRequest): boolean {
  if (request.path.startsWith('/dav/')) return true
  const isPage = request.header('Accept')?.includes('text/html') === true
  return isPage || request.header('Sec-Fetch-Site') === 'same-origin'
}

/** Counts a body that is not small against the budget while it is sent; `overloaded` without room. */
function countBody(streamed: Budget, answer: Response): Response {
  const sent = toStreamed(answer)
  if (sent === null) return answer
  const { response, body, held } = sent
  if (!streamed.hasRoom(held)) {
    body.cancel().catch(() => {})
    return createProblem('overloaded', 'the answers being sent fill the memory for them; ask again later')
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

/** An answer whose body is, or becomes, a stream, and the least bytes that it holds; null if it is small. */
function toStreamed(answer: Response) {
  const { status, fields = {}, body } = toParts(answer) ?? {}
  if (body instanceof ReadableStream) return { response: answer, body, held: STREAM_OVERHEAD_BYTES }
  if (status === undefined || !body || body.length <= SMALL_ANSWER_BYTES) return null
  const pieces = toPieces(body)
  const response = createAnswer(status, fields, pieces)
  return { response, body: pieces, held: STREAM_OVERHEAD_BYTES + body.length }
}

/** `bytes` in pieces, which are copies, so that a slow reader of the last does not hold the whole. */
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

/** Hono merges the fields of a replaced answer into the new one, unless the old one is removed first. */
function setAnswer(c: Context<AppEnv>, answer: Response): void {
  if (c.res === answer) return
  c.res = undefined
  c.res = answer
}

function refuseStranger(hasPassword: boolean): Response {
  const [scheme, detail] = hasPassword
    ? ['Basic', 'this server requires a token: enter it as the password, with any user name or none']
    : ['Bearer', 'this server requires a bearer token']
  return createProblem('unauthorized', detail, { fields: { 'WWW-Authenticate': `${scheme} realm="vouch"` } })
}

/** What the replicas get of a request: its trace, and a signal that aborts when its client leaves. */
export function toCaller(c: Context<AppEnv>) {
  return { trace: c.get('trace'), getSignal: () => c.req.raw.signal }
}

export type Handler = (c: Context<AppEnv>) => Response | Promise<Response>

/** The methods that one path takes. HEAD is answered as GET, without a body. */
interface Route {
  readonly get?: Handler | undefined
  readonly post?: Handler | undefined
  readonly put?: Handler | undefined
  /** Makes the path one of read-only WebDAV, which OPTIONS says (RFC 4918 §10.1). It may be costly. */
  readonly propfind?: Handler | undefined
  /** Whether GET is refused to pages of other sites, because it is costly. */
  readonly sameSite?: boolean | undefined
}

/** A server's routes by path, where `{name}` stands for all that follows. */
export type Routes = Readonly<Record<string, Route>>

/** The OpenAPI document of a server, with an operation for each method of its routes. */
interface Documented<R extends Routes> {
  readonly OPERATIONS: { readonly [P in keyof R]: { readonly [M in keyof R[P] & Method]: Operation } }
  readonly DOCUMENT: Document
}

/**
 * Adds a table of routes; any other method of their paths is answered with 405 and `Allow` (RFC 9110
 * §15.5.6). Serves their document at `/openapi.json`, which is loaded by its first request.
 */
export function addRoutes<R extends Routes>(
  app: Hono<AppEnv>,
  routes: R,
  loadDocument?: () => Promise<Documented<R>>,
): void {
  const document = { get: async () => toJson((await loadDocument?.())?.DOCUMENT) }
  const all: Routes = loadDocument === undefined ? routes : { ...routes, '/openapi.json': document }
  for (const [template, { get, post, put, propfind, sameSite }] of Object.entries(all)) {
    const path = template.replace('{name}', '*')
    if (get && sameSite) app.get(path, refuseForeignPage)
    if (get) app.get(path, get)
    if (post) app.post(path, post)
    if (put) app.put(path, put)
    const allowed = [
      ...(get ? ['GET', 'HEAD'] : []),
      ...(post ? ['POST'] : []),
      ...(put ? ['PUT'] : []),
      ...(propfind ? ['OPTIONS', 'PROPFIND'] : []),
    ].join(', ')
    if (propfind) {
      app.on('PROPFIND', path, refuseForeignPage, propfind)
      const fields = { Allow: allowed, DAV: '1', 'Content-Length': '0', 'Cache-Control': 'no-store' }
      app.options(path, () => createAnswer(200, fields, null))
    }
    app.all(path, (c) =>
      createProblem('method-not-allowed', `this resource takes ${allowed}, not ${c.req.method}`, {
        fields: { Allow: allowed },
      }),
    )
  }
}
