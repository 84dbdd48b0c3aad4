import type { Comparison } from '../../functions/coordinator/compare.ts'
import { toReports } from '../../functions/coordinator/report.ts'
import { isFacts } from '../../functions/storage/survey.ts'
import { toTimestamp } from '../../functions/wire/dates.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { toEvidenceText } from '../../functions/wire/evidence-words.ts'
import { toGrouped } from '../../functions/wire/grouped.ts'
import { printable } from '../../functions/wire/printable.ts'
import type { ReplicaReport } from '../../functions/wire/schemas.ts'
import type { Colour, Paint } from './colour.ts'
import { toJsonLine } from './io.ts'
import { toSize } from './progress.ts'
import { toLocalTime } from './times.ts'
import type { VersionDifference } from './version-difference.ts'

/** What the copies of one file come to. */
export interface Explanation {
  readonly name: string
  readonly comparison: Comparison
  /** Of each version but the first, in their order, against the first. */
  readonly differences: readonly VersionDifference[]
}

/** What one replica holds. */
interface Copy extends ReplicaReport {
  /** Bytes; absent when it holds nothing. */
  readonly size?: number
  /** RFC 3339; absent when it holds nothing, or does not say. */
  readonly modified?: string
}

/** One object in one line of JSON. */
export function toJsonText({ name, comparison, differences }: Explanation): string {
  const versions = comparison.versions.map(({ digest, size, holders }, i) => {
    const difference = differences[i - 1]
    return { digest, size, holders, firstDifference: difference ? toPlace(difference) : null }
  })
  const { agreement } = comparison
  return toJsonLine({ name, agreement, replicas: toCopies(comparison), versions })
}

function toPlace({ offset, line }: VersionDifference) {
  return { offset, ...(line !== null && { line }) }
}

/** For people: the agreement, a line for each replica, who holds which version, and how they differ. */
export function toPeopleText({ name, comparison, differences }: Explanation, paint: Paint): string {
  const copies = toCopies(comparison)
  const newest = findNewest(copies)
  const letters = new Map(comparison.versions.map(({ digest }, i) => [digest, toLetter(i)]))
  const width = Math.max(...copies.map(({ id }) => id.length))
  const lines = [
    `${name}: ${comparison.agreement}`,
    ...copies.map((copy) => `  ${copy.id.padEnd(width)}  ${toRow(copy, letters, newest)}`),
    ...(copies.length > 2 ? toHolders(comparison) : []),
  ]
  const text = lines.map((line) => `${printable(line)}\n`).join('')
  return text + differences.map((difference, i) => toComparison(difference, toLetter(i + 1), paint)).join('')
}

function toCopies({ answers, versions }: Comparison): Copy[] {
  const reports = toReports(answers, versions.length === 1 ? versions[0] : undefined)
  return reports.map((report, i) => {
    const said = answers[i]?.said ?? null
    if (!isFacts(said)) return report
    const modified = toTimestamp(said.modified)
    return { ...report, size: said.size, ...(modified !== null && { modified }) }
  })
}

/** A, B, … Z, then by number. */
function toLetter(i: number): string {
  return i < 26 ? String.fromCharCode(65 + i) : `#${i + 1}`
}

/** The latest time, when only one of several versions has it and every copy has one. */
function findNewest(copies: readonly Copy[]): string | undefined {
  const held = copies.filter(({ version }) => version !== undefined)
  if (held.some(({ modified }) => modified === undefined)) return undefined
  const latest = held
    .map(({ modified = '' }) => modified)
    .sort()
    .at(-1)
  const latestHeld = held.filter(({ modified }) => modified === latest)
  return countVersions(latestHeld) === 1 && countVersions(held) > 1 ? latest : undefined
}

function countVersions(copies: readonly Copy[]): number {
  return new Set(copies.map(({ version }) => version)).size
}

function toRow(copy: Copy, letters: ReadonlyMap<Digest, string>, newest: string | undefined): string {
  const { state, version, size, modified, error, detail, evidence, age } = copy
  if (version === undefined || size === undefined) {
    const words = detail ?? error?.replaceAll('_', ' ') ?? state
    return state === 'corrupt' ? `corrupt: ${words}` : state === 'missing' ? state : words
  }
  const time = `${modified === undefined ? 'no time' : toLocalTime(modified)}${modified !== undefined && modified === newest ? ' (newest)' : ''}`
  const bytes = size < 1024 ? '' : ` (${toGrouped(size)} B)`
  const known = evidence === undefined ? '' : `  ${toEvidenceText(evidence, age)}`
  return `${letters.get(version)}  ${toSize(size)}${bytes}  ${time}  ${version.slice(0, 12)}${known}`
}

function toHolders({ versions, answers: { length: of } }: Comparison): string[] {
  return versions.map(({ holders }, i) => {
    const majority = holders.length * 2 > of ? ', the majority' : ''
    return `${toLetter(i)}: ${holders.length} of ${of} (${holders.join(', ')})${majority}`
  })
}

/** How the version called `letter` differs from the first. */
function toComparison(difference: VersionDifference, letter: string, paint: Paint): string {
  return `${letter} against A: ${toWords(difference, letter)}\n${toColoured(difference.diff ?? '', paint)}`
}

const OF_LINE: Readonly<Record<string, Colour>> = { '-': 'red', '+': 'green', '@': 'cyan' }

function toColoured(diff: string, paint: Paint): string {
  return diff.replace(/^[-+@].*$/gm, (line) => paint(line, OF_LINE[line.charAt(0)] ?? 'bold'))
}

function toWords({ offset, line, prefix }: VersionDifference, letter: string): string {
  const at = `${toGrouped(offset)}${line === null ? '' : `, in line ${toGrouped(line)}`}`
  if (prefix === null) return `the first byte that differs is at offset ${at}`
  const [short, long] = prefix === 0 ? ['A', letter] : [letter, 'A']
  return offset === 0
    ? `${short} is empty`
    : `${long} begins with all of ${short}, and goes on at offset ${at}`
}
