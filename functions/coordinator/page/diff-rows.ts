import { structuredPatch } from 'diff'
import { MAX_PAGE_DIFF_LINES, PAGE_DIFF_MS } from '../../wire/limits.ts'

/** One line of one text. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** Whether the text ends with it and with no line end. */
  readonly isOpen: boolean
}

/** Two texts next to each other: a line of both, of the one in the place of the other's, or of one alone. */
export interface DiffRow {
  readonly kind: 'same' | 'changed'
  readonly from: Line | null
  readonly to: Line | null
}

/**
 * Where one text differs from another, with three lines around, in parts that belong together; null when they have too
 * little in common to be told in `MAX_PAGE_DIFF_LINES` lines and `PAGE_DIFF_MS`.
 */
export function diffRows(from: string, to: string): DiffRow[][] | null {
  const options = { context: 3, maxEditLength: MAX_PAGE_DIFF_LINES, timeout: PAGE_DIFF_MS }
  const patch = structuredPatch('', '', from, to, '', '', options)
  return patch?.hunks.map(({ lines, oldStart, newStart }) => toRows(lines, oldStart, newStart)) ?? null
}

/** The rows of a part, whose lines begin with the sign of a unified diff. */
function toRows(lines: readonly string[], oldStart: number, newStart: number): DiffRow[] {
  const rows: DiffRow[] = []
  let [old, young] = [oldStart, newStart]
  let gone: Line[] = []
  let come: Line[] = []

  function pair(): void {
    for (let i = 0; i < Math.max(gone.length, come.length); i++) {
      rows.push({ kind: 'changed', from: gone[i] ?? null, to: come[i] ?? null })
    }
    gone = []
    come = []
  }

  for (const [i, line] of lines.entries()) {
    const rest = { text: line.slice(1), isOpen: lines[i + 1]?.startsWith('\\') === true }
    if (line.startsWith('-')) gone.push({ ...rest, number: old++ })
    if (line.startsWith('+')) come.push({ ...rest, number: young++ })
    if (!line.startsWith(' ')) continue
    pair()
    rows.push({ kind: 'same', from: { ...rest, number: old++ }, to: { ...rest, number: young++ } })
  }
  pair()
  return rows
}
