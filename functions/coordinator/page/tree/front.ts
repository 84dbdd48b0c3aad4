import { html } from 'hono/html'
import { MAX_PAGE_COUNTED, PAGE_RUNS } from '../../../wire/limits.ts'
import type { Changes } from '../../../wire/schemas/audit.ts'
import type { Status } from '../../../wire/schemas/ledger.ts'
import { escapeControls, formatCount, formatNumber } from '../../../wire/text.ts'
import { toCountWords } from '../../../wire/words/finding.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { renderGraphs } from '../graph.ts'
import { type EndedRun, readRuns, renderAgo } from '../known.ts'
import type { Html } from '../layout.ts'
import { renderLink, renderSign, renderSize } from '../parts.ts'
import { renderLimits } from './found-page.ts'

/** What the front shows of the ledger. */
export interface Front {
  /** The latest first. */
  readonly runs: readonly EndedRun[]
  /** The number of names that differ. */
  readonly differing: number
  /** Null when too many names differ to count them by replica for a page. */
  readonly status: Status | null
}

export async function readFront(ledger: Ledger): Promise<Front> {
  const runs = await readRuns(ledger, PAGE_RUNS)
  const [differing = 0] = await ledger.count([''])
  return { runs, differing, status: differing > MAX_PAGE_COUNTED ? null : await ledger.status() }
}

/** What the audits so far have found, and what has become of it over time. */
export function renderFront({ runs, differing, status }: Front): Html {
  const [last] = runs
  const unended = status?.unended
  return html`<h2>What checks have found</h2>
${last === undefined ? html`<p>No check has compared all files yet. <a class="button" href="/check">Check them</a></p>\n` : renderLast(last)}${renderDiffering(differing)}${unended ? html`<p>The check that began ${renderAgo(unended.began)} has not ended: it still runs, or broke off.</p>\n` : ''}${status === null ? '' : renderVerification(status.verification)}${last === undefined ? '' : renderReplicas(last, status)}${renderGraphs(runs)}`
}

function renderLast({ ended, summary }: EndedRun): Html {
  const { names, agreements, rotten, uncompared = 0, changes } = summary
  const { unanimous = 0, conflict = 0, incomplete = 0, degraded = 0, unknown = 0 } = agreements
  const counts = [
    [conflict, 'in conflict'],
    [incomplete, 'missing on some replica'],
    [degraded + unknown, 'not compared everywhere'],
    [uncompared, 'not compared'],
    [rotten, rotten === 1 ? 'rotten copy' : 'rotten copies'],
  ] as const
  const parts = counts.flatMap(([count, words]) => (count > 0 ? `${formatNumber(count)} ${words}` : []))
  const same = `${formatCount(names, 'file', 'files')}, ${formatNumber(unanimous)} the same everywhere`
  return html`<p>All files were last checked ${renderAgo(ended)}: ${[same, ...parts].join(', ')}.</p>
${changes === undefined ? '' : renderChanges(changes)}${renderLimits(summary)}`
}

function renderChanges({ since, new: fresh, examples, settled }: Changes): Html {
  const shown = examples.slice(0, MAX_EXAMPLES)
  const more = fresh > shown.length ? html`, and ${formatNumber(fresh - shown.length)} more` : ''
  const names = shown.map((name, i) => html`${i === 0 ? ': ' : ', '}${renderLink(name)}`)
  const end = settled === 0 ? '' : `; ${formatNumber(settled)} settled`
  return html`<p>New since the check before, ${renderAgo(since)}: ${fresh === 0 ? 'nothing' : formatNumber(fresh)}${names}${more}${end}.</p>\n`
}

/** People look at a few names here, and find the others in the list. */
const MAX_EXAMPLES = 5

function renderDiffering(count: number): Html {
  if (count === 0) return html``
  const words = `${formatCount(count, 'file is', 'files are')} not the same everywhere`
  return html`<p><span class="mark conflict">${renderSign('conflict')} ${words}</span>, by the last check of each. <a class="button" href="/check">Conflicts and gaps</a></p>\n`
}

function renderVerification(verification: Status['verification']): Html {
  if (verification === null)
    return html`<p>No verification has begun: <code>vouch verify</code> reads every byte.</p>\n`
  const { began, after, ended } = verification
  if (ended !== null)
    return html`<p>Every byte was read between ${renderAgo(began)} and ${renderAgo(ended)}.</p>\n`
  return html`<p>Verified up to <bdi>${escapeControls(after)}</bdi>, read since ${renderAgo(began)}.</p>\n`
}

function renderReplicas({ summary }: EndedRun, status: Status | null): Html {
  return html`<table>
<caption>Replicas by the last check</caption>
<thead><tr><th scope="col">Replica</th><th scope="col">It held</th><th scope="col">Not the same</th></tr></thead>
<tbody>
${summary.replicas.map(({ id, seen, state }) => {
  const counts = toCountWords(status?.replicas.find((one) => one.id === id)?.states ?? {})
  const words = status === null ? 'too many to count here; vouch status does' : counts.join(', ')
  return html`<tr><th scope="row">${id}</th><td>${state === 'error' ? 'left out; before that ' : ''}${formatCount(seen.names, 'file', 'files')}, ${renderSize(seen.bytes)}</td><td>${words === '' ? 'nothing' : words}</td></tr>\n`
})}</tbody>
</table>
`
}
