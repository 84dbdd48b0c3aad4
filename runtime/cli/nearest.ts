/** What is shorter begins too many words to be the beginning of one. */
const LEAST_BEGINNING = 3

/** The word that `typed` was most likely meant to be: one that is close, or the only one that begins so; else null. */
export function findNearest(typed: string, words: readonly string[]): string | null {
  const ranked = words
    .map((word) => ({ word, edits: countEdits(typed, word), slips: word[0] === typed[0] ? 0 : 1 }))
    // The first letter is the one that is seldom mistyped.
    .sort((a, b) => a.edits - b.edits || a.slips - b.slips)
  const [best] = ranked
  if (best !== undefined && best.edits <= toTolerance(typed, best.word)) return best.word
  const [only = null, ...others] = words.filter((word) => word.startsWith(typed))
  return typed.length >= LEAST_BEGINNING && others.length === 0 ? only : null
}

/** A slip in every third letter is a slip; more is another word. */
function toTolerance(a: string, b: string): number {
  return Math.floor(Math.max(a.length, b.length) / 3)
}

/** How many letters must be put in, taken out, replaced, or swapped with the next (Damerau and Levenshtein). */
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
