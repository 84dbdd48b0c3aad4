import { MAX_OBJECTS_AT_ONCE, MAX_SECOND_LOOKS, SEEN_AGAIN_MS } from '../wire/limits.ts'
import { within } from '../wire/within.ts'
import { createTurns } from './turns.ts'

/** Timers run on a clock of their own, which may be ahead of `performance.now()` by a millisecond or two. */
const TIMER_SLACK_MS = 20

/** Looks at objects some time after they were read, so that what was computed can be confirmed. Who made it closes it. */
export interface SecondLooks {
  /** Takes an object that has just been read. It is left out where too many wait already. */
  add(key: string): void
  /** Resolves once all were looked at, or after `ms`; with whether all were. */
  settle(ms: number): Promise<boolean>
  /** Drops those that were not looked at yet, also those whose turn has not come. */
  close(): void
}

/** `look` asks the store for an object; where it rejects, nothing is confirmed. */
export function createSecondLooks(look: (key: string) => Promise<unknown>): SecondLooks {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const take = createTurns(MAX_OBJECTS_AT_ONCE)
  let waiting = 0
  let isClosed = false
  let idle = Promise.withResolvers<void>()

  async function run(key: string): Promise<void> {
    try {
      await take(async () => {
        if (!isClosed) await look(key)
      })
    } catch {
      // Nothing is confirmed.
    } finally {
      waiting--
      if (waiting === 0) idle.resolve()
    }
  }

  return {
    add(key) {
      if (waiting === MAX_SECOND_LOOKS) return
      if (waiting === 0) idle = Promise.withResolvers<void>()
      waiting++
      const timer = setTimeout(() => {
        timers.delete(timer)
        void run(key)
      }, SEEN_AGAIN_MS + TIMER_SLACK_MS)
      timers.add(timer)
    },
    async settle(ms) {
      if (waiting > 0) await within(ms, idle.promise)
      return waiting === 0
    },
    close() {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
