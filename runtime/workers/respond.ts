import { toStream } from '../../functions/bytes/chunks.ts'
import { createProblem } from '../../functions/http/problems.ts'
import { toLargeChunks } from './chunks.ts'
import { ConfigurationError } from './configuration-error.ts'

/** Bytes of a request that are read after the app left them; beyond, closing the connection is cheaper. */
const MAX_DRAINED_BYTES = 1024 * 1024

/** Answers a request, such as the `fetch` of an app. */
export type Answer = (request: Request) => Response | Promise<Response>

/** A Worker's entry. */
export interface Worker<E extends object> {
  fetch(request: Request, env: E): Promise<Response>
}

/** Creates the app for one request. */
export type CreateAnswer = () => { readonly fetch: Answer }

/**
 * A Worker that answers by the app that `configure` returns for its bindings. With a wrong configuration it
 * answers every request with the error.
 *
 * Each request has an app of its own. workerd drops the work of a request when its client leaves, and
 * notifies nothing that waits for that work, so a count or a wait across requests would never end.
 * `configure` shares only values between requests.
 *
 * @example
 * export default createWorker((env: { readonly BUCKET: R2Bucket }) => {
 *   const storage = createObjectStorage(createR2Objects(env.BUCKET), { createHasher })
 *   return () => createReplica(storage, { createHasher })
 * })
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

/** Answers a request as workerd requires it: its body is read, and the answer is a stream of fixed length. */
async function respond(app: { readonly fetch: Answer }, request: Request): Promise<Response> {
  const asked =
    request.body === null ? request : new Request(request, { body: toStream(toLargeChunks(request.body)) })
  const response = await app.fetch(asked)
  if (!asked.bodyUsed && asked.body !== null) await drain(asked.body)
  return withLength(response)
}

/**
 * The response with its body in a stream of fixed length. workerd sends any other stream chunked, and ends
 * one that errors as if it were whole. With a fixed length, a body that breaks off breaks the connection (RFC
 * 9112 §8), so no client takes the part for the file. Unchanged without `Content-Length` or body.
 */
export function withLength(response: Response): Response {
  const length = response.headers.get('Content-Length')
  if (response.body === null || length === null) return response
  const { readable, writable } = new FixedLengthStream(Number(length))
  // The error reaches the client through `readable`.
  response.body.pipeTo(writable).catch(() => {})
  return new Response(readable, response)
}

/**
 * Reads a body that the app left unread: workerd would close the connection without announcing it, so that
 * the next request of the client on it fails.
 */
async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_DRAINED_BYTES) return
  }
}
