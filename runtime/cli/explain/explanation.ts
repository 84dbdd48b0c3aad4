import type { Comparison } from '../../../functions/coordinator/compare/compare.ts'
import { toLetter, toReports } from '../../../functions/coordinator/compare/report.ts'
import { isFacts } from '../../../functions/storage/facts.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { toTimestamp } from '../../../functions/wire/fields/dates.ts'
import type { ReplicaReport } from '../../../functions/wire/schemas/manifest.ts'
import { escapeControls, formatNumber, formatSize } from '../../../functions/wire/text.ts'
import { toEvidenceText } from '../../../functions/wire/words/evidence.ts'
import type { Colour, Paint } from '../../hosting/colour.ts'
import { toJsonLine } from '../../hosting/io.ts'
import type { UserError } from '../../node/user-error.ts'
import { toLocalTime } from '../terminal/times.ts'
import type { VersionDifference } from './version-difference.ts'

/** How the copies of one file compare. */
export interface Explanation {
  readonly name: string
  readonly comparison: Comparison
  /**
   * How each version after the first differs from the first, in order; null when a list knows one of the two.
   */
  readonly differences: readonly (VersionDifference | null)[]
}

/** The copy of one replica. */
interface Copy extends ReplicaReport {
  /** Bytes; null when the replica is a list that does not have them, absent when it holds nothing. */
  readonly size?: number | null
  /** RFC 3339; absent when it holds nothing, or reports no time. */
  readonly modified?: string
}

/** One object in one line of JSON. */
export function toJsonText(
  { name, comparison, differences }: Explanation,
  trouble: UserError | null,
): string {
  const versions = comparison.versions.map(({ digest, size, holders }, i) => {
    const difference = differences[i - 1]
    return { digest, size, holders, firstDifference: difference ? toPlace(difference) : null }
  })
  const { agreement } = comparison
  const error = trouble && { kind: trouble.kind, message: trouble.message }
  return toJsonLine({ name, agreement, replicas: toCopies(comparison), versions, ...(error && { error }) })
}

function toPlace({ offset, line }: VersionDifference) {
  return { offset, ...(line !== null && { line }) }
}

/** For people: the agreement, each replica, the holders of each version, and how the versions differ. */
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
  const text = lines.map((line) => `${escapeControls(line)}\n`).join('')
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

/** The latest time, if every copy has a time and only one of several versions has the latest. */
function findNewest(copies: readonly Copy[]): string | undefined {
  const held = copies.filter(({ version }) => version !== undefined)
  if (held.some(({ modified }) => modified === undefined)) return undefined
  const times = held.map(({ modified = '' }) => modified)
  const latest = times.sort().at(-1)
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
  const bytes =
    size === null ? 'no size' : `${formatSize(size)}${size < 1024 ? '' : ` (${formatNumber(size)} B)`}`
  const known = evidence === undefined ? '' : `  ${toEvidenceText(evidence, age)}`
  return `${letters.get(version)}  ${bytes}  ${time}  ${version.slice(0, 12)}${known}`
}

function toHolders({ versions, answers: { length: of } }: Comparison): string[] {
  return versions.map(({ holders }, i) => {
    const majority = holders.length * 2 > of ? ', the majority' : ''
    return `${toLetter(i)}: ${holders.length} of ${of} (${holders.join(', ')})${majority}`
  })
}

/** How the version called `letter` differs from the first. */
function toComparison(difference: VersionDifference | null, letter: string, paint: Paint): string {
  if (difference === null) return `${letter} against A: only a list knows one of them, which has no bytes\n`
  return `${letter} against A: ${toWords(difference, letter)}\n${toColoured(difference.diff ?? '', paint)}`
}

const OF_LINE: Readonly<Record<string, Colour>> = { '-': 'red', '+': 'green', '@': 'cyan' }

function toColoured(diff: string, paint: Paint): string {
  return diff.replace(/^[-+@].*$/gm, (line) => paint(line, OF_LINE[line.charAt(0)] ?? 'bold'))
}

function toWords({ offset, line, prefix }: VersionDifference, letter: string): string {
  const at = `${formatNumber(offset)}${line === null ? '' : `, in line ${formatNumber(line)}`}`
  if (prefix === null) return `the first byte that differs is at offset ${at}`
  const [short, long] = prefix === 0 ? ['A', letter] : [letter, 'A']
  return offset === 0
    ? `${short} is empty`
    : `${long} begins with all of ${short}, and continues at offset ${at}`
}
