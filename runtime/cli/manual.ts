import { type Declaration, type FlagGroup, type FlagSet, toFlags } from './declaration.ts'
import { PURPOSE, toMeaning, toStatuses, toTerm } from './help.ts'
import { toLines } from './text.ts'

/** When the manual was last gone through; man(7) wants a date. */
const REVISED = '2026-11-23'

/** What the whole of vouch obeys beside what the flags name. */
const VARIABLES: Readonly<Record<string, string>> = {
  XDG_CACHE_HOME: 'where the digest indexes lie unless --index says, in the directory vouch (~/.cache)',
  NO_COLOR: 'nothing is coloured when it is set and not empty',
  FORCE_COLOR:
    'when it is set, not empty and not 0, what people read is coloured although it goes to no terminal; NO_COLOR has the last word',
}

const DESCRIPTION = [
  'You keep the same files in two or more places. A coordinator asks each of them, the replicas, for a file by name, compares the copies by SHA-256, and answers: all the same, the file once; different, every version and who holds it; only some have it, the file and who lacks it; nobody has it, not found, and only then.',
  'Standard output carries data, standard error what is said to people. Sizes and times are written for people, except with --json, where sizes are in bytes and times in UTC (RFC 3339). A mistyped command or option runs nothing.',
]

const STATUSES = {
  0: 'done',
  1: 'the copies differ; each command says what that means for it',
  2: 'trouble, told in one line on standard error',
  130: 'ended by SIGINT',
  141: 'whoever read standard output went away',
  143: 'ended by SIGTERM',
}

/** The manual page vouch(1) in roff with the macros of man(7), of these commands. */
export function toManual(declarations: readonly Declaration[], version: string): string {
  const shared = findShared(declarations)
  return [
    '.\\" Made by vouch man from what the commands declare; do not edit.',
    `.TH VOUCH 1 ${REVISED} "vouch ${version}" "User Commands"`,
    '.SH NAME',
    ...toText(`vouch - ${PURPOSE}`),
    '.SH SYNOPSIS',
    ...declarations.flatMap(toSynopsis).slice(1),
    '.SH DESCRIPTION',
    ...toParagraphs(DESCRIPTION).slice(1),
    '.SH COMMANDS',
    ...declarations.flatMap((declaration) => toSection(declaration, shared)),
    '.SH SHARED OPTIONS',
    ...shared.flatMap(({ title, flags }) => [`.SS ${toRoff(title)}`, ...toFlagItems(flags)]),
    '.SH EXIT STATUS',
    ...toItems(STATUSES),
    '.SH ENVIRONMENT',
    ...toItems({ ...toVariables(declarations), ...VARIABLES }),
    '',
  ].join('\n')
}

/** The groups that more than one command takes, being one object in each declaration: they are told once. */
function findShared(declarations: readonly Declaration[]): FlagGroup[] {
  const groups = declarations.flatMap(({ groups }) => groups)
  return [...new Set(groups.filter((group, i) => groups.indexOf(group) < i))]
}

function toSynopsis({ name, forms }: Declaration): string[] {
  return forms.flatMap((form) => ['.br', `.B vouch ${name}`, ...(form === '' ? [] : toText(form))])
}

function toSection(declaration: Declaration, shared: readonly FlagGroup[]): string[] {
  const { name, about, groups, description, examples, statuses } = declaration
  const elsewhere = groups.filter((group) => shared.includes(group)).map(({ title }) => `"${title}"`)
  const own = groups.filter((group) => !shared.includes(group))
  return [
    `.SS vouch ${name}`,
    ...toText(`${about.charAt(0).toUpperCase()}${about.slice(1)}.`),
    ...toParagraphs(description),
    ...own.flatMap(({ title, flags }) => ['.PP', ...toBold(title), ...toFlagItems(flags)]),
    ...(elsewhere.length === 0
      ? []
      : toParagraphs([`It takes the options of ${elsewhere.join(' and ')} too, see SHARED OPTIONS.`])),
    '.PP',
    ...toBold('Examples'),
    ...toItems(Object.fromEntries(examples.map(({ line, about }) => [line, about]))),
    ...toParagraphs([`Exit status: ${toStatuses(statuses)}.`]),
  ]
}

function toFlagItems(flags: FlagSet): string[] {
  const entries = Object.entries(flags).map(([name, flag]) => [toTerm(name, flag).trim(), toMeaning(flag)])
  return toItems(Object.fromEntries(entries))
}

function toItems(meanings: Readonly<Record<string, string>>): string[] {
  return Object.entries(meanings).flatMap(([term, meaning]) => ['.TP', ...toBold(term), ...toText(meaning)])
}

/** The environment variables that stand for flags. */
function toVariables(declarations: readonly Declaration[]): Record<string, string> {
  const flags = declarations.flatMap((declaration) => Object.entries(toFlags(declaration)))
  const named = flags.flatMap(([name, { variable }]) =>
    variable === undefined ? [] : [[variable, `one token, in the place of a file for --${name}`]],
  )
  return Object.fromEntries(named)
}

function toParagraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text) => ['.PP', ...toText(text)])
}

function toBold(text: string): string[] {
  return [`.B ${toRoff(text)}`]
}

/** Lines of roff that read as `text`; none begins with a request. */
function toText(text: string): string[] {
  return toLines(toRoff(text)).map((line) => (line.startsWith('.') ? `\\&${line}` : line))
}

/** Text in which roff finds nothing to act on, and leaves hyphens and quotes as they are. */
function toRoff(text: string): string {
  return text.replaceAll('\\', '\\e').replace(/[-~^`'"]/g, (c) => ROFF[c] ?? c)
}

const ROFF: Readonly<Record<string, string>> = {
  '-': '\\-',
  '~': '\\(ti',
  '^': '\\(ha',
  '`': '\\(ga',
  "'": '\\(aq',
  '"': '\\(dq',
}
