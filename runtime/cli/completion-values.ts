import type { Declaration, FlagSet, Takes } from './declaration.ts'
import { toFlags } from './declaration.ts'

/** What the helper `_vouch_values` of a script takes: words, the kind of paths, what comes before ids, and whether behind `=`. */
export type Values = readonly [words: string, paths: string, ids: string, behind: string]

/** What a shell offers for a value; `-` before ids stands for none. */
export function toValues(takes: Takes | undefined, commands: readonly string[]): Values {
  const { words = [], paths = '', ids = '-', behindEquals = false, commands: isCommand } = takes ?? {}
  return [(isCommand ? commands : words).join(' '), paths, ids, behindEquals ? '1' : '']
}

/** The flags that the completions of a command know, `--help` among them. */
export function toOffered(declaration: Declaration): FlagSet {
  return { ...toFlags(declaration), help: { short: 'h', about: 'say what it takes' } }
}
