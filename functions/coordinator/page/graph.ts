import { html } from 'hono/html'
import { formatNumber } from '../../wire/text.ts'
import { toAgeText } from '../../wire/words/evidence.ts'
import type { EndedRun } from './known.ts'
import type { Html } from './layout.ts'
import { renderTime } from './parts.ts'

/** A value that was known at a time, in milliseconds since 1970; null where it was not known. */
interface Point {
  readonly at: number
  readonly value: number | null
}

interface Chart {
  readonly id: string
  readonly title: string
  /** At least two, the earliest first. */
  readonly points: readonly Point[]
  readonly format: (value: number) => string
}

/** How the audits of every name turned out over time, drawn and as a table; nothing for fewer than two. */
export function renderGraphs(runs: readonly EndedRun[]): Html {
  if (runs.length < 2) return html``
  const toPoints = (toValue: (run: EndedRun) => number | null): Point[] =>
    runs.map((run) => ({ at: Date.parse(run.ended), value: toValue(run) })).reverse()
  const differing = { id: 'differing', title: 'Files not the same everywhere', format: formatNumber }
  const oldest = { id: 'oldest', title: 'Age of the oldest reading', format: toAgeText }
  return html`<h2>Over time</h2>
<div class="graphs">
${renderChart({ ...differing, points: toPoints(countDiffering) })}${renderChart({ ...oldest, points: toPoints(findOldest) })}</div>
<details><summary>The same as a table</summary>
<table>
<caption>The last ${runs.length} checks of all files</caption>
<thead><tr><th scope="col">Ended</th><th scope="col">Not the same</th><th scope="col">Oldest reading</th><th scope="col">Left out</th></tr></thead>
<tbody>
${runs.map(renderRow)}</tbody>
</table>
</details>
`
}

/** The number of names that were not the same everywhere; null when a replica was left out. */
function countDiffering({ summary: { names, agreements, replicas } }: EndedRun): number | null {
  return replicas.some(({ state }) => state === 'error') ? null : names - (agreements.unanimous ?? 0)
}

/**
 * How long ago the bytes were read that were not read for longest, in seconds; null when that is not known.
 */
function findOldest({ summary: { replicas } }: EndedRun): number | null {
  const ages = replicas.flatMap(({ seen }) => seen.oldest ?? [])
  return ages.length === 0 ? null : Math.max(...ages)
}

function renderRow(run: EndedRun): Html {
  const [count, oldest] = [countDiffering(run), findOldest(run)]
  const left = run.summary.replicas.filter(({ state }) => state === 'error').map(({ id }) => id)
  return html`<tr><th scope="row">${renderTime(run.ended)}</th><td>${count === null ? 'not known' : formatNumber(count)}</td><td>${oldest === null ? 'not known' : toAgeText(oldest)}</td><td>${left.join(', ')}</td></tr>\n`
}

const [WIDTH, HEIGHT] = [600, 100]

/**
 * A line over time; broken where the value was not known. Stretched to its place, so labels are outside it.
 */
function renderChart({ id, title, points, format }: Chart): Html {
  const known = points.flatMap(({ value }) => value ?? [])
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined || known.length === 0) return html``
  const most = Math.max(...known)
  const toX = (at: number) => ((at - first.at) / Math.max(1, last.at - first.at)) * WIDTH
  const toY = (value: number) => HEIGHT - (value / Math.max(1, most)) * HEIGHT
  const lines = cutAtGaps(points).map((line) =>
    line.map(({ at, value }) => `${toX(at).toFixed(1)},${toY(value).toFixed(1)}`),
  )
  const [from, to] = [toDay(first.at), toDay(last.at)]
  const ends = `${format(known[0] ?? 0)} at first, ${format(known.at(-1) ?? 0)} at last, ${format(most)} at most`
  const gaps = known.length < points.length ? `; not known for ${points.length - known.length}` : ''
  return html`<figure class="graph">
<figcaption>${title}, from 0</figcaption>
<p class="most" aria-hidden="true">${format(most)}</p>
<svg role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">
<title id="${id}-title">${title}, by check</title>
<desc id="${id}-desc">${points.length} checks from ${from} to ${to}: ${ends}${gaps}.</desc>
${lines.map((line) => html`<polyline points="${line.length === 1 ? [...line, ...line].join(' ') : line.join(' ')}"/>\n`)}</svg>
<p class="span" aria-hidden="true"><span>${from}</span> <span>${to}</span></p>
</figure>
`
}

/** Runs of points whose values are known. */
function cutAtGaps(points: readonly Point[]): { readonly at: number; readonly value: number }[][] {
  const lines: { at: number; value: number }[][] = [[]]
  for (const { at, value } of points) {
    if (value === null) lines.push([])
    else lines.at(-1)?.push({ at, value })
  }
  return lines.filter((line) => line.length > 0)
}

function toDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
