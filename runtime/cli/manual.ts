import { type Declaration, toFlags } from './declaration.ts'
import { PURPOSE, toMeaning, toTerm } from './help.ts'

/** What the whole of vouch obeys beside what the flags name. */
const VARIABLES: Readonly<Record<string, string>> = {
  XDG_CACHE_HOME: 'where the digest indexes lie unless --index says, in the directory vouch (~/.cache)',
  NO_COLOR: 'nothing is coloured when it is set and not empty',
  FORCE_COLOR:
    'when it is set, not empty and not 0, what people read is coloured although it goes to no terminal; NO_COLOR has the last word',
}

/** The manual page vouch(1) in roff, of these commands. */
export function toManual(declarations: readonly Declaration[], version: string): string {
  return [
    '.\\" Made by vouch man from what the commands declare; do not edit.',
    `.TH VOUCH 1 "" "vouch ${version}" "User Commands"`,
    '.SH NAME',
    escape(`vouch - ${PURPOSE}`).replace('\\-', '\\-'),
    '.SH SYNOPSIS',
    ...declarations.flatMap(toSynopsis),
    '.SH DESCRIPTION',
    ...DESCRIPTION.flatMap((text) => ['.PP', escape(text)]).slice(1),
    '.SH COMMANDS',
    ...declarations.flatMap(toSection),
    '.SH EXIT STATUS',
    ...STATUSES.flatMap(([status, meaning]) => toItem(status, meaning)),
    '.SH ENVIRONMENT',
    ...Object.entries({ ...toVariables(declarations), ...VARIABLES }).flatMap(([name, meaning]) =>
      toItem(name, meaning),
    ),
    '',
  ].join('\n')
}

const DESCRIPTION = [
  'You keep the same files in two or more places. A coordinator asks each of them, the replicas, for a file by name, compares the copies by SHA-256, and answers: all the same, the file once; different, every version and who holds it; only some have it, the file and who lacks it; nobody has it, not found, and only then.',
  'Standard output carries data, standard error what is said to people. Sizes and times are written for people, except with --json, where sizes are in bytes and times in UTC (RFC 3339). A mistyped command or option runs nothing.',
]

const STATUSES = [
  ['0', 'done'],
  ['1', 'the copies differ; each command says what that means for it'],
  ['2', 'trouble, told in one line on standard error'],
  ['130, 143', 'ended by SIGINT or SIGTERM'],
  ['141', 'whoever read standard output went away'],
] as const

function toSynopsis({ name, forms }: Declaration): string[] {
  return forms.flatMap((form) => ['.br', `.B vouch ${escape(name)}`, ...(form === '' ? [] : [escape(form)])])
}

function toSection({ name, about, groups, description, examples, statuses }: Declaration): string[] {
  const ends = Object.entries(statuses).map(([status, meaning]) => `${status} ${meaning}`)
  return [
    `.SS vouch ${escape(name)}`,
    escape(`${about.charAt(0).toUpperCase()}${about.slice(1)}.`),
    ...description.flatMap((text) => ['.PP', escape(text)]),
    ...groups.flatMap(({ title, flags }) => [
      '.PP',
      `.B ${escape(title)}`,
      ...Object.entries(flags).flatMap(([flag, init]) => toItem(toTerm(flag, init).trim(), toMeaning(init))),
    ]),
    '.PP',
    '.B Examples',
    ...examples.flatMap(({ line, about }) => toItem(line, about)),
    '.PP',
    escape(`Exit status: ${ends.join('; ')}.`),
  ]
}

function toItem(term: string, meaning: string): string[] {
  return ['.TP', `.B "${escape(term).replaceAll('"', '\\(dq')}"`, escape(meaning)]
}

/** The environment variables that stand for flags. */
function toVariables(declarations: readonly Declaration[]): Record<string, string> {
  const all = declarations.flatMap((declaration) => Object.entries(toFlags(declaration)))
  const named = all.flatMap(([name, { variable }]) =>
    variable === undefined ? [] : [[variable, name] as const],
  )
  return Object.fromEntries(
    named.map(([variable, name]) => [variable, `what a file named by --${name} would hold`]),
  )
}

/** Text in which roff finds nothing to act on: hyphens stay what they are, and no line begins with a request. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replace(/^\./, '\\&.')
}
