import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { RECEIPT } from '../options/receipts.ts'
import { runPath } from '../receipt/path.ts'
import type { ReceiptOptions } from '../receipt/read-note.ts'
import { runTree, runTrees } from '../receipt/tree.ts'
import { runVerify } from '../receipt/verify.ts'
import { runWitness } from '../receipt/witness.ts'

interface Verb {
  /** How many operands follow it. */
  readonly least: number
  readonly most: number
  run(operands: readonly string[], options: ReceiptOptions, io: Io): Promise<number>
}

const VERBS: Readonly<Record<string, Verb>> = {
  verify: { least: 1, most: 1, run: ([file = ''], options, io) => runVerify(file, options, io) },
  tree: { least: 0, most: 1, run: ([prefix = ''], options, io) => runTree(prefix, options, io) },
  trees: { least: 0, most: 0, run: (_none, options, io) => runTrees(options, io) },
  path: { least: 2, most: 2, run: ([file = '', name = ''], options, io) => runPath(file, name, options, io) },
  witness: { least: 1, most: 1, run: ([file = ''], options, io) => runWitness(file, options, io) },
}

export const receipt: Command = {
  async run(given, io) {
    const options = readOptions(RECEIPT, given)
    const [name = '', ...operands] = given.operands
    const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
    if (verb === undefined || operands.length < verb.least || operands.length > verb.most)
      throw new UserError(
        `receipt takes verify FILE, tree [PREFIX], path FILE NAME, witness FILE or trees, got '${given.operands.join(' ')}'`,
      )
    return await verb.run(operands, options, io)
  },
}
