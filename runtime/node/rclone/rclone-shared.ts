import { untilAborted } from '../../../functions/wire/limit.ts'

type Signal = AbortSignal | undefined

/**
 * `work`, run once for all the calls that come while it waits for its turn: each gets a run that begins after
 * the call. An aborted call leaves the run to the others.
 */
export function createShared<T>(work: () => Promise<T>): (signal: Signal) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve()
  let waiting: Promise<T> | undefined
  async function run(): Promise<T> {
    await before
    waiting = undefined
    const running = work()
    before = running.catch(() => {})
    return await running
  }
  return async (signal) => {
    waiting ??= run()
    return await untilAborted(waiting, signal)
  }
}

/** The result of `work`, which is tried again for the next caller after it failed. */
export function createMemo<T>(work: () => Promise<T>): (signal: Signal) => Promise<T> {
  let known: Promise<T> | undefined
  return async (signal) => {
    known ??= work()
    const current = known
    try {
      return await untilAborted(current, signal)
    } catch (error) {
      if (known === current && !signal?.aborted) known = undefined
      throw error
    }
  }
}
