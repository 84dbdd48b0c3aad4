import { createLimit, withTimeout } from '../../wire/limit.ts'
import { MAX_OBJECTS_AT_ONCE, MAX_SECOND_LOOKS, SEEN_AGAIN_MS } from '../../wire/limits.ts'

/** Timers may fire a millisecond or two early by `performance.now()`. */
const TIMER_SLACK_MS = 20

export type SecondLooks = ReturnType<typeof createSecondLooks>

/** Asks by `look` for objects again, some time after their reading, to confirm that. The caller closes it. */
export function createSecondLooks(look: (key: string) => Promise<unknown>) {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const limit = createLimit(MAX_OBJECTS_AT_ONCE)
  let waiting = 0
  let isClosed = false
  let idle = Promise.withResolvers<void>()

  async function run(key: string): Promise<void> {
    try {
      await limit.run(async () => {
        if (!isClosed) await look(key)
      })
    } catch {
      // The digest is not confirmed.
    } finally {
      waiting--
      if (waiting === 0) idle.resolve()
    }
  }

  return {
    /** Adds an object that has just been read; ignored when too many wait already. */
    add(key: string): void {
      if (waiting === MAX_SECOND_LOOKS) return
      if (waiting === 0) idle = Promise.withResolvers<void>()
      waiting++
      const timer = setTimeout(() => {
        timers.delete(timer)
        void run(key)
      }, SEEN_AGAIN_MS + TIMER_SLACK_MS)
      timers.add(timer)
    },
    /** Resolves once no look is left, or after `ms`, with whether no look is left. */
    async settle(ms: number): Promise<boolean> {
      if (waiting > 0) await withTimeout(ms, idle.promise)
      return waiting === 0
    },
    /** Drops the looks that have not begun. */
    close(): void {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
