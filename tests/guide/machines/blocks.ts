/** Commands of a guide, to be run on one machine. */
export interface Block {
  readonly machine: string
  readonly script: string
  /** Why it is not run where guides are tested; null when it is. */
  readonly mark: string | null
  /** The expected output; null when the guide shows none. */
  readonly output: string | null
  /** Where it stands, counted from 1. */
  readonly line: number
}

/**
 * The fenced blocks of a Markdown text that are marked `sh` and a machine, in order; a third word says why
 * one is not run. A `text` block with nothing but blank lines in between is what the commands print.
 */
export function parseBlocks(markdown: string): Block[] {
  const fences = [...markdown.matchAll(/^```(\S*) ?(.*)\n([\s\S]*?)^```$/gm)]
  return fences.flatMap((fence, i) => {
    const [whole, language, words = '', script = ''] = fence
    const [machine, mark = null] = words.split(' ')
    if (language !== 'sh' || !machine) return []
    const next = fences[i + 1]
    const between = next && markdown.slice(fence.index + whole.length, next.index)
    const isOutput = next?.[1] === 'text' && between?.trim() === ''
    const line = markdown.slice(0, fence.index).split('\n').length
    return [{ machine, mark, script, line, output: isOutput ? (next[3] ?? '') : null }]
  })
}
