import { html } from 'hono/html'
import { compareNames } from '../../../storage/names.ts'
import { MAX_LISTING_PAGE, MAX_PAGE_COUNTED, PAGE_ROWS } from '../../../wire/limits.ts'
import type { Differences } from '../../../wire/schemas/ledger.ts'
import { formatCount, formatNumber } from '../../../wire/text.ts'
import type { CoordinatorContext } from '../../context.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { type EndedRun, readKnown, readRuns, renderAgo } from '../known.ts'
import type { Html } from '../layout.ts'
import { renderTime } from '../parts.ts'
import {
  isShown,
  renderCopyAll,
  renderLimits,
  renderMore,
  renderRow,
  type Show,
  TABLE,
  toFoundHref,
} from './found-page.ts'

interface ListOptions {
  /** Empty, or ending with a slash. */
  readonly folder: string
  readonly after: string
  readonly show: Show
}

/** A part of what the audits so far have found in a folder. */
export interface KnownList {
  readonly last: EndedRun
  readonly rows: Differences['entries']
  /** The name to continue after; null at the end. */
  readonly next: string | null
  /** Null when there are too many names for a page to count them. */
  readonly counts: Counts | null
}

/** Numbers of names. */
interface Counts {
  readonly all: number
  readonly conflicts: number
  readonly incomplete: number
}

/**
 * Reads what the audits so far have found; null where that is not known: without a ledger, before the first
 * audit of every name has ended, and when the ledger cannot be read, which is reported.
 */
export async function readKnownList(
  context: Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed'>,
  options: ListOptions,
): Promise<KnownList | null> {
  const known = await readKnown(context, async (ledger) => {
    const [last] = await readRuns(ledger, 1)
    return last === undefined ? null : { last, ...(await readList(ledger, options)) }
  })
  return known === 'failed' ? null : known
}

/** Reads names until the rows are full, and, to count them, all of a folder that has not too many. */
async function readList(
  ledger: Ledger,
  { folder, after, show }: ListOptions,
): Promise<Omit<KnownList, 'last'>> {
  const [total = 0] = await ledger.count([folder])
  const isCounted = total <= MAX_PAGE_COUNTED
  const counts = { all: 0, conflicts: 0, incomplete: 0 }
  const rows: Differences['entries'] = []
  let isMore = false
  let read = 0
  let at: string | null = isCounted ? '' : after
  while (at !== null && (isCounted || (!isMore && read < MAX_PAGE_COUNTED))) {
    const page: Differences = await ledger.list({ folder, after: at, limit: MAX_LISTING_PAGE })
    for (const entry of page.entries) {
      counts.all++
      if (isShown(entry, 'conflicts')) counts.conflicts++
      if (entry.agreement === 'incomplete') counts.incomplete++
      if (compareNames(entry.name, after) <= 0 || !isShown(entry, show)) continue
      if (rows.length < PAGE_ROWS) rows.push(entry)
      else isMore = true
    }
    read += page.entries.length
    at = page.next
  }
  const last = rows.length === PAGE_ROWS ? (rows.at(-1)?.name ?? null) : at
  return { rows, next: isMore || at !== null ? last : null, counts: isCounted ? counts : null }
}

/** The files of the list, and when they were found. */
export function renderKnownList(
  { last, rows, next, counts }: KnownList,
  { folder, show, isWritable }: Omit<ListOptions, 'after'> & { readonly isWritable: boolean },
): Html {
  const isNothing = rows.length === 0 && next === null
  const copy = isWritable ? renderCopyAll(folder, counts === null ? null : counts.incomplete) : ''
  return html`<p>As the checks so far have found, the last of all files ${renderAgo(last.ended)}.</p>
${renderLimits(last.summary)}${isNothing ? html`<p class="outcome">${NOTHING_KNOWN[show]}</p>\n` : ''}${counts === null || counts.all === 0 ? '' : renderCounts(counts)}${copy}${rows.length === 0 ? '' : html`${TABLE}${rows.map((row) => renderRow(row, folder, html`<small>since ${renderTime(row.since)}</small>`))}</tbody>\n</table>\n`}${next === null ? '' : renderMore(toFoundHref({ folder, show, after: next }))}`
}

const NOTHING_KNOWN: Readonly<Record<Show, string>> = {
  conflicts: 'No conflict is known here.',
  gaps: 'No file is known to be missing on a replica here.',
  both: 'No file here is known to differ or to be missing on a replica.',
}

function renderCounts({ all, conflicts, incomplete }: Counts): Html {
  const head = `${formatCount(all, 'file', 'files')} not the same everywhere`
  return html`<p>${head}: ${formatNumber(conflicts)} in conflict, ${formatNumber(incomplete)} missing on some replica.</p>\n`
}
