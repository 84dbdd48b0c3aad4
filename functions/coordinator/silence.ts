import type { Chunks } from '../storage/streams.ts'
import { ANSWER_MS, SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'

/** How long a replica may take; milliseconds. */
export interface Deadlines {
  /** Without a sign of life. */
  readonly silence: number
  /** For an answer, whatever signs of life it gives. */
  readonly answer: number
}

export const DEADLINES: Deadlines = { silence: SILENCE_MS, answer: ANSWER_MS }

/** The deadlines of one question, of which every sign of life puts one off. */
export interface Watch {
  /** Aborted when a deadline passes. */
  readonly signal: AbortSignal
  /** Rejects when a deadline passes, and never resolves. */
  readonly expired: Promise<never>
  reset(): void
  /** Whoever starts a watch stops it. */
  stop(): void
}

/** Starts to watch a replica that was asked; without `answer`, for silence alone. */
export function watchReplica({ silence, answer }: Partial<Deadlines> & Pick<Deadlines, 'silence'>): Watch {
  const abort = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  expired.catch(() => {})

  function expire(message: string): void {
    const error = new StorageError('unreachable', message, { reason: 'http_response_timeout' })
    reject(error)
    abort.abort(error)
  }

  const fallSilent = () => expire(`the replica was silent for ${silence / 1000} seconds`)
  const tooLong = () =>
    expire(
      `the replica was at work for ${(answer ?? 0) / 1000} seconds and had no answer yet, as where it reads a large file for the first time; ask again later, or let --answer-timeout allow more`,
    )
  const last = answer === undefined ? undefined : setTimeout(tooLong, answer)
  let timer = setTimeout(fallSilent, silence)
  return {
    signal: abort.signal,
    expired,
    reset() {
      clearTimeout(timer)
      timer = setTimeout(fallSilent, silence)
    },
    stop() {
      clearTimeout(timer)
      clearTimeout(last)
    },
  }
}

/** What `work` resolves with, unless a silence passes before: then it is aborted, and this rejects. */
export async function withDeadline<T>(
  { silence }: Deadlines,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const watch = watchReplica({ silence })
  try {
    return await Promise.race([work(watch.signal), watch.expired])
  } finally {
    watch.stop()
  }
}

/** `body`, which errors when a chunk that is waited for does not come in time. */
export function withoutSilence(body: Chunks, deadlines: Deadlines): Chunks {
  return { ...body, next: () => withDeadline(deadlines, () => body.next()) }
}
