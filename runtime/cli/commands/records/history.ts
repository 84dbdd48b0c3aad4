import { toNamedPath } from '../../../../functions/wire/fields/routes.ts'
import { type History, history as schema } from '../../../../functions/wire/schemas/ledger.ts'
import { escapeControls } from '../../../../functions/wire/text.ts'
import { toFindingWords } from '../../../../functions/wire/words/finding.ts'
import { toJsonLine, writeOut } from '../../../hosting/io.ts'
import { readAnswer } from '../../client/coordinator-client.ts'
import { requireName, withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { readOptions } from '../../options/declaration.ts'
import { HISTORY } from '../../options/records.ts'
import { toLocalTime } from '../../terminal/times.ts'

export const history: Command = {
  async run(given, io) {
    const options = readOptions(HISTORY, given)
    const name = requireName(given.operand, 'history')
    return await withSource(options, io, {}, async ({ ask }) => {
      const found = await readAnswer(await ask(toNamedPath('/history/', name)), schema)
      await writeOut(io, options.json ? toJsonLine(found) : toText(found))
      return found.changes.at(-1)?.found == null ? 0 : 1
    })
  },
}

function toText({ name, watched, changes }: History): string {
  if (watched === null) return `${escapeControls(name)}: no check has compared this name yet\n`
  const since = `no check since ${toLocalTime(watched)} found its copies to differ`
  if (changes.length === 0) return `${escapeControls(name)}: ${since}\n`
  return changes.map((change) => `${toLocalTime(change.at)}  ${toWords(change)}\n`).join('')
}

function toWords({ found }: History['changes'][number]): string {
  if (found === null) return 'the same everywhere again, or gone'
  return escapeControls(toFindingWords(found, toLocalTime).join('; '))
}
