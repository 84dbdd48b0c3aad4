import { createProblem } from '../../functions/wire/problems.ts'
import { inLargeChunks } from './chunks.ts'
import { ConfigurationError } from './configuration-error.ts'

/** What the app may leave unread of a request; beyond, closing the connection is the cheaper end. */
const MAX_DRAINED_BYTES = 1024 * 1024

/** What answers a request, such as the `fetch` of an app. */
export type Answer = (request: Request) => Response | Promise<Response>

/** A Worker's entry. */
export interface Worker<E extends object> {
  fetch(request: Request, env: E): Promise<Response>
}

/** What answers one request. */
export type CreateAnswer = () => { readonly fetch: Answer }

/**
 * A Worker that answers by what `configure` makes of its bindings; with a wrong configuration, answers every request
 * with what is wrong.
 *
 * Each request has an app of its own: workerd drops what a request does when its client goes, without a word to what
 * waits for that, so whatever counts or waits for the work of others would do so for ever. What `configure` shares
 * between requests is values alone.
 */
export function createWorker<E extends object>(configure: (env: E) => CreateAnswer): Worker<E> {
  const configured = new WeakMap<E, CreateAnswer>()
  return {
    async fetch(request, env) {
      const createApp = configured.get(env) ?? toCreateAnswer(configure, env)
      configured.set(env, createApp)
      return await respond(createApp(), request)
    },
  }
}

function toCreateAnswer<E extends object>(configure: (env: E) => CreateAnswer, env: E): CreateAnswer {
  try {
    return configure(env)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return () => ({ fetch: () => createProblem('internal-error', error.message) })
  }
}

/** Answers a request as workerd must be answered: with the request's body read, and with the length of a stream. */
async function respond(app: { readonly fetch: Answer }, request: Request): Promise<Response> {
  const asked = request.body === null ? request : new Request(request, { body: inLargeChunks(request.body) })
  const response = await app.fetch(asked)
  if (!asked.bodyUsed && asked.body !== null) await drain(asked.body)
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
