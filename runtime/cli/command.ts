import { parseArgs } from 'node:util'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { type Declaration, type FlagSet, toFlagsWithHelp } from './declaration.ts'
import type { Io } from './io.ts'
import { findNearest } from './nearest.ts'

/** One command of vouch, ready to run; what it takes is said by its `Declaration`. */
export interface Command {
  /** Resolves with the exit status; rejects with a Refusal for what its caller can put right. */
  run(flags: Flags, operands: readonly string[], io: Io): Promise<number>
}

/** What the arguments of a command come to. */
export interface Arguments {
  readonly flags: Flags
  readonly operands: readonly string[]
}

/**
 * Splits arguments into flags and operands; `help` when they ask for that, whatever else they hold. Throws a Refusal for
 * a flag or an operand that the command does not take: such arguments never run anything.
 */
export function parseArguments(args: readonly string[], declaration: Declaration): Arguments | 'help' {
  const flags: FlagSet = toFlagsWithHelp(declaration)
  const { tokens, values, positionals } = parseArgs({
    args: [...args],
    options: toOptions(flags),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const options = tokens.filter((token) => token.kind === 'option')
  if (options.some(({ name, value }) => name === 'help' && value === undefined)) return 'help'
  for (const option of options) requireFlag(option, flags, declaration.name)
  requireOperands(positionals, declaration)
  return { flags: values, operands: positionals }
}

function toOptions(flags: FlagSet) {
  const entries = Object.entries(flags).map(([name, { short, value, repeated = false }]) => {
    const type = value === undefined ? ('boolean' as const) : ('string' as const)
    return [
      name,
      { type, ...(short !== undefined && { short }), ...(repeated && { multiple: true }) },
    ] as const
  })
  return Object.fromEntries(entries)
}

/** An option as it was written. */
interface Written {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function requireFlag({ name, rawName, value, inlineValue }: Written, flags: FlagSet, command: string): void {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (flag === undefined)
    throw new Refusal(`${command} has no option '${rawName}'; ${toAdvice(rawName, flags, command)}`)
  if (flag.value === undefined) {
    if (value !== undefined) throw new Refusal(`${rawName} takes no value, got '${value}'; leave it out`)
    return
  }
  if (value === undefined) throw new Refusal(`${rawName} takes ${flag.value} behind it, got nothing`)
  // The value is far more often forgotten than meant to begin so.
  if (!inlineValue && /^-./.test(value)) {
    throw new Refusal(
      `${rawName} takes ${flag.value} behind it, got the option '${value}'; if that is meant, write --${name}=${value}`,
    )
  }
}

function toAdvice(rawName: string, flags: FlagSet, command: string): string {
  const nearest = findNearest(rawName.replace(/^-+/, ''), Object.keys(flags))
  return nearest === null ? `see 'vouch ${command} --help'` : `did you mean '--${nearest}'?`
}

function requireOperands(positionals: readonly string[], { name, operand }: Declaration): void {
  const surplus = positionals[operand === null ? 0 : 1]
  if (surplus === undefined) return
  const takes = operand === null ? 'nothing but options' : `one ${operand.name}`
  const advice = operand === null ? `see 'vouch ${name} --help'` : 'put quotes around a name with blanks'
  throw new Refusal(`${name} takes ${takes}, got also '${surplus}'; ${advice}`)
}
