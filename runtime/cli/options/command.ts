import { parseArgs } from 'node:util'
import { type Flag, type Given, toFlagLabel } from '../../hosting/flag.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { type Declaration, toFlagsWithHelp } from './declaration.ts'
import { findNearest } from './nearest.ts'

/** One command of vouch, ready to run; its `Declaration` lists what it takes. */
export interface Command {
  /** Resolves with the exit status; rejects with a UserError for what its caller can put right. */
  run(given: Arguments, io: Io): Promise<number>
}

/** The arguments of a command, split. */
export interface Arguments extends Given {
  /** All that are not options. */
  readonly operands: readonly string[]
  /** The first of them. */
  readonly operand: string | undefined
  /** Globs of names that settings exclude. */
  readonly excluded: readonly string[]
  /** The texts of the flags on the line alone, where `texts` may also have those of settings. */
  readonly typed: Given['texts']
}

/**
 * Splits the arguments of a command; `help` when they ask for that, whatever else they hold. Throws a
 * UserError for a flag or an operand that the command does not take: such arguments never run anything.
 */
export function parseArguments(
  args: readonly string[],
  declaration: Declaration,
  env: Given['env'] = {},
): Arguments | 'help' {
  const flags = toFlagsWithHelp(declaration)
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: toOptions(flags),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const options = tokens.filter((token) => token.kind === 'option')
  if (options.some(({ name, value }) => name === 'help' && value === undefined)) return 'help'
  const texts: Record<string, string[]> = {}
  for (const option of options) {
    requireFlag(option, flags, declaration.name)
    const name = option.name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    texts[name] = [...(texts[name] ?? []), option.value ?? flags[option.name]?.bare ?? 'true']
  }
  requireOperands(positionals, declaration)
  const operands = { operands: positionals, operand: positionals[0] }
  return { texts, typed: texts, env, label: toFlagLabel, ...operands, excluded: [] }
}

function toOptions(flags: Readonly<Record<string, Flag>>) {
  const entries = Object.entries(flags).map(([name, { short, value, bare }]) => {
    const type = value === undefined || bare !== undefined ? ('boolean' as const) : ('string' as const)
    return [name, { type, ...(short !== undefined && { short }) }] as const
  })
  return Object.fromEntries(entries)
}

/** An option as typed. */
interface Written {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function requireFlag(
  { name, rawName, value, inlineValue }: Written,
  flags: Readonly<Record<string, Flag>>,
  command: string,
): void {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (flag === undefined) {
    const nearest = findNearest(rawName.replace(/^-+/, ''), Object.keys(flags))
    const advice = nearest === null ? `see 'vouch ${command} --help'` : `did you mean '--${nearest}'?`
    throw new UserError(`${command} has no option '${rawName}'; ${advice}`)
  }
  if (flag.value === undefined) {
    if (value !== undefined) throw new UserError(`${rawName} takes no value, got '${value}'; leave it out`)
    return
  }
  if (flag.bare !== undefined) return
  if (value === undefined) throw new UserError(`${rawName} needs ${flag.value} behind it, got nothing`)
  // A forgotten value is far more likely than one that begins with a dash.
  if (!inlineValue && /^-./.test(value)) {
    throw new UserError(
      `${rawName} needs ${flag.value} behind it, got the option '${value}'; if that is the value, write --${name}=${value}`,
    )
  }
}

function requireOperands(positionals: readonly string[], { name, operand }: Declaration): void {
  const surplus = positionals[operand === null ? 0 : 1]
  if (surplus === undefined || operand?.many) return
  throw new UserError(
    operand === null
      ? `${name} takes only options, got '${surplus}'; see 'vouch ${name} --help'`
      : `${name} takes one ${operand.name}, got also '${surplus}'; put quotes around a name with blanks`,
  )
}
