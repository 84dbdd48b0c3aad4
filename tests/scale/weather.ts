import { StorageError } from '../../functions/wire/storage-error.ts'
import { toShare } from './world.ts'

/** What goes wrong with the replicas of a run, by simulated time; all from a seed. Milliseconds. */
export interface Weather {
  readonly seed: number
  /** What one call takes by the mean. */
  readonly callMs: number
  /** One call in so many is not answered. */
  readonly unanswered: number
  /** When the second replica is down: from and until, of the time of the run; null for never. */
  readonly down: readonly [from: number, until: number] | null
}

/** The time of a simulation, and the part of it that the step under way takes. Milliseconds since 1970. */
export function createClock() {
  let start = 0
  let waited = [0, 0]
  let calls = 0
  return {
    now: () => start + Math.max(...waited),
    /** Begins a step at this time. */
    begin(at: number): void {
      start = at
      waited = [0, 0]
    },
    /** Makes a call of a replica, which takes its time and may fail. Its calls follow one after the other. */
    call(replica: number, { seed, callMs, unanswered, down }: Weather): void {
      const nth = calls++
      // Hours of the second replica are slow, one in eight.
      const isSlow = replica === 1 && toShare(seed, Math.floor(start / 3_600_000)) < 1 / 8
      waited[replica] = (waited[replica] ?? 0) + callMs * (0.5 + toShare(seed + 1, nth)) * (isSlow ? 10 : 1)
      const at = start + (waited[replica] ?? 0)
      if (replica === 1 && down !== null && at >= down[0] && at < down[1])
        throw new StorageError('unreachable', 'the connection was refused')
      if (toShare(seed + 2, nth) * unanswered < 1) {
        waited[replica] = (waited[replica] ?? 0) + 10_000
        throw new StorageError('unreachable', 'the replica was silent for 10 seconds')
      }
    },
  }
}

export type Clock = ReturnType<typeof createClock>
