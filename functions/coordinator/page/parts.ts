import { html } from 'hono/html'
import { parseName } from '../../storage/names.ts'
import { toNamedPath } from '../../wire/fields/routes.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { Agreement } from '../../wire/schemas/values.ts'
import { escapeControls, formatCount, formatSize } from '../../wire/text.ts'
import { toEvidenceText } from '../../wire/words/evidence.ts'
import { toLetter } from '../compare/report.ts'
import type { Html } from './layout.ts'

/** A sign, hidden from screen readers, and words. */
export const MARKS: Readonly<Record<Agreement, readonly [sign: string, words: string]>> = {
  unanimous: ['✓', 'the same everywhere'],
  incomplete: ['◐', 'missing on some replica'],
  degraded: ['?', 'not all replicas answered'],
  conflict: ['≠', 'the copies differ'],
  absent: ['∅', 'not on any replica'],
  unknown: ['?', 'not known'],
}

export function renderMark(agreement: Agreement): Html {
  const [, words] = MARKS[agreement]
  return html`<span class="mark ${agreement}">${renderSign(agreement)} ${words}</span>`
}

export function renderSign(agreement: Agreement): Html {
  const [sign] = MARKS[agreement]
  return html`<span aria-hidden="true">${sign}</span>`
}

/** An untrusted name, which cannot act on the text around it. */
export function renderName(name: string): Html {
  return html`<bdi class="name">${escapeControls(name)}</bdi>`
}

/** A name as a link to its page; plain when it is not valid, as that of an unreadable directory. */
export function renderLink(name: string, shown: string = name): Html {
  if (parseName(name) === null) return renderName(shown)
  return html`<a href="${toNamedPath('/compare/', name)}">${renderName(shown)}</a>`
}

/** A number of bytes: `2.1 MiB`, with the exact number as its title; below 1 KiB the number itself. */
export function renderSize(size: number | null): Html {
  if (size === null) return html`unknown`
  const exact = formatCount(size, 'byte', 'bytes')
  return size < 1024 ? html`${exact}` : html`<span title="${exact}">${formatSize(size)}</span>`
}

/** Names replicas in a sentence: `vm2`, `vm2 and vm3`; the number of them when there are many. */
export function toIdsText(ids: readonly string[]): string {
  if (ids.length > MAX_IDS) return `${ids.length} replicas`
  return ids.length < 2 ? ids.join() : `${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`
}

/** More would make a sentence hard to read. */
const MAX_IDS = 4

/** A time of RFC 3339 for people, in UTC and without its letters. */
export function toTimeText(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')} UTC`
}

/** `toTimeText` as an element; `unknown` for null. */
export function renderTime(time: string | null): Html {
  if (time === null) return html`unknown`
  return html`<time datetime="${time}">${toTimeText(time)}</time>`
}

/** The holders of a file, by version if there are several, and the states of the other replicas. */
export function renderHolders({ versions, replicas }: Pick<Manifest, 'versions' | 'replicas'>): Html {
  const isOne = versions.length < 2
  const held = versions.map(
    (version, i) => `${isOne ? '' : `${toLetter(i)}: `}${version.replicas.join(', ')}`,
  )
  const missing = replicas.filter(({ state }) => state === 'missing').map(({ id }) => id)
  const silent = replicas.filter(({ error }) => error !== undefined)
  const words = [
    ...held,
    ...(missing.length > 0 ? [`missing on ${missing.join(', ')}`] : []),
    ...silent.map(
      ({ id, state, error, detail }) =>
        `${id} ${state === 'corrupt' ? 'is corrupt' : `sent no copy: ${escapeControls(detail ?? error ?? '')}`}`,
    ),
    ...replicas.filter(({ rottedFrom }) => rottedFrom !== undefined).map(({ id }) => `${id} rotted`),
  ]
  return html`${words.map((word, i) => html`${i === 0 ? '' : html`<br>`}${word}`)}`
}

const STATES = {
  match: 'holds it',
  differ: 'holds version',
  missing: 'has no such file',
  error: 'sent no copy',
  corrupt: 'its copy is corrupt',
} as const

/** The state of each replica for a file, its versions called by letters. */
export function renderReplicas({ replicas, versions }: Pick<Manifest, 'versions' | 'replicas'>): Html {
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  return html`<table>
<caption>Replicas</caption>
<thead><tr><th scope="col">Replica</th><th scope="col">What it holds</th><th scope="col">How that is known</th></tr></thead>
<tbody>
${replicas.map(({ id, state, version, detail, evidence, age }) => {
  const letter = state === 'differ' && version !== undefined ? ` ${letters.get(version) ?? ''}` : ''
  return html`<tr><th scope="row">${id}</th><td>${STATES[state]}${letter}${detail ? `: ${escapeControls(detail)}` : ''}</td><td>${evidence === undefined ? '' : toEvidenceText(evidence, age)}</td></tr>\n`
})}</tbody>
</table>
`
}

/** The address of a page of the tree. */
export function toTreeHref(query: {
  readonly in?: string
  readonly show?: string
  readonly after?: string
}): string {
  const entries = Object.entries(query).filter(([, value]) => value !== '' && value !== 'all')
  return entries.length === 0 ? '/' : `/?${new URLSearchParams(entries)}`
}

/** Links to the folders above a file, or above a folder, whose name ends with a slash; filtered by `show`. */
export function renderPath(name: string, show = 'all'): Html {
  const folders = [...name.matchAll(/[^/]*\//g)].map(({ 0: part, index }) => [
    part,
    name.slice(0, index) + part,
  ])
  return html`<nav aria-label="Folders"><ol class="path"><li><a href="${toTreeHref({ show })}">All files</a></li>${folders.map(
    ([part = '', folder = '']) =>
      html`<li><a href="${toTreeHref({ in: folder, show })}">${renderName(part.slice(0, -1))}</a></li>`,
  )}</ol></nav>`
}
