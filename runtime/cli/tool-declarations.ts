import type { Declaration } from './declaration.ts'

const STATUSES = { 0: 'printed', 2: 'trouble' }

/** The shells that `vouch completions` writes for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `vouch help`. */
export const HELP: Declaration = {
  name: 'help',
  about: 'say what a command takes',
  forms: ['[COMMAND]'],
  operand: { name: 'COMMAND', takes: { commands: true } },
  groups: [],
  description: ['The same as vouch COMMAND --help.'],
  examples: [{ line: 'vouch help check', about: 'all that vouch check takes' }],
  statuses: STATUSES,
}

/** `vouch completions`. */
export const COMPLETIONS: Declaration = {
  name: 'completions',
  about: 'print what completes the words of a command line in a shell',
  forms: [SHELLS.join('|')],
  operand: { name: 'SHELL', takes: { words: SHELLS } },
  groups: [],
  description: [
    'They complete commands, options, the words and paths that these take, and the ids of the replicas named so far; vouch itself is not run for it.',
  ],
  examples: [
    {
      line: 'vouch completions bash > ~/.local/share/bash-completion/completions/vouch',
      about: 'for bash with the package bash-completion; without it, source <(vouch completions bash)',
    },
    {
      line: 'vouch completions zsh > ~/.zsh/_vouch',
      about: 'for zsh, any directory of $fpath, before compinit is run',
    },
    { line: 'vouch completions fish > ~/.config/fish/completions/vouch.fish', about: 'for fish' },
  ],
  statuses: STATUSES,
}

/** `vouch man`. */
export const MAN: Declaration = {
  name: 'man',
  about: 'print the manual page',
  forms: [''],
  operand: null,
  groups: [],
  description: ['It is in roff with the macros of man(7).'],
  examples: [
    { line: 'vouch man | man -l -', about: 'read it' },
    { line: 'vouch man > ~/.local/share/man/man1/vouch.1', about: 'let man vouch find it' },
  ],
  statuses: STATUSES,
}
