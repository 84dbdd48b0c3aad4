import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { RECEIPT } from '../options/receipts.ts'
import { runPath } from '../receipt/path.ts'
import { runTree, runTrees } from '../receipt/tree.ts'
import { runVerify } from '../receipt/verify.ts'
import { runWitness } from '../receipt/witness.ts'

export const receipt: Command = {
  async run(given, io) {
    const options = readOptions(RECEIPT, given)
    const [verb = '', first, second] = given.operands
    const takes = Object.hasOwn(OPERANDS, verb) ? OPERANDS[verb] : undefined
    const count = given.operands.length - 1
    if (takes === undefined || count < takes.least || count > takes.most)
      throw new UserError(
        `receipt takes verify FILE, tree [PREFIX], path FILE NAME, witness FILE or trees, got '${given.operands.join(' ')}'`,
      )
    if (verb === 'tree') return await runTree(first ?? '', options, io)
    if (verb === 'trees') return await runTrees(options, io)
    if (verb === 'witness') return await runWitness(first ?? '', options, io)
    if (verb === 'path') return await runPath(first ?? '', second ?? '', options, io)
    return await runVerify(first ?? '', options, io)
  },
}

/** How many operands follow each verb. */
const OPERANDS: Readonly<Record<string, { readonly least: number; readonly most: number }>> = {
  verify: { least: 1, most: 1 },
  tree: { least: 0, most: 1 },
  trees: { least: 0, most: 0 },
  path: { least: 2, most: 2 },
  witness: { least: 1, most: 1 },
}
