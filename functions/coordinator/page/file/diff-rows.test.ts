import { describe, expect, it } from 'vitest'
import { MAX_PAGE_DIFF_LINES } from '../../../wire/limits.ts'
import { type DiffRow, diffRows } from './file-difference.ts'

/** `2 two | 2 zwei`, with `~` after a line that has no end. */
function toText({ kind, from, to }: DiffRow): string {
  const [left, right] = [from, to].map((line) =>
    line ? `${line.number} ${line.text}${line.isOpen ? '~' : ''}` : '-',
  )
  return `${kind === 'same' ? '  ' : '* '}${left} | ${right}`
}

describe('two texts next to each other', () => {
  it.each([
    ['a line for another', 'a\nb\nc\n', 'a\nB\nc\n', [['  1 a | 1 a', '* 2 b | 2 B', '  3 c | 3 c']]],
    ['an added line', 'a\nc\n', 'a\nb\nc\n', [['  1 a | 1 a', '* - | 2 b', '  2 c | 3 c']]],
    ['a removed line', 'a\nb\nc\n', 'a\nc\n', [['  1 a | 1 a', '* 2 b | -', '  3 c | 2 c']]],
    ['two lines for three', 'a\nb\n', 'x\ny\nz\n', [['* 1 a | 1 x', '* 2 b | 2 y', '* - | 3 z']]],
    ['a line end', 'a', 'a\n', [['* 1 a~ | 1 a']]],
    ['lines that look like the signs of a diff', '-a\n', '+a\n', [['* 1 -a | 1 +a']]],
    ['nothing', '', 'a\n', [['* - | 1 a']]],
    ['a line that begins with a backslash', '\\a\n', '\\b\n', [['* 1 \\a | 1 \\b']]],
  ])('show %s', (_what, from, to, parts) => {
    expect(diffRows(from, to)?.map((rows) => rows.map(toText))).toEqual(parts)
  })

  it('show only the lines around the differences', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}\n`)
    const other = lines.with(5, 'x\n').with(35, 'y\n')
    const parts = diffRows(lines.join(''), other.join(''))
    expect(parts?.map((rows) => rows.length)).toEqual([7, 7])
    expect(parts?.[1]?.map(toText)[0]).toBe('  33 line 32 | 33 line 32')
  })

  it('are not aligned when they have too little in common', () => {
    const from = Array.from({ length: MAX_PAGE_DIFF_LINES }, (_, i) => `a${i}\n`).join('')
    expect(diffRows(from, from.replaceAll('a', 'b'))).toBe(null)
  })
})
