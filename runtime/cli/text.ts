/** The widest line of help: what a terminal has shown since there were terminals. */
const WIDTH = 80

/** Words in lines of at most 80 columns, each line `indent` blanks in; one that is wider stands alone. */
export function toLines(words: string, indent = 0): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && indent + longer.length > WIDTH) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line].map((text) => ' '.repeat(indent) + text)
}

/** A term and what it means beside it, from the column `indent` on; below it where the term is too wide for that. */
export function toEntry(term: string, meaning: string, indent: number): string[] {
  const [first = '', ...rest] = toLines(meaning, indent)
  const fits = term.length + 2 <= indent
  return fits ? [term.padEnd(indent) + first.trimStart(), ...rest] : [term, first, ...rest]
}
