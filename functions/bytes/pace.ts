import { HEARTBEAT_MS } from '../wire/limits.ts'

/**
 * Holds the bytes that are read to a rate, whoever reads them: one pace is shared by all who read for one
 * survey.
 */
export interface Pace {
  /** Bytes a second. */
  readonly rate: number
  /**
   * To be called after `bytes` were read, none for 0; resolves when more may be read. Calls
   * `onWaited` at least every half `HEARTBEAT_MS` with the bytes that the wait has paid for since the last
   * call, as a sign of life. Rejects with the reason of the pace's signal when that aborts.
   */
  wait(bytes: number, onWaited?: (bytes: number) => void): Promise<void>
}

/**
 * A pace of `rate` bytes a second, above 0. In any stretch of time at most `rate` times its seconds are read,
 * and what one caller reads before it waits; time in which nothing is read is not made up for.
 */
export function createPace(rate: number, signal: AbortSignal): Pace {
  let paidAt = 0
  return {
    rate,
    async wait(bytes, onWaited) {
      let now = performance.now()
      paidAt = Math.max(paidAt, now) + (1000 * bytes) / rate
      const due = paidAt
      while (now < due) {
        await sleep(Math.min(due - now, HEARTBEAT_MS / 2), signal)
        const before = now
        now = performance.now()
        onWaited?.(Math.ceil(((now - before) * rate) / 1000))
      }
      signal.throwIfAborted()
    },
  }
}

/** Resolves after so many milliseconds; rejects with the reason of `signal` when that aborts first. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
