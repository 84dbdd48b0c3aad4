import { toChunks, toStream } from '../bytes/chunks.ts'
import { createAnswer, toParts } from './answer.ts'
import { createProblem } from './problems.ts'

/** How many pieces of work of one kind may be under way at once. */
export interface Limit {
  /**
   * Resolves as `work` does, or with the problem `overloaded` when too many are under way: each until it
   * settles, an answer with a stream until that has ended, failed or was cancelled. Rejects as `work` does.
   */
  run<T>(work: () => T | Promise<T>): Promise<T | Response>
}

/** A limit of `most` at once; `what` names them in the message: `audits`. */
export function createLimit(most: number, what: string): Limit {
  let underWay = 0
  const onEnd = () => {
    underWay--
  }

  function settle<T>(answer: T): T | Response {
    let watched: Response | null = null
    try {
      if (answer instanceof Response) watched = watchBody(answer, { onEnd })
      return watched ?? answer
    } finally {
      if (watched === null) onEnd()
    }
  }

  function fail(error: unknown): never {
    onEnd()
    throw error
  }

  return {
    // Not async: a request waits here, and each function that waits costs it memory.
    run(work) {
      if (underWay === most)
        return Promise.resolve(createProblem('overloaded', `${most} ${what} are under way; ask again later`))
      underWay++
      try {
        return Promise.resolve(work()).then(settle, fail)
      } catch (error) {
        onEnd()
        return Promise.reject(error)
      }
    },
  }
}

/** Observes the body of an answer. */
interface BodyWatch {
  /** Called with the size in bytes of each chunk that the host takes. */
  readonly onChunk?: ((bytes: number) => void) | undefined
  /** Called once, when the body has ended, failed or was cancelled, and its resources are freed. */
  readonly onEnd: () => void
}

/** The answer with its stream observed; null without a stream, or when `createAnswer` did not make it. */
export function watchBody(answer: Response, { onChunk, onEnd }: BodyWatch): Response | null {
  const parts = toParts(answer)
  if (!(parts?.body instanceof ReadableStream)) return null
  const chunks = toChunks(parts.body)
  // When the body is cancelled, a `next` under way resolves as at the end, before the resources are freed.
  let isOver = false
  const watched = toStream({
    async next() {
      const next = await chunks.next()
      if (!next.done) onChunk?.(next.value.length)
      else if (!isOver) {
        isOver = true
        onEnd()
      }
      return next
    },
    // Called for an error of the body too.
    async cancel(reason) {
      if (isOver) return
      isOver = true
      try {
        await chunks.cancel(reason)
      } finally {
        onEnd()
      }
    },
  })
  return createAnswer(parts.status, parts.fields, watched)
}

/** Limits the bytes of one kind that are held in memory. */
export interface Budget {
  /** Whether so many more bytes fit. */
  hasRoom(bytes: number): boolean
  /** Settles as `work` does, which sets how many bytes it holds when that changes, and none once settled. */
  hold<T>(work: (set: (bytes: number) => void) => Promise<T>): Promise<T>
}

/** A budget of `most` bytes. It does not enforce itself: `work` must ask `hasRoom` before it holds more. */
export function createBudget(most: number): Budget {
  let held = 0
  return {
    hasRoom: (bytes) => held + bytes <= most,
    async hold(work) {
      let own = 0
      const set = (bytes: number) => {
        held += bytes - own
        own = bytes
      }
      try {
        return await work(set)
      } finally {
        set(0)
      }
    },
  }
}
