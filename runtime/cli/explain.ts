import { NAME_RULE, parseName } from '../../functions/storage/names.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import type { Agreement, ReplicaReport } from '../../functions/wire/schemas.ts'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import type { Ask } from './ask.ts'
import type { Command } from './command.ts'
import { readCopies } from './copies.ts'
import { type Difference, findDifference } from './difference.ts'
import { type Io, printable, say, writeOut } from './io.ts'
import { toSize } from './progress.ts'
import { openSource, SOURCE_OPTIONS, SOURCE_USAGE } from './source.ts'
import { diffTexts } from './text-diff.ts'

/** `vouch explain`: how the copies of one file differ. */
export const explain: Command = {
  usage: `vouch explain NAME [options]: say how the copies of a file differ; which of them is right is for you to say

${SOURCE_USAGE}  --json                print one object of JSON

Prints what each replica holds, and since when; who holds which version; where each version begins to differ from the
first; and how, where they are texts of at most 1 MiB.
Exit status: 0 all are alike, 1 some differ or are lacking, 2 trouble.
`,
  options: { ...SOURCE_OPTIONS, json: { type: 'boolean' } },
  operands: { most: 1, name: 'NAME' },
  async run(flags, [text = ''], io) {
    const name = parseName(text)
    if (name === null) throw new Refusal(`'${text}' is no name of a file: ${NAME_RULE}`)
    const { ask, close } = openSource(flags, io)
    try {
      return await explainName(ask, name, flags, io)
    } finally {
      await close()
    }
  },
}

/** What one replica holds. */
export interface Copy extends ReplicaReport {
  /** Bytes; absent when it holds nothing. */
  readonly size?: number | undefined
  /** RFC 3339; absent when it holds nothing, or does not say. */
  readonly modified?: string | undefined
}

/** One content. */
interface Version {
  readonly digest: Digest
  readonly size: number
  readonly holders: readonly string[]
  /** Against the first version; null for that itself. */
  readonly difference: Difference | null
}

async function explainName(ask: Ask, name: string, flags: Flags, io: Io): Promise<number> {
  const { agreement, copies } = await readCopies(ask, name)
  const versions = await readVersions(ask, name, copies)
  if (flags['json'])
    await writeOut(io.stdout, `${JSON.stringify({ name, agreement, replicas: copies, versions })}\n`)
  else await print({ ask, name, agreement, copies, versions }, io)
  if (copies.some(({ state }) => state === 'error' || state === 'corrupt') || versions.length === 0) return 2
  return agreement === 'unanimous' ? 0 : 1
}

async function readVersions(ask: Ask, name: string, copies: readonly Copy[]): Promise<Version[]> {
  const held = new Map<Digest, { size: number; holders: string[] }>()
  for (const { id, version, size } of copies) {
    if (version === undefined || size === undefined) continue
    held.set(version, { size, holders: [...(held.get(version)?.holders ?? []), id] })
  }
  const [first] = held.keys()
  const versions: Version[] = []
  for (const [digest, { size, holders }] of held) {
    const difference =
      first === undefined || digest === first ? null : await findDifference(ask, name, [first, digest])
    versions.push({ digest, size, holders, difference })
  }
  return versions
}

interface Explained {
  readonly ask: Ask
  readonly name: string
  readonly agreement: Agreement
  readonly copies: readonly Copy[]
  readonly versions: readonly Version[]
}

async function print({ ask, name, agreement, copies, versions }: Explained, io: Io): Promise<void> {
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  const newest = findNewest(copies)
  const width = Math.max(...copies.map(({ id }) => id.length))
  const lines = [
    `${printable(name)}: ${agreement}`,
    ...copies.map((copy) => `  ${copy.id.padEnd(width)}  ${toRow(copy, letters, newest)}`),
    ...(copies.length > 2
      ? versions.map((version, i) => toHolders(version, toLetter(i), copies.length))
      : []),
  ]
  await writeOut(io.stdout, lines.map((line) => `${line}\n`).join(''))
  const [first, ...others] = versions
  for (const [i, other] of others.entries()) {
    await writeOut(io.stdout, `${toLetter(i + 1)} against A: ${toWords(other.difference)}\n`)
    const diff = first && (await diffTexts(ask, name, [first, other]))
    if (diff) await writeOut(io.stdout, diff)
  }
  if (versions.length === 0) say(io, `${name}: nobody has shown it`)
}

/** A, B, … Z, then by number. */
function toLetter(i: number): string {
  return i < 26 ? String.fromCharCode(65 + i) : `#${i + 1}`
}

/** The latest time, when only one version has it and every copy has one. */
function findNewest(copies: readonly Copy[]): string | undefined {
  const held = copies.filter(({ version }) => version !== undefined)
  if (held.some(({ modified }) => modified === undefined)) return undefined
  const [latest] = held
    .map(({ modified }) => modified ?? '')
    .sort()
    .reverse()
  const versions = new Set(held.filter(({ modified }) => modified === latest).map(({ version }) => version))
  return versions.size === 1 && new Set(held.map(({ version }) => version)).size > 1 ? latest : undefined
}

function toRow(copy: Copy, letters: ReadonlyMap<Digest, string>, newest: string | undefined): string {
  const { state, version, size, modified, error, detail } = copy
  if (version === undefined || size === undefined) {
    return state === 'missing' ? 'missing' : printable(detail ?? error?.replaceAll('_', ' ') ?? state)
  }
  const time = `${modified ?? 'no time'}${modified !== undefined && modified === newest ? ' (newest)' : ''}`
  const bytes = size < 1024 ? '' : ` (${size.toLocaleString('en')} B)`
  return `${letters.get(version)}  ${toSize(size)}${bytes}  ${time}  ${version.slice(0, 12)}`
}

function toHolders({ holders }: Version, letter: string, of: number): string {
  const majority = holders.length * 2 > of ? ', the majority' : ''
  return `${letter}: ${holders.length} of ${of} (${holders.join(', ')})${majority}`
}

function toWords(difference: Difference | null): string {
  if (difference === null) return 'no difference was found: a copy changed meanwhile'
  const { offset, line, prefix } = difference
  const at = `${offset.toLocaleString('en')}${line === undefined ? '' : `, in line ${line.toLocaleString('en')}`}`
  if (prefix === undefined) return `the first byte that differs is at offset ${at}`
  return `${prefix === 0 ? 'A' : 'it'} ends at offset ${at}, and is alike until there`
}
