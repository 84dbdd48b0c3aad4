import type { Takes } from './declaration.ts'

/** What the helper `_vouch_values` of a script takes: words, the kind of paths, what comes before ids, and whether behind `=`. */
export type Values = readonly [words: string, paths: string, ids: string, behind: string]

/** What a shell offers for a value; `-` before ids stands for none. */
export function toValues(takes: Takes | undefined, commands: readonly string[]): Values {
  const { words = [], paths = '', ids = '-', behindEquals = false, commands: isCommand } = takes ?? {}
  return [(isCommand ? commands : words).join(' '), paths, ids, behindEquals ? '1' : '']
}
