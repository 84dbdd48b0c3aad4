import { html } from 'hono/html'
import { parseName } from '../../storage/names.ts'
import { toEvidenceText } from '../../wire/evidence-words.ts'
import { toGrouped } from '../../wire/grouped.ts'
import { printable } from '../../wire/printable.ts'
import { toNamedPath } from '../../wire/routes.ts'
import type { Agreement, Manifest } from '../../wire/schemas.ts'
import type { Html } from './layout.ts'

/** A sign, for the eye, and words, for everybody. */
const MARKS: Readonly<Record<Agreement, readonly [sign: string, words: string]>> = {
  unanimous: ['✓', 'the same everywhere'],
  incomplete: ['◐', 'lacking somewhere'],
  degraded: ['?', 'not everybody answered'],
  conflict: ['≠', 'the copies differ'],
  absent: ['∅', 'nobody has it'],
  unknown: ['?', 'nobody could show it'],
}

/** What the copies of a file come to. */
export function renderMark(agreement: Agreement): Html {
  const [sign, words] = MARKS[agreement]
  return html`<span class="mark ${agreement}"><span aria-hidden="true">${sign}</span> ${words}</span>`
}

/** A name as others gave it: nothing in it acts on the text around it. */
export function renderName(name: string): Html {
  return html`<bdi class="name">${printable(name)}</bdi>`
}

/** A name with the way to its page; without where there can be none, as for a directory that could not be read. */
export function renderLink(name: string, shown: string = name): Html {
  if (parseName(name) === null) return renderName(shown)
  return html`<a href="${toNamedPath('/compare/', name)}">${renderName(shown)}</a>`
}

/** Bytes. */
export function toBytes(size: number): string {
  return `${toGrouped(size)} ${size === 1 ? 'byte' : 'bytes'}`
}

/** RFC 3339 in UTC for machines, and without its letters for people. */
export function renderTime(time: string | null): Html {
  if (time === null) return html`unknown`
  return html`<time datetime="${time}">${time.slice(0, 19).replace('T', ' ')} UTC</time>`
}

/** A, B, … Z, then by number. */
export function toLetter(i: number): string {
  return i < 26 ? String.fromCharCode(65 + i) : `#${i + 1}`
}

/** Who holds a file, in which versions where there are several, and what the others said. */
export function renderHolders({ versions, replicas }: Pick<Manifest, 'versions' | 'replicas'>): Html {
  const isOne = versions.length < 2
  const held = versions.map(
    (version, i) => `${isOne ? '' : `${toLetter(i)}: `}${version.replicas.join(', ')}`,
  )
  const missing = replicas.filter(({ state }) => state === 'missing').map(({ id }) => id)
  const silent = replicas.filter(({ error }) => error !== undefined)
  const words = [
    ...held,
    ...(missing.length > 0 ? [`not on ${missing.join(', ')}`] : []),
    ...silent.map(
      ({ id, state, detail }) =>
        `${id} ${state === 'corrupt' ? 'is corrupt' : `gave no copy: ${printable(detail ?? '')}`}`,
    ),
    ...replicas.filter(({ rottedFrom }) => rottedFrom !== undefined).map(({ id }) => `${id} rotted`),
  ]
  return html`${words.map((word, i) => html`${i === 0 ? '' : html`<br>`}${word}`)}`
}

const STATES = {
  match: 'holds it',
  differ: 'holds version',
  missing: 'has no such file',
  error: 'gave no copy',
  corrupt: 'its copy is corrupt',
} as const

/** What each replica said of a file, its versions called by their letters. */
export function renderReplicas({ replicas, versions }: Pick<Manifest, 'versions' | 'replicas'>): Html {
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  return html`<table>
<caption>Replicas</caption>
<thead><tr><th scope="col">Replica</th><th scope="col">What it holds</th><th scope="col">How that is known</th></tr></thead>
<tbody>
${replicas.map(({ id, state, version, detail, evidence, age }) => {
  const letter = state === 'differ' && version !== undefined ? ` ${letters.get(version) ?? ''}` : ''
  return html`<tr><th scope="row">${id}</th><td>${STATES[state]}${letter}${detail ? `: ${printable(detail)}` : ''}</td><td>${evidence === undefined ? '' : toEvidenceText(evidence, age)}</td></tr>\n`
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

/** The way to a file, or to a folder, whose name ends with a slash: the folders above it, shown as `show` says. */
export function renderWay(name: string, show = 'all'): Html {
  const folders = [...name.matchAll(/[^/]*\//g)].map(({ 0: part, index }) => [
    part,
    name.slice(0, index) + part,
  ])
  return html`<nav aria-label="Folders"><ol class="path"><li><a href="${toTreeHref({ show })}">All files</a></li>${folders.map(
    ([part = '', folder = '']) =>
      html`<li><a href="${toTreeHref({ in: folder, show })}">${renderName(part.slice(0, -1))}</a></li>`,
  )}</ol></nav>`
}
