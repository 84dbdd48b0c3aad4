import { Refusal } from '../node/refusal.ts'
import { toBashCompletion } from './bash-completion.ts'
import type { Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import { toFishCompletion } from './fish-completion.ts'
import { writeOut } from './io.ts'
import { findNearest } from './nearest.ts'
import { SHELLS } from './tool-declarations.ts'
import { toZshCompletion } from './zsh-completion.ts'

const WRITERS = { bash: toBashCompletion, zsh: toZshCompletion, fish: toFishCompletion } as const

/** `vouch completions`: a script for a shell. */
export const completions: Command = {
  async run(_flags, [name], io) {
    const shell = SHELLS.find((known) => known === name)
    if (shell === undefined) throw new Refusal(`completions takes ${SHELLS.join(', ')}, got ${toGot(name)}`)
    await writeOut(io, WRITERS[shell](COMMANDS.map(({ declaration }) => declaration)))
    return 0
  },
}

function toGot(name: string | undefined): string {
  if (name === undefined) return 'none'
  const nearest = findNearest(name, SHELLS)
  return nearest === null ? `'${name}'` : `'${name}'; did you mean '${nearest}'?`
}
