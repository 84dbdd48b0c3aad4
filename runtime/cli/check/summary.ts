import { countFiles, mayBeFile, toPassedText } from '../../../functions/wire/passed.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import { formatCount, formatNumber, formatSize } from '../../../functions/wire/text.ts'
import { toSeenTexts } from '../../../functions/wire/words/evidence.ts'
import { type Io, say } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { toAgreementWords } from '../terminal/agreement-words.ts'
import { toCallWords } from '../terminal/call-words.ts'
import { toChangeWords } from '../terminal/change-words.ts'

interface Globs {
  readonly match: readonly string[]
  readonly exclude: readonly string[]
}

/** What `check` found beside the summary of the audit. */
interface Found {
  readonly missingOn: ReadonlySet<string>
  /** The number of renamed files. */
  readonly renamed: number
  /** Lines about each replica. */
  readonly totals: readonly string[]
}

/** How many names are the same, and how many are not. */
export function toSummaryLine(
  { names, agreements, replicas }: AuditSummary,
  found: Pick<Found, 'missingOn' | 'renamed'>,
): string {
  const ids = replicas.map(({ id }) => id)
  return `${formatCount(names, 'name', 'names')}: ${toAgreementWords({ agreements, ids, ...found })}`
}

/** Reports everything that belongs below the line of the summary. */
export function saySummary(
  io: Io,
  summary: AuditSummary,
  { totals, ...found }: Omit<Found, 'missingOn'>,
): void {
  const { names, replicas, changes } = summary
  const isWorthIt = summary.agreement !== 'unanimous' || (changes?.settled ?? 0) > 0
  if (changes !== undefined && isWorthIt) say(io, toChangeWords(changes))
  for (const line of totals) say(io, line)
  if (found.renamed > 0) say(io, "'vouch plan --moves' plans to rename these files on the other replicas too")
  if (summary.rotten > 0)
    say(io, "'vouch plan --repair' plans to write the sound copies over those that rotted")
  saySkipped(io, replicas)
  sayEvidence(io, summary)
  if (summary.proved !== undefined) sayProved(io, summary.proved, names)
  sayCalls(io, summary)
}

/** Prints what the replicas have proved, how it can be repeated, and which bytes travelled for it. */
function sayProved(io: Io, proved: NonNullable<AuditSummary['proved']>, all: number): void {
  const { copies, names, fetched, share, seed } = proved
  const sample = share < 1 ? `, of ${formatNumber(all)}, chosen by --seed ${seed}` : ''
  const amount = `${formatCount(copies, 'copy', 'copies')} of ${formatCount(names, 'name', 'names')}${sample}`
  say(io, `proved by the bytes as they are now: ${amount}`)
  if (fetched.length === 0) return
  const amounts = fetched.map(({ id, bytes }) => `${formatSize(bytes)} of ${id}`)
  say(
    io,
    `read by the coordinator, where a store cannot compute or no other copy confirms one: ${amounts.join(', ')}`,
  )
}

/** Prints how the digests of each replica are known. */
export function sayEvidence(io: Io, { names, replicas }: AuditSummary): void {
  const seen = replicas.filter(({ state, seen }) => state === 'ok' || seen.names > 0)
  if (names > 0) say(io, `evidence: ${toSeenTexts(seen).join('; ')}`)
}

/** Prints the calls that were counted of stores that charge for them, and beside them the CPU. */
function sayCalls(io: Io, { replicas }: AuditSummary): void {
  const counted = replicas.flatMap(({ id, calls }) => (calls ? `${id} ${toCallWords(calls)}` : []))
  if (counted.length === 0) return
  const { user, system } = process.cpuUsage()
  say(io, `calls: ${counted.join('; ')}; CPU of this command ${((user + system) / 1e6).toFixed(1)} s`)
}

/** Prints the globs that settings exclude: those of the coordinator, and those of this user. */
export function sayExcluded(io: Io, { exclude = [] }: AuditSummary, excluded: readonly string[]): void {
  const all = [...new Set([...exclude, ...excluded])]
  if (all.length > 0) say(io, `not compared, by the settings: ${all.join(', ')}`)
}

/** Prints which replicas were skipped, and what each replica has that is not compared. */
export function saySkipped(io: Io, replicas: AuditSummary['replicas']): void {
  for (const { id, error, detail } of replicas) {
    if (error !== undefined) say(io, `warning: ${id} was skipped: ${detail ?? error}`)
  }
  for (const { id, state, passed } of replicas) {
    for (const one of passed ?? []) {
      say(io, `${mayBeFile(one.kind) ? 'warning: ' : ''}${id}: ${toPassedText(one, formatNumber)}`)
    }
    if (passed === undefined && state === 'ok') say(io, `warning: ${id} ${UNCOUNTED}`)
  }
}

const UNCOUNTED = 'does not report which of its files it skips, because its server is older than this command'

/** Whether a replica reports that all of its files were compared. */
export function isCompared({ passed }: AuditSummary['replicas'][number]): boolean {
  return passed !== undefined && countFiles(passed) === 0
}

/** Throws a UserError when no name matches the prefix and the globs, which are then probably wrong. */
export function requireNames({ names }: AuditSummary, prefix: string, options: Globs): void {
  const globs = toFilters(options).map(([flag, glob]) => `--${flag} '${glob}'`)
  if (names > 0 || (prefix === '' && globs.length === 0)) return
  const rule = "names are relative to each root, without '/' or './' in front"
  if (globs.length === 0)
    throw new UserError(
      `no replica that answered has a name that begins with '${prefix}'; ${rule}`,
      'not-found',
    )
  const filter = [...(prefix === '' ? [] : [`the prefix '${prefix}'`]), ...globs].join(', ')
  throw new UserError(
    `nothing was compared: no replica that answered has a name that matches ${filter}; ${rule}`,
    'not-found',
  )
}

/** Each glob beside its flag. */
export function toFilters({ match, exclude }: Globs): (readonly [flag: string, glob: string])[] {
  return [
    ...match.map((glob) => ['match', glob] as const),
    ...exclude.map((glob) => ['exclude', glob] as const),
  ]
}
