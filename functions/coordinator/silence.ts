import type { Chunks } from '../storage/streams.ts'
import { SILENCE_MS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'

/** A deadline that every sign of life puts off. */
export interface Silence {
  /** Aborted when the deadline passes. */
  readonly signal: AbortSignal
  /** Rejects when the deadline passes, and never resolves. */
  readonly expired: Promise<never>
  reset(): void
  /** Whoever starts a watch stops it. */
  stop(): void
}

/** Starts to watch for a silence of `SILENCE_MS`. */
export function watchSilence(): Silence {
  const abort = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  expired.catch(() => {})
  const expire = () => {
    const error = new StorageError('unreachable', `the replica was silent for ${SILENCE_MS / 1000} seconds`, {
      reason: 'http_response_timeout',
    })
    reject(error)
    abort.abort(error)
  }
  let timer = setTimeout(expire, SILENCE_MS)
  return {
    signal: abort.signal,
    expired,
    reset() {
      clearTimeout(timer)
      timer = setTimeout(expire, SILENCE_MS)
    },
    stop: () => clearTimeout(timer),
  }
}

/** What `work` resolves with, unless that takes longer than `SILENCE_MS`: then it is aborted, and this rejects. */
export async function withDeadline<T>(work: (silence: Silence) => Promise<T>): Promise<T> {
  const silence = watchSilence()
  try {
    return await Promise.race([work(silence), silence.expired])
  } finally {
    silence.stop()
  }
}

/** `body`, which errors when a chunk that is waited for does not come within `SILENCE_MS`. */
export function withoutSilence(body: Chunks): Chunks {
  return { ...body, next: () => withDeadline(() => body.next()) }
}
