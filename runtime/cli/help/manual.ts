import type { Flags } from '../../hosting/flag.ts'
import { writeOut } from '../../hosting/io.ts'
import type { Command } from '../options/command.ts'
import { type Declaration, type FlagGroup, toFlags, toGroups, toNamed } from '../options/declaration.ts'
import { DECLARATIONS } from '../options/declarations.ts'
import { PURPOSE, readVersion, toLines, toMeaning, toStatuses, toTerm } from './help.ts'

export const man: Command = {
  async run(_given, io) {
    await writeOut(io, toManual(DECLARATIONS, await readVersion()))
    return 0
  },
}

/** The last revision of the manual; man(7) requires a date. */
const REVISED = '2026-11-30'

/** Environment variables that belong to no flag. */
const VARIABLES: Readonly<Record<string, string>> = {
  XDG_CONFIG_HOME:
    'the directory whose file vouch/vouch.toml is read where VOUCH_CONFIG names none (~/.config)',
  XDG_CACHE_HOME:
    'the directory whose subdirectory vouch holds the digest indexes, unless --index is given (~/.cache)',
  MERGETOOL: 'the shell command by which vouch resolve merges versions',
  NO_COLOR: 'when set and not empty, output is not coloured',
  FORCE_COLOR:
    'when set, not empty and not 0, output for people is coloured even when it does not go to a terminal; NO_COLOR takes precedence',
}

const DESCRIPTION = [
  'You keep the same files in two or more places, the replicas. A coordinator asks each replica for a file by name, compares the copies by SHA-256, and answers. If all are the same: the file, once. If they differ: every version, and which replicas hold it. If only some have it: the file, and which replicas miss it. Only if no replica has it: not found.',
  'Standard output carries data, standard error messages for people. Sizes and times are written for people, except with --json, where sizes are in bytes and times in UTC (RFC 3339). A mistyped command or option runs nothing.',
]

const STATUSES = {
  0: 'done',
  1: 'the copies differ; see each command for its meaning',
  2: 'trouble, reported in one line on standard error',
  130: 'ended by SIGINT',
  141: 'the reader of standard output went away',
  143: 'ended by SIGTERM',
}

/** The manual page vouch(1) of these commands, in roff with the macros of man(7). */
export function toManual(declarations: readonly Declaration[], version: string): string {
  const shared = findShared(declarations)
  return [
    '.\\" Made by vouch man from the declarations of the commands; do not edit.',
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

/** The groups of more than one command (one object in each declaration), which are printed once. */
function findShared(declarations: readonly Declaration[]): FlagGroup[] {
  const groups = declarations.flatMap((declaration) => declaration.shared)
  return [...new Set(groups.filter((group, i) => groups.indexOf(group) < i))]
}

function toSynopsis({ name, forms }: Declaration): string[] {
  return forms.flatMap((form) => ['.br', `.B vouch ${name}`, ...(form === '' ? [] : toText(form))])
}

function toSection(declaration: Declaration, shared: readonly FlagGroup[]): string[] {
  const { name, about, description, examples, statuses } = declaration
  const groups = toGroups(declaration)
  const elsewhere = groups.filter((group) => shared.includes(group)).map(({ title }) => `"${title}"`)
  const own = groups.filter((group) => !shared.includes(group))
  return [
    `.SS vouch ${name}`,
    ...toText(`${about.charAt(0).toUpperCase()}${about.slice(1)}.`),
    ...toParagraphs(description),
    ...own.flatMap(({ title, flags }) => ['.PP', toBold(title), ...toFlagItems(flags)]),
    ...(elsewhere.length === 0
      ? []
      : toParagraphs([`It also takes the options of ${elsewhere.join(' and ')}, see SHARED OPTIONS.`])),
    '.PP',
    toBold('Examples'),
    ...toItems(examples),
    ...toParagraphs([`Exit status: ${toStatuses(statuses)}.`]),
  ]
}

function toFlagItems(flags: Flags): string[] {
  const entries = toNamed(flags).map(([name, flag]) => [toTerm(name, flag).trim(), toMeaning(flag)])
  return toItems(Object.fromEntries(entries))
}

function toItems(meanings: Readonly<Record<string, string>>): string[] {
  return Object.entries(meanings).flatMap(([term, meaning]) => ['.TP', toBold(term), ...toText(meaning)])
}

/** The environment variables of flags. */
function toVariables(declarations: readonly Declaration[]): Record<string, string> {
  const meanings: Record<string, string> = {}
  for (const [name, { variable, isSecret }] of declarations.flatMap((one) => Object.entries(toFlags(one)))) {
    if (variable === undefined) continue
    const takers = declarations.filter((one) => toFlags(one)[name]?.variable === variable)
    const of = `--${name} of ${takers.map((one) => one.name).join(', ')}`
    meanings[variable] = isSecret ? `a token, instead of a file for ${of}` : `instead of ${of}`
  }
  return meanings
}

function toParagraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text) => ['.PP', ...toText(text)])
}

function toBold(text: string): string {
  return `.B ${toRoff(text)}`
}

/** Lines of roff that render as `text`; none is taken for a request. */
function toText(text: string): string[] {
  return toLines(toRoff(text)).map((line) => (line.startsWith('.') ? `\\&${line}` : line))
}

/** Escapes what roff would interpret or replace, hyphens and quotes included. */
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
