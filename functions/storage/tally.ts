import { MAX_PASSED_EXAMPLES } from '../wire/limits.ts'
import { addPassed, type Passed, type PassedKind } from '../wire/passed.ts'
import { toExample } from './byte-names.ts'

/** Counts, by kind, what is passed over; its size does not grow with the number. */
export interface Tally {
  /** `name` may be any text, or stand for any bytes (see `decodeBytes`). */
  add(kind: PassedKind, name: string): void
  /** Adds what was counted elsewhere. */
  addAll(passed: readonly Passed[]): void
  /** What was counted since the last time; empty for nothing. */
  take(): readonly Passed[]
}

export function createTally(): Tally {
  let counted = new Map<PassedKind, { count: number; readonly examples: string[] }>()

  function toPassed(): readonly Passed[] {
    return [...counted].map(([kind, one]) => ({ kind, ...one }))
  }

  return {
    add(kind, name) {
      const one = counted.get(kind) ?? { count: 0, examples: [] }
      one.count++
      if (one.examples.length < MAX_PASSED_EXAMPLES) one.examples.push(toExample(name))
      counted.set(kind, one)
    },
    addAll(passed) {
      const sum = addPassed(toPassed(), passed)
      counted = new Map(sum.map(({ kind, count, examples }) => [kind, { count, examples: [...examples] }]))
    },
    take() {
      const passed = toPassed()
      counted = new Map()
      return passed
    },
  }
}
