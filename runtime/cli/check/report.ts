import { createMissingNames, type MissingName } from '../../../functions/coordinator/compare/missing-name.ts'
import type { Rename } from '../../../functions/coordinator/compare/renames.ts'
import { MAX_MISSING_HELD } from '../../../functions/wire/limits.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { createPaint } from '../../hosting/colour.ts'
import { type Io, say, toJsonLine } from '../../hosting/io.ts'
import { isTrouble } from '../client/failure-words.ts'
import { createReasons, sayRot } from './reasons.ts'
import { type Renamed, withRenames } from './renames.ts'
import { createRollUp } from './roll-up.ts'
import { createRows, toMark } from './rows.ts'
import { saySummary, toFilters, toSummaryLine } from './summary.ts'
import { createTotals } from './totals.ts'
import { toTwinLines } from './twins.ts'

interface ReportOptions {
  readonly match: readonly string[]
  readonly exclude: readonly string[]
  readonly oneWay: boolean
  readonly all: boolean
  readonly noRollUp: boolean
  readonly json: boolean
}

/**
 * Turns the manifests of an audit into text for standard output, and prints everything else to standard
 * error. Missing names are held until it is known which of them are two names of one file, up to a limit:
 * from there on each is reported as missing. Where every name is printed, their rows do not wait.
 */
export function createReport(options: ReportOptions, io: Io) {
  const { oneWay, all, noRollUp, json } = options
  const rows = createRows(createPaint(io.stdout, io.env), { isFiltered: toFilters(options).length > 0 })
  const isRolledUp = !all && !noRollUp && !json
  const rollUp = createRollUp(rows)
  const missingNames = createMissingNames()
  const totals = createTotals()
  const reasons = createReasons(io)
  const missingOn = new Set<string>()
  let held: MissingName[] = []
  let isFull = false
  let [differing, unreadable, renamed] = [0, 0, 0]

  /** With `--one-way`, names that only other replicas hold do not matter. */
  function matters(isOnFirst: boolean): boolean {
    return isOnFirst || !oneWay
  }

  function toMissingText(missing: MissingName): string {
    for (const id of missing.sides.lacking) missingOn.add(id)
    if (!matters(missing.sides.mark === '+')) return ''
    totals.addMissing(missing)
    return isRolledUp ? rollUp.add(missing) : ''
  }

  function toRenamedText(one: Renamed): string {
    renamed += one.files.length
    totals.addRenamed(one)
    if (json) return one.files.map((file) => toJsonLine(toRenamedLine(file))).join('')
    return isRolledUp ? rollUp.goTo(one.files[0].from.name) + rows.renamed(one) : ''
  }

  /** The text of the names that were held. */
  function settle(): string {
    for (const line of toTwinLines(held)) say(io, line)
    const found = withRenames(held)
    held = []
    return found.map((one) => ('files' in one ? toRenamedText(one) : toMissingText(one))).join('')
  }

  return {
    /** The rows that a name completes. */
    add(manifest: Manifest): string {
      sayRot(io, manifest)
      reasons.say(manifest)
      const mark = toMark(manifest)
      const isShown = matters(manifest.replicas[0]?.state !== 'missing')
      if (isShown && (mark === '!' || manifest.replicas.some(isTrouble))) unreadable++
      else if (isShown && mark !== '=') differing++
      const missing = missingNames.parse(manifest)
      if (missing === null && isShown) totals.addOther(manifest)
      const row = json ? toJsonLine(manifest) : rows.manifest(mark, manifest)
      const now = isShown && (missing === null || !isRolledUp) ? row : ''
      if (missing === null) return now
      if (isFull) return now + toMissingText(missing)
      held.push(missing)
      isFull = held.length === MAX_MISSING_HELD
      return isFull ? now + settle() : now
    },
    /** The rows that are left. */
    end(): string {
      reasons.end()
      if (isFull)
        say(
          io,
          `only the first ${formatNumber(MAX_MISSING_HELD)} names that are missing somewhere were compared with each other, to find renamed files`,
        )
      return settle() + rollUp.goTo(null)
    },
    /** The rows that are left when the audit did not end: what is missing as far as it came. */
    breakOff: () => (isRolledUp ? held.map(rows.name).join('') : '') + rollUp.goTo(null),
    toSummaryLine: (summary: AuditSummary) => toSummaryLine(summary, { missingOn, renamed }),
    saySummary(summary: AuditSummary): void {
      const ids = summary.replicas.map(({ id }) => id)
      saySummary(io, summary, { renamed, totals: totals.toLines(ids) })
    },
    /** The number of names that differ, and of those that could not be compared. */
    counts: () => ({ differing, unreadable }),
  }
}

/** For programs: the file that `on` holds as `to`, and every other replica as `from`. */
function toRenamedLine({ from, to }: Rename) {
  const { name, digest, size, sides } = from
  return { renamed: { from: name, to: to.name, on: sides.lacking, digest, size } }
}
