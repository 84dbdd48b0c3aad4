import type { Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import { writeOut } from './io.ts'
import { toManual } from './manual.ts'
import { readVersion } from './version.ts'

/** `vouch man`: the manual page. */
export const man: Command = {
  async run(_flags, _operands, io) {
    const declarations = COMMANDS.map(({ declaration }) => declaration)
    await writeOut(io, toManual(declarations, await readVersion()))
    return 0
  },
}
