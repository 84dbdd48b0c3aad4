import { Refusal } from '../node/refusal.ts'
import type { Command } from './command.ts'
import { COMMANDS, type Entry } from './commands.ts'
import type { Declaration, Flag } from './declaration.ts'
import { writeOut } from './io.ts'
import { findNearest } from './nearest.ts'
import { toEntry, toLines } from './text.ts'

/** `vouch help`: what vouch can do, or what one command takes. */
export const help: Command = {
  async run(_flags, [name], io) {
    await writeOut(io, name === undefined ? toOverview() : toHelp(findCommand(name).declaration))
    return 0
  },
}

/** The command of this name; throws a Refusal, with the name that was most likely meant, when there is none. */
export function findCommand(name: string): Entry {
  const found = COMMANDS.find(({ declaration }) => declaration.name === name)
  if (found !== undefined) return found
  const nearest = findNearest(name, toNames())
  const advice =
    nearest === null ? `it has ${toNames().join(', ')}; see 'vouch --help'` : `did you mean '${nearest}'?`
  throw new Refusal(`vouch has no command '${name}'; ${advice}`)
}

function toNames(): string[] {
  return COMMANDS.map(({ declaration }) => declaration.name)
}

/** What vouch is and can do, in few lines. */
export function toOverview(): string {
  const commands = COMMANDS.flatMap(({ declaration: { name, about } }) => toEntry(`  ${name}`, about, 15))
  return toText([
    `vouch: ${PURPOSE}`,
    '',
    'Usage: vouch COMMAND [options]',
    '',
    ...commands,
    '',
    ...toEntry('  vouch COMMAND --help', 'what a command takes, with examples', 25),
    ...toEntry('  vouch --version', 'which vouch this is', 25),
    '',
    'Exit status: 0 done, 1 the copies differ, 2 trouble, 3 got it but some replica',
    'gave no copy.',
  ])
}

/** What vouch is for, in one line. */
export const PURPOSE = 'ask every place that keeps a file whether the copies agree'

/** Where what a flag means begins. */
const MEANING = 27

/** All that a command takes, with examples. */
export function toHelp({ name, about, forms, groups, description, examples, statuses }: Declaration): string {
  const options = groups.flatMap(({ title, flags }) => [
    '',
    `${title}:`,
    ...Object.entries(flags).flatMap(([flag, init]) =>
      toEntry(`  ${toTerm(flag, init)}`, toMeaning(init), MEANING),
    ),
  ])
  return toText([
    ...toLines(`vouch ${name}: ${about}`),
    '',
    ...forms.map((form, i) => `${i === 0 ? 'Usage: ' : '       '}vouch ${name} ${form}`.trimEnd()),
    ...description.flatMap((paragraph) => ['', ...toLines(paragraph)]),
    ...options,
    '',
    'Examples:',
    ...examples.flatMap(({ line, about }) => [`  ${line}`, ...toLines(about, 6)]),
    '',
    ...toLines(`Exit status: ${toStatuses(statuses)}.`),
  ])
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** `-o, --output PATH` */
export function toTerm(name: string, { short, value }: Flag): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

/** What a flag means, and what holds when it is left out: `the token to show (VOUCH_TOKEN)`. */
export function toMeaning({ about, otherwise, variable }: Flag): string {
  const instead = [variable, otherwise].filter((text) => text !== undefined).join(', else ')
  return instead === '' ? about : `${about} (${instead})`
}

/** `0 done; 2 trouble` */
export function toStatuses(statuses: Declaration['statuses']): string {
  return Object.entries(statuses)
    .map(([status, meaning]) => `${status} ${meaning}`)
    .join('; ')
}
