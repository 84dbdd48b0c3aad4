import { createAnswer, toParts } from './answer.ts'
import { createProblem } from './problems.ts'

/** How many pieces of work of one kind may be under way at once. */
export interface Limit {
  /**
   * Runs `work` and resolves with its result, or with the problem `overloaded` when as many are under way already. Work is
   * under way until it resolves or rejects; an answer with a stream is under way until that stream has ended, failed or
   * was cancelled. Rejects as `work` does.
   */
  run<T>(work: () => T | Promise<T>): Promise<T | Response>
}

/** A limit of `most` at once; `what` names them for the refusal: `audits`. */
export function createLimit(most: number, what: string): Limit {
  const underWay = new Set<symbol>()
  return {
    async run(work) {
      if (underWay.size >= most)
        return createProblem('overloaded', `${most} ${what} are under way; ask again later`)
      const one = Symbol(what)
      const leave = () => void underWay.delete(one)
      underWay.add(one)
      let isStreaming = false
      try {
        const result = await work()
        const watched = result instanceof Response ? watchBody(result, { onEnd: leave }) : null
        isStreaming = watched !== null
        return watched ?? result
      } finally {
        if (!isStreaming) leave()
      }
    },
  }
}

/** What happens to the body of an answer. */
export interface BodyWatch {
  /** Called with the size in bytes of each chunk that the host is given. */
  readonly onChunk?: ((bytes: number) => void) | undefined
  /** Called once: when the body has ended, failed or was cancelled, and what lies beneath it is freed. */
  readonly onEnd: () => void
}

/** The same answer with its stream watched; null when it has no stream, or was not made by `createAnswer`. */
export function watchBody(answer: Response, { onChunk, onEnd }: BodyWatch): Response | null {
  const parts = toParts(answer)
  if (!(parts?.body instanceof ReadableStream)) return null
  const reader = parts.body.getReader()
  const watched = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            onChunk?.(value.length)
            return controller.enqueue(value)
          }
        } catch (error) {
          onEnd()
          throw error
        }
        onEnd()
        controller.close()
      },
      async cancel(reason) {
        try {
          await reader.cancel(reason)
        } finally {
          onEnd()
        }
      },
    },
    { highWaterMark: 0 },
  )
  return createAnswer(parts.status, parts.fields, watched)
}
