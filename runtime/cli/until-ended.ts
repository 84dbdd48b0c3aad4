import { toChunks, toStream } from '../../functions/storage/streams.ts'

/**
 * An answer as long as `signal` is not aborted: then it is not waited for and its body is left, at once, whatever the
 * host does with the signal of a Request (Node forgets it together with the Request, while the body still comes).
 * Rejects, as reading the body does, with the signal's reason.
 */
export async function untilEnded(
  answer: Promise<Response>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  if (signal === undefined) return await answer
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  try {
    if (signal.aborted) end()
    return endWith(await Promise.race([answer, ended]), signal)
  } catch (error) {
    if (signal.aborted) answer.then(drop, () => {})
    throw error
  } finally {
    signal.removeEventListener('abort', end)
  }
}

function endWith(response: Response, signal: AbortSignal): Response {
  const { body, status, headers } = response
  if (body === null) return response
  return new Response(toStream(toChunks(body), signal), { status, headers })
}

async function drop({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => {})
}
