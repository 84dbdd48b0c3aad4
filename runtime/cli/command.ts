import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import type { Io } from './io.ts'

/** One command of vouch. */
export interface Command {
  /** What `--help` prints. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** How many operands it takes at most, and what the first is called. */
  readonly operands: { readonly most: number; readonly name: string }
  /** Resolves with the exit status; rejects with a Refusal for what its caller can put right. */
  run(flags: Flags, operands: readonly string[], io: Io): Promise<number>
}

/** Splits arguments into flags and operands; throws a Refusal for a flag or an operand that `command` does not take. */
export function parseArguments(
  args: readonly string[],
  command: Command,
): { flags: Flags; operands: string[] } {
  const { options, operands } = command
  const { values, positionals } = parse(args, { ...options, help: { type: 'boolean', short: 'h' } })
  if (positionals.length > operands.most) {
    throw new Refusal(`takes one ${operands.name}, got also '${positionals[operands.most]}'`)
  }
  return { flags: values, operands: positionals }
}

function parse(args: readonly string[], options: ParseArgsOptionsConfig) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    // Node's messages begin with a sentence that names the flag; advice follows.
    const [sentence = ''] = error.message.split(/\.? To specify|\.?\n/)
    throw new Refusal(sentence.charAt(0).toLowerCase() + sentence.slice(1))
  }
}
