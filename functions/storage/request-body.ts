import { BODY_PACE_BYTES, BODY_SILENCE_MS } from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { within } from '../wire/within.ts'
import { type Chunks, fromBytes, toChunks } from './streams.ts'

/** The body of a request. */
export interface RequestBody extends Chunks {
  /** Whether it was given up because the client sent too little for too long. */
  isStalled(): boolean
}

/**
 * The body of `request`, which is not touched before its first chunk is asked for: until then the client may not have
 * begun to send it (RFC 9110 §10.1.1). It errors when fewer than `BODY_PACE_BYTES` arrive in `BODY_SILENCE_MS` of
 * waiting; time in which nobody asks for a chunk does not count.
 */
export function readBody(request: Request): RequestBody {
  let source: Chunks | undefined
  let waited = 0
  let arrived = 0
  let isStalled = false

  return {
    isStalled: () => isStalled,
    async next() {
      source ??= request.body === null ? fromBytes(new Uint8Array()) : toChunks(request.body)
      const start = performance.now()
      const chunk = await within(BODY_SILENCE_MS - waited, source.next())
      if (chunk === undefined) {
        isStalled = true
        throw new Error('the client sent too little of the body for too long')
      }
      waited += performance.now() - start
      arrived += chunk.done ? 0 : chunk.value.length
      if (arrived >= BODY_PACE_BYTES) [waited, arrived] = [0, 0]
      return chunk
    },
    cancel: async (reason) => await source?.cancel(reason),
  }
}

/** The answer to a request whose body did not arrive; the connection on which it may still come is closed. */
export function refuseSlowBody(rule: string): Response {
  return createProblem('request-timeout', rule, { fields: { Connection: 'close' } })
}
