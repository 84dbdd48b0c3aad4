import { TURN_MS } from './limits.ts'

/** How many pieces of work may run at once. */
export interface Limit {
  /** Runs `work` once fewer than the limit run, in the order of the calls, and settles as it does. */
  run<T>(work: () => T | Promise<T>): Promise<T>
}

/** A limit of `most` at once. Work that throws or rejects leaves its place to the next. */
export function createLimit(most: number): Limit {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    async run(work) {
      if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
      else running++
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) running--
        else next()
      }
    },
  }
}

/** Resolves as `work` does; with undefined when that takes longer than `ms`. */
export async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Settles as `work` does, which others may wait for too; rejects with the reason of `signal` once that is
 * aborted.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (signal.aborted) abort()
    return await Promise.race([aborted.promise, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * Returns a function to be called between pieces of work. Once they have taken `TURN_MS` it returns a promise
 * that resolves after other work, such as that of sockets; else undefined.
 */
export function createTurns(): () => Promise<void> | undefined {
  let begun = performance.now()
  return () => {
    if (performance.now() - begun < TURN_MS) return undefined
    // A macrotask, since sockets are served in those.
    return new Promise((resolve) => setTimeout(resolve, 0)).then(() => {
      begun = performance.now()
    })
  }
}
