import { createProblem } from '../../functions/wire/problems.ts'
import { ConfigurationError } from './configuration-error.ts'

/** What the app may leave unread of a request; beyond, closing the connection is the cheaper end. */
const MAX_DRAINED_BYTES = 1024 * 1024

/** What answers a request: a Hono app, or a problem that is always the same. */
export type Answer = (request: Request) => Response | Promise<Response>

/** A Worker's entry, of the app that `createApp` makes of its bindings. */
export interface Worker<E extends object> {
  fetch(request: Request, env: E): Promise<Response>
}

/** Makes the app once for each configuration; with a wrong one, answers every request with what is wrong. */
export function createWorker<E extends object>(createApp: (env: E) => { fetch: Answer }): Worker<E> {
  const apps = new WeakMap<E, Answer>()
  return {
    async fetch(request, env) {
      const app = apps.get(env) ?? toAnswer(createApp, env)
      apps.set(env, app)
      return await respond(app, request)
    },
  }
}

function toAnswer<E extends object>(createApp: (env: E) => { fetch: Answer }, env: E): Answer {
  try {
    const app = createApp(env)
    return (request) => app.fetch(request)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return () => createProblem('internal-error', error.message)
  }
}

/** Answers a request as workerd must be answered: with the request's body read, and with the length of a stream. */
export async function respond(answer: Answer, request: Request): Promise<Response> {
  const response = await answer(request)
  if (!request.bodyUsed && request.body !== null) await drain(request.body)
  return withLength(response)
}

/**
 * `response` as workerd sends it with its length: a streamed body goes out chunked otherwise, and workerd ends a
 * chunked body that errors as if it were whole. Through a stream of fixed length, a body that breaks off breaks the
 * connection (RFC 9112 §8), so no client takes the part for the file. Without `Content-Length` or body, the response as
 * it is.
 */
export function withLength(response: Response): Response {
  const length = response.headers.get('Content-Length')
  if (response.body === null || length === null) return response
  const { readable, writable } = new FixedLengthStream(Number(length))
  // The error reaches the client through `readable`; here is nobody left to tell.
  response.body.pipeTo(writable).catch(() => {})
  return new Response(readable, response)
}

/**
 * Reads a body that nobody wanted: workerd closes a connection with one left unread, and does not say so, so the
 * client's next request on it fails.
 */
async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_DRAINED_BYTES) return
  }
}
