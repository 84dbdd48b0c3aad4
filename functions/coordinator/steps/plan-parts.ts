import type { Range } from '../../storage/survey/survey.ts'
import type { RunSpan } from './step-ledger.ts'

/**
 * Cuts all names into `count` parts with about the same number of names, at ends of `spans`, which are in
 * byte order; into fewer where those do not suffice, and into one without any.
 */
export function planParts(spans: readonly RunSpan[], count: number): Range[] {
  const all = spans.reduce((sum, { names }) => sum + names, 0)
  const ends: string[] = []
  let names = 0
  for (const span of spans) {
    names += span.names
    const isDue = names >= ((ends.length + 1) * all) / count
    if (isDue && span.until !== null && ends.length + 1 < count) ends.push(span.until)
  }
  return [...ends, null].map((until, i) => ({ after: ends[i - 1] ?? '', until }))
}
