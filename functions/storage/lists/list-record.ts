import { formatCount, formatNumber } from '../../wire/text.ts'
import type { List } from './list.ts'
import type { Fault } from './reading.ts'

/** What a list is. */
export interface ListRecord extends Pick<List, 'format' | 'algorithm' | 'faults' | 'notes' | 'outside'> {
  /** When it was written: milliseconds since 1970; null when that is unknown. */
  readonly modified: number | null
  /** The number of its names. */
  readonly names: number
}

export function toRecord({
  format,
  algorithm,
  faults,
  notes,
  outside,
  modified,
  sums,
}: List & Pick<ListRecord, 'modified'>): ListRecord {
  return { format, algorithm, faults, notes, outside, modified, names: sums.count }
}

/** `line 5 of the list is empty; it would have to be 'SUM NAME'`. */
export function toFaultText({ line, words }: Fault): string {
  return line === 0 ? `the list ${words}` : `line ${formatNumber(line)} of the list ${words}`
}

/**
 * What people should know of a list before they believe it, a sentence each: what it is, and what it lacks.
 */
export function toRecordNotes({ algorithm, names, faults, notes, outside }: ListRecord): readonly string[] {
  const { title, isWeak } = algorithm
  return [
    ...(isWeak ? [`${title} finds accidents, not intent: two contents of one ${title} can be made`] : []),
    ...(outside > 0
      ? [
          `${formatCount(outside, 'name of the list lies', 'names of the list lie')} outside the root, beside ${formatNumber(names)}`,
        ]
      : []),
    ...faults.first.map(toFaultText),
    ...(faults.count > faults.first.length
      ? [`${formatNumber(faults.count - faults.first.length)} more lines of the list are not understood`]
      : []),
    ...notes,
  ]
}
