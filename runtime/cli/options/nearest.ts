/** Shorter beginnings are those of too many words. */
const LEAST_BEGINNING = 3

/** The word that was probably meant: one that is close, or the only one that begins so; else null. */
export function findNearest(typed: string, words: readonly string[]): string | null {
  const ranked = words
    .map((word) => ({ word, edits: countEdits(typed, word), slips: word[0] === typed[0] ? 0 : 1 }))
    // The first letter is the one that is seldom mistyped.
    .sort((a, b) => a.edits - b.edits || a.slips - b.slips)
  const [best] = ranked
  // A slip in every third letter is a slip; more is another word.
  if (best && best.edits <= Math.max(typed.length, best.word.length) / 3) return best.word
  const [only = null, ...others] = words.filter((word) => word.startsWith(typed))
  return typed.length >= LEAST_BEGINNING && others.length === 0 ? only : null
}

/** Letters to put in, take out, replace, or swap with the next (Damerau and Levenshtein). */
export function countEdits(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? at(before, j - 2) + 1 : replaced
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1))
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], i: number): number {
  return row[i] ?? Number.POSITIVE_INFINITY
}
