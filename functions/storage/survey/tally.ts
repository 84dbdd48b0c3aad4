import { MAX_PASSED_EXAMPLES } from '../../wire/limits.ts'
import { addPassed, type Passed, type PassedKind } from '../../wire/passed.ts'
import { toExample } from '../byte-names.ts'

/** Counts skipped entries by kind; its size does not grow with their number. */
export function createTally() {
  let counted = new Map<PassedKind, { count: number; readonly examples: string[] }>()

  function toPassed(): readonly Passed[] {
    return [...counted].map(([kind, one]) => ({ kind, ...one }))
  }

  return {
    /** `name` may be any text, also one that encodes any bytes (see `decodeBytes`). */
    add(kind: PassedKind, name: string): void {
      const one = counted.get(kind) ?? { count: 0, examples: [] }
      one.count++
      if (one.examples.length < MAX_PASSED_EXAMPLES) one.examples.push(toExample(name))
      counted.set(kind, one)
    },
    addAll(passed: readonly Passed[]): void {
      const sum = addPassed(toPassed(), passed)
      counted = new Map(sum.map(({ kind, count, examples }) => [kind, { count, examples: [...examples] }]))
    },
    /** The counts since the last call; empty for none. */
    take(): readonly Passed[] {
      const passed = toPassed()
      counted = new Map()
      return passed
    },
  }
}
