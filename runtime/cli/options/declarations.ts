import { toggle } from '../../hosting/flag.ts'
import { UserError } from '../../node/user-error.ts'
import { CHECK } from './check.ts'
import { type Declaration, declare } from './declaration.ts'
import { APPLY, EXPLAIN, PLAN, RESOLVE, RESTORE } from './differences.ts'
import { GET } from './get.ts'
import { CAT, LS, MOUNT } from './listing.ts'
import { MERGE } from './merge.ts'
import { findNearest } from './nearest.ts'
import { KEY, RECEIPT } from './receipts.ts'
import { ESTIMATE, HISTORY, STATUS, SUMS, VERIFY } from './records.ts'
import { COORDINATOR, MARK, REPLICA } from './servers.ts'
import { CONFIG } from './settings.ts'

/** What the commands that only print have in common. */
const PRINTING = { flags: {}, shared: [], statuses: { 0: 'printed', 2: 'trouble' } } as const

export const SHELLS = ['bash', 'zsh', 'fish'] as const

const RUNNING: readonly Declaration[] = [
  ...[GET, LS, CAT, MOUNT, CHECK, MERGE, ESTIMATE, VERIFY, STATUS, HISTORY, EXPLAIN, SUMS, PLAN, APPLY],
  ...[RESOLVE, RESTORE, RECEIPT, REPLICA, COORDINATOR, MARK, KEY, CONFIG],
]

export const HELP = declare({
  name: 'help',
  about: 'show what a command takes',
  forms: ['[COMMAND]'],
  operand: {
    name: 'COMMAND',
    completions: { words: [...RUNNING.map(({ name }) => name), 'completions', 'man', 'version'] },
  },
  description: ['The same as vouch COMMAND --help.'],
  examples: { 'vouch help check': 'everything that vouch check takes' },
  ...PRINTING,
})

export const COMPLETIONS = declare({
  name: 'completions',
  about: 'print a completion script for a shell',
  forms: [SHELLS.join('|')],
  operand: { name: 'SHELL', completions: { words: SHELLS } },
  description: [
    'It completes commands, options, their values and paths, and the ids of the replicas named so far on the line.',
  ],
  examples: {
    'vouch completions bash > ~/.local/share/bash-completion/completions/vouch':
      'for bash with the package bash-completion; without it, source <(vouch completions bash)',
    'vouch completions zsh > ~/.zsh/_vouch': 'for zsh: any directory of $fpath, before compinit runs',
    'vouch completions fish > ~/.config/fish/completions/vouch.fish': 'for fish',
  },
  ...PRINTING,
})

export const MAN = declare({
  name: 'man',
  about: 'print the manual page',
  forms: [''],
  operand: null,
  description: ['It is in roff with the macros of man(7).'],
  examples: {
    'vouch man | man -l -': 'read it',
    'vouch man > ~/.local/share/man/man1/vouch.1': 'install it for man vouch',
  },
  ...PRINTING,
})

export const VERSION = declare({
  ...PRINTING,
  name: 'version',
  about: 'print the version of vouch',
  forms: ['[--json]'],
  operand: null,
  flags: { json: toggle('print one object, in one line of JSON: name, version and that of node') },
  description: ['Without --json the same as vouch --version.'],
  examples: { 'vouch version --json | jq -r .version': 'for a program' },
})

/** Every command, in the order of help. */
export const DECLARATIONS: readonly Declaration[] = [...RUNNING, HELP, COMPLETIONS, MAN, VERSION]

/** The command of this name; throws a UserError that suggests the nearest name when there is none. */
export function findCommand(name: string): Declaration {
  const found = DECLARATIONS.find((declaration) => declaration.name === name)
  if (found === undefined) throw toUnknown(name)
  return found
}

/** The error for a name that no command has, which suggests the nearest. */
export function toUnknown(name: string): UserError {
  const names = DECLARATIONS.map((declaration) => declaration.name)
  const nearest = findNearest(name, names)
  const advice =
    nearest === null ? `it has ${names.join(', ')}; see 'vouch --help'` : `did you mean '${nearest}'?`
  return new UserError(`vouch has no command '${name}'; ${advice}`)
}
