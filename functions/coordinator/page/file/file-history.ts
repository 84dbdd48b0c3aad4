import { html } from 'hono/html'
import { PAGE_CHANGES } from '../../../wire/limits.ts'
import type { History } from '../../../wire/schemas/ledger.ts'
import { escapeControls, formatNumber } from '../../../wire/text.ts'
import { toFindingWords } from '../../../wire/words/finding.ts'
import { LEDGER_FAILED, renderAgo } from '../known.ts'
import type { Html } from '../layout.ts'
import { renderMark, renderTime, toTimeText } from '../parts.ts'

/** What audits have found of a file; nothing without a ledger, where `known` is null. */
export function renderHistory(known: History | null | 'failed'): Html {
  if (known === null) return html``
  if (known === 'failed') return LEDGER_FAILED
  return html`<h2>What checks have found</h2>\n${renderChanges(known)}`
}

function renderChanges({ watched, changes }: History): Html {
  if (watched === null) return html`<p>No check has compared this file yet.</p>\n`
  if (changes.length === 0)
    return html`<p>No check found its copies to differ since the first, ${renderAgo(watched)}.</p>\n`
  const shown = changes.slice(-PAGE_CHANGES).reverse()
  const earlier = changes.length - shown.length
  return html`<table>
<caption>Each change that a check found, the latest first</caption>
<thead><tr><th scope="col">When</th><th scope="col">Agreement</th><th scope="col">What each held</th></tr></thead>
<tbody>
${shown.map(renderChange)}</tbody>
</table>
${earlier === 0 ? '' : html`<p>${formatNumber(earlier)} earlier ${earlier === 1 ? 'change is' : 'changes are'} not shown; <code>vouch history</code> prints all.</p>\n`}`
}

function renderChange({ at, found }: History['changes'][number]): Html {
  const cells =
    found === null
      ? html`<td>the same everywhere again, or gone</td><td></td>`
      : html`<td>${renderMark(found.agreement)}</td><td>${toFindingWords(found, toTimeText).map((words, i) => html`${i === 0 ? '' : html`<br>`}${escapeControls(words)}`)}</td>`
  return html`<tr><th scope="row">${renderTime(at)}</th>${cells}</tr>\n`
}
