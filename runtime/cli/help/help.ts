import type { Flag } from '../../hosting/flag.ts'
import { toJsonLine, writeOut } from '../../hosting/io.ts'
import type { Command } from '../options/command.ts'
import { type Declaration, readOptions, toGroups, toNamed } from '../options/declaration.ts'
import { DECLARATIONS, findCommand, VERSION } from '../options/declarations.ts'

export const help: Command = {
  async run({ operand }, io) {
    await writeOut(io, operand === undefined ? toOverview() : toHelp(findCommand(operand)))
    return 0
  },
}

export const version: Command = {
  async run(given, io) {
    const { json } = readOptions(VERSION, given)
    const { name, version } = await readAbout()
    const about = { name, version, node: process.versions.node }
    await writeOut(io, json ? toJsonLine(about) : `${name} ${version}\n`)
    return 0
  },
}

export function toOverview(): string {
  const commands = DECLARATIONS.flatMap(({ name, about }) => toEntry(`  ${name}`, about, 15))
  return toText([
    `vouch: ${PURPOSE}`,
    '',
    'Usage: vouch COMMAND [options]',
    '',
    ...commands,
    '',
    ...toEntry('  vouch COMMAND --help', 'what a command takes, with examples', 25),
    ...toEntry('  vouch --version', 'the version of vouch', 25),
    '',
    'Exit status: 0 done, 1 the copies differ, 2 trouble, 3 got the file, but some',
    'replica sent no copy.',
  ])
}

/** The version of vouch: `0.1.0`. */
export async function readVersion(): Promise<string> {
  return (await readAbout()).version
}

async function readAbout() {
  return (await import('../../../package.json', { with: { type: 'json' } })).default
}

export const PURPOSE = 'ask every place that keeps a file whether the copies agree'

/** The column where the meaning of a flag begins. */
const MEANING = 27

export function toHelp(declaration: Declaration): string {
  const { name, about, forms, description, examples, statuses } = declaration
  const options = toGroups(declaration).flatMap(({ title, flags }) => [
    '',
    `${title}:`,
    ...toNamed(flags).flatMap(([name, flag]) => toEntry(`  ${toTerm(name, flag)}`, toMeaning(flag), MEANING)),
  ])
  return toText([
    ...toLines(`vouch ${name}: ${about}`),
    '',
    ...forms.map((form, i) => `${i === 0 ? 'Usage: ' : '       '}vouch ${name} ${form}`.trimEnd()),
    ...description.flatMap((paragraph) => ['', ...toLines(paragraph)]),
    ...options,
    '',
    'Examples:',
    ...Object.entries(examples).flatMap(([line, about]) => [`  ${line}`, ...toLines(about, 6)]),
    '',
    ...toLines(`Exit status: ${toStatuses(statuses)}.`),
  ])
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

export function toTerm(name: string, { short, value, bare }: Flag): string {
  const behind = value === undefined ? '' : bare === undefined ? ` ${value}` : `[=${value}]`
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${behind}`
}

/** What a flag means, its variable and its default: `the port (6001)`. */
export function toMeaning({ about, otherwise, variable }: Flag): string {
  const instead = [variable, otherwise].filter((text) => text !== undefined).join(', else ')
  return instead === '' ? about : `${about} (${instead})`
}

export function toStatuses(statuses: Declaration['statuses']): string {
  return Object.entries(statuses)
    .map(([status, meaning]) => `${status} ${meaning}`)
    .join('; ')
}

/** Columns of a line of help. */
const WIDTH = 80

/** Wraps words into lines of at most 80 columns, indented by `indent`; a wider word gets its own line. */
export function toLines(words: string, indent = 0): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && indent + longer.length > WIDTH) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line].map((text) => ' '.repeat(indent) + text)
}

/** A term with its meaning beside it from column `indent` on, or below it when the term is too wide. */
function toEntry(term: string, meaning: string, indent: number): string[] {
  const [first = '', ...rest] = toLines(meaning, indent)
  const fits = term.length + 2 <= indent
  return fits ? [term.padEnd(indent) + first.trimStart(), ...rest] : [term, first, ...rest]
}
