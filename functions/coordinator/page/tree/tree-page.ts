import type { Context } from 'hono'
import { html } from 'hono/html'
import { type AppEnv, toCaller } from '../../../http/app.ts'
import { createProblem } from '../../../http/problems.ts'
import { parseName } from '../../../storage/names.ts'
import { PAGE_ROWS } from '../../../wire/limits.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import { escapeControls, formatCount } from '../../../wire/text.ts'
import type { CoordinatorContext } from '../../context.ts'
import { type Folder, type Row, readFolder } from '../../directory/folder.ts'
import { readManifests } from '../../directory/manifests.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { type ReplicaState, readReplicaStates } from '../../replicas.ts'
import { type EndedRun, LEDGER_FAILED, readKnown, readRuns, renderAgo } from '../known.ts'
import { answerPage, type Html } from '../layout.ts'
import {
  renderHolders,
  renderLink,
  renderMark,
  renderName,
  renderPath,
  renderSign,
  renderSize,
  toTreeHref,
} from '../parts.ts'
import { answerFound, type Show } from './found-page.ts'
import { readFront, renderFront } from './front.ts'
import { readKnownList, renderKnownList } from './known-list.ts'

/**
 * `GET /?in=&after=`: the state of each replica, and the contents of a folder, each file with its agreement
 * and its holders. With `show=conflicts` or `show=gaps`, only those files, from all folders below.
 */
export async function answerTree(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const { in: folder = '', after = '', show = 'all' } = c.req.query()
  if (folder !== '' && (!folder.endsWith('/') || parseName(folder.slice(0, -1)) === null)) {
    return createProblem('invalid-parameter', 'in takes the name of a folder, which ends with a slash')
  }
  if (show === 'conflicts' || show === 'gaps') {
    const title = `${show === 'gaps' ? 'Gaps' : 'Conflicts'} in ${folder === '' ? 'all files' : escapeControls(folder)}`
    const isRun = c.req.query('run') !== undefined
    const known = isRun ? null : await readKnownList(context, { folder, after, show })
    const before = html`${renderHead(folder, show)}${context.ledger === undefined ? '' : renderAgain(folder, show)}`
    if (known === null) return answerFound(c, context, { folder, after, show, head: { title }, before })
    const { isWritable } = context
    return answerPage(200, { title }, html`${before}${renderKnownList(known, { folder, show, isWritable })}`)
  }
  if (show !== 'all') return createProblem('invalid-parameter', 'show takes all, conflicts or gaps')
  const caller = toCaller(c)
  const [states, page] = await Promise.all([
    readReplicaStates(context, caller),
    readFolder(context, { folder, after, limit: PAGE_ROWS, signal: c.req.raw.signal }),
  ])
  const front = folder === '' && after === '' ? await readKnown(context, readFront) : null
  const marks = await readKnown(context, (ledger) => readMarks(ledger, page.rows))
  const manifests = await readManifests(context, page.rows, caller)
  const title = folder === '' ? 'All files' : escapeControls(folder)
  return answerPage(
    200,
    { title, current: folder === '' ? 'files' : undefined },
    html`${renderHead(folder, 'all')}${renderStates(states)}${front === 'failed' ? LEDGER_FAILED : front === null ? '' : renderFront(front)}${renderFolder(folder, after, page, { manifests, marks })}`,
  )
}

/** What the audits so far have found of folders. */
interface Marks {
  readonly last: EndedRun
  /** The number of names in each folder that are not the same everywhere. */
  readonly counts: ReadonlyMap<string, number>
}

/** Null before the first audit of every name has ended. */
async function readMarks(ledger: Ledger, rows: readonly Row[]): Promise<Marks | null> {
  const [last] = await readRuns(ledger, 1)
  if (last === undefined) return null
  const folders = rows.filter(({ copies }) => copies === null).map(({ name }) => name)
  const counts = await ledger.count(folders)
  return { last, counts: new Map(folders.map((folder, i) => [folder, counts[i] ?? 0])) }
}

/** A form that runs an audit. */
function renderAgain(folder: string, show: Show): Html {
  return html`<form action="/" method="get">
<input type="hidden" name="in" value="${folder}"><input type="hidden" name="show" value="${show}">
<p><button name="run" value="yes">Check again</button></p>
</form>
`
}

function renderHead(folder: string, show: Show | 'all'): Html {
  const here = folder === '' ? html`All files` : html`Files in ${renderName(folder)}`
  const filter = (to: Show | 'all', words: string) =>
    html`<li><a href="${toTreeHref({ in: folder, show: to })}"${to === show ? html` aria-current="page"` : ''}>${words}</a></li>`
  return html`<h1>${here}</h1>
${folder === '' ? '' : renderPath(folder, show)}
<nav aria-label="Show"><ul class="filters">${filter('all', 'All')}${filter('conflicts', 'Conflicts')}${filter('gaps', 'Gaps')}</ul></nav>
`
}

function renderStates(states: readonly ReplicaState[]): Html {
  return html`<table>
<caption>Replicas</caption>
<thead><tr><th scope="col">Replica</th><th scope="col">State</th></tr></thead>
<tbody>
${states.map(({ id, state, detail, breaker, corrupt }) => {
  const words = state === 'ok' ? 'answers' : `cannot be used: ${escapeControls(detail ?? '')}`
  const rest = [
    ...(breaker === 'closed' ? [] : ['asked again in a few seconds']),
    ...(corrupt > 0 ? [`${corrupt} corrupt ${corrupt === 1 ? 'copy' : 'copies'}`] : []),
  ]
  return html`<tr><th scope="row">${id}</th><td><span class="mark ${state === 'ok' ? 'unanimous' : 'conflict'}"><span aria-hidden="true">${state === 'ok' ? '✓' : '✗'}</span> ${words}</span> ${rest.join('; ')}</td></tr>\n`
})}</tbody>
</table>
`
}

/** What is known of the rows. */
interface FolderKnowledge {
  readonly manifests: ReadonlyMap<string, Manifest>
  readonly marks: Marks | null | 'failed'
}

function renderFolder(
  folder: string,
  after: string,
  { rows, next, replicas }: Folder,
  { manifests, marks }: FolderKnowledge,
): Html {
  const silent = replicas.filter(({ state }) => state === 'error').map(({ id }) => id)
  const warning =
    silent.length === 0
      ? ''
      : html`<p class="warning">${silent.join(', ')} did not list ${silent.length === 1 ? 'its' : 'their'} files. Files that only ${silent.length === 1 ? 'it has' : 'they have'} are not shown.</p>`
  const known = marks === 'failed' ? null : marks
  if (rows.length === 0) {
    return html`${warning}<p>${silent.length === replicas.length ? 'No replica answered.' : 'This folder is empty.'}</p>`
  }
  return html`${warning}${marks === 'failed' && folder !== '' ? LEDGER_FAILED : ''}<table>
<caption>Files and folders</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Agreement</th><th scope="col">Held by</th></tr></thead>
<tbody>
${rows.map((row) => (row.copies === null ? renderFolderRow(row, folder, known?.counts.get(row.name) ?? 0) : renderRow(row, folder, manifests.get(row.name))))}</tbody>
</table>
${known === null || known.counts.size === 0 ? '' : html`<p>Folders are marked as the checks so far have found, the last of all files ${renderAgo(known.last.ended)}.</p>\n`}${after === '' && next === null ? '' : renderMore(folder, after, next)}`
}

function renderMore(folder: string, after: string, next: string | null): Html {
  return html`<nav aria-label="More of this folder"><ul class="filters">
${after === '' ? '' : html`<li><a href="${toTreeHref({ in: folder })}">From the start</a></li>`}
${next === null ? '' : html`<li><a href="${toTreeHref({ in: folder, after: next })}">Next</a></li>`}
</ul></nav>`
}

function renderFolderRow({ name }: Row, folder: string, count: number): Html {
  const shown = renderName(name.slice(folder.length))
  const words = `${formatCount(count, 'file', 'files')} not the same everywhere`
  const mark =
    count === 0
      ? html`folder`
      : html`folder, <a class="mark conflict" href="/check?${new URLSearchParams({ in: name })}">${renderSign('conflict')} ${words}</a>`
  return html`<tr><th scope="row"><a href="${toTreeHref({ in: name })}">${shown}</a></th><td>${mark}</td><td></td></tr>\n`
}

function renderRow({ name, copies }: Row, folder: string, manifest: Manifest | undefined): Html {
  const shown = name.slice(folder.length)
  const listed = copies ?? []
  const sizes = [...new Set(listed.map(({ size }) => size))].map(
    (size, i) => html`${i === 0 ? '' : ' / '}${renderSize(size)}`,
  )
  const what =
    manifest === undefined
      ? html`<td>still being read; reload soon</td><td>listed by ${listed.map(({ id }) => id).join(', ')}</td>`
      : html`<td>${renderMark(manifest.agreement)}</td><td>${renderHolders(manifest)}</td>`
  return html`<tr><th scope="row">${renderLink(name, shown)} <small>${sizes}</small></th>${what}</tr>\n`
}
