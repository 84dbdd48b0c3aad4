import { type Amount, addAmounts } from '../../storage/survey/survey.ts'
import { MAX_MARKS } from '../../wire/limits.ts'
import type { Mark } from '../../wire/schemas/audit.ts'

/**
 * Divides what an audit compares, or a listing lists, into runs of at least `least` names, and of ever more,
 * so that there are never more than `MAX_MARKS`.
 */
export function createMarks(least: number) {
  let marks: Mark[] = []
  let since: Amount = { names: 0, bytes: 0 }
  let stride = least

  function join([first, second]: readonly [Mark, Mark]): Mark {
    return { ...second, ...addAmounts(first, second) }
  }

  return {
    /** Adds what comes after the last `name`, up to this one. */
    add(name: string, amount: Amount): void {
      since = addAmounts(since, amount)
      if (since.names < stride) return
      marks.push({ name, ...since })
      since = { names: 0, bytes: 0 }
      if (marks.length <= MAX_MARKS) return
      stride *= 2
      const [last] = marks.splice(-1)
      marks = toPairs(marks).map(join)
      if (last !== undefined) marks.push(last)
    },
    get: (): readonly Mark[] => marks,
  }
}

/** Consecutive items two by two; the number of them is even. */
function toPairs<T>(items: readonly T[]): (readonly [T, T])[] {
  return items.flatMap((item, i) => {
    const next = items[i + 1]
    return i % 2 === 0 && next !== undefined ? [[item, next] as const] : []
  })
}
