import { formatNumber } from '../../../functions/wire/text.ts'
import { UserError } from '../../node/user-error.ts'
import { MAX_RESULT_FILES } from '../limits.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { MERGE } from '../options/merge.ts'
import { printMerged } from '../parts/print-merged.ts'

export const merge: Command = {
  async run(given, io) {
    const options = readOptions(MERGE, given)
    const { operands } = given
    if (operands.length > MAX_RESULT_FILES)
      throw new UserError(`merge takes up to ${formatNumber(MAX_RESULT_FILES)} files, got ${operands.length}`)
    return await printMerged(operands, { ...options, excluded: [] }, io, undefined)
  },
}
