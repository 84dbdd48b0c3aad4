import { toChunks, toStream } from '../../../functions/bytes/chunks.ts'
import type { Send } from '../../../functions/storage/remote/remote.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'

/** Sends requests to a server in this process. */
export function createLocalSend(answer: (request: Request) => Response | Promise<Response>): Send {
  return async (url, { method = 'GET', headers, body, signal }) => {
    const request = new Request(url, { method, headers, ...(body !== undefined && { body }) })
    return await toAbortable(Promise.resolve(answer(request)), signal)
  }
}

/**
 * A reply that ends at once when `signal` aborts: this, or reading the body, then rejects with its reason.
 */
async function toAbortable(answer: Promise<Response>, signal: AbortSignal | undefined): Promise<Reply> {
  if (signal === undefined) return await answer
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  try {
    if (signal.aborted) end()
    const { body, status, headers } = await Promise.race([answer, ended])
    return { status, headers, body: body && toStream(toChunks(body), signal) }
  } catch (error) {
    if (signal.aborted) answer.then(({ body }) => body?.cancel()).catch(() => {})
    throw error
  } finally {
    signal.removeEventListener('abort', end)
  }
}
