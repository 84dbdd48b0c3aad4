import type { Context } from 'hono'
import { html } from 'hono/html'
import { parseName } from '../../storage/names.ts'
import type { AppEnv } from '../../wire/app.ts'
import { PAGE_ROWS, PAGE_WAIT_MS } from '../../wire/limits.ts'
import { printable } from '../../wire/printable.ts'
import { createProblem } from '../../wire/problems.ts'
import type { Manifest } from '../../wire/schemas.ts'
import { within } from '../../wire/within.ts'
import { compare } from '../compare.ts'
import type { AskOptions } from '../gather.ts'
import { type ReplicaState, readReplicaStates } from '../replicas.ts'
import { toManifest } from '../report.ts'
import { type Folder, type Row, readFolder } from './folder.ts'
import { answerFound, type Show } from './found-page.ts'
import { answerPage, type Html } from './layout.ts'
import type { PageContext } from './pages.ts'
import { renderHolders, renderLink, renderMark, renderName, renderWay, toBytes, toTreeHref } from './parts.ts'

/**
 * `GET /?in=&after=`: the state of each replica, and what a folder holds, each file with a mark of its agreement and who
 * holds it. With `show=conflicts` or `show=gaps`, those files alone of all that are below it.
 */
export async function answerTree(c: Context<AppEnv>, context: PageContext): Promise<Response> {
  const { in: folder = '', after = '', show = 'all' } = c.req.query()
  if (folder !== '' && (!folder.endsWith('/') || parseName(folder.slice(0, -1)) === null)) {
    return createProblem('invalid-parameter', 'in takes the name of a folder, which ends with a slash')
  }
  if (show === 'conflicts' || show === 'gaps') {
    const title = `${show === 'gaps' ? 'Gaps' : 'Conflicts'} in ${folder === '' ? 'all files' : printable(folder)}`
    return answerFound(c, context, { folder, after, show, head: { title }, before: renderHead(folder, show) })
  }
  if (show !== 'all') return createProblem('invalid-parameter', 'show takes all, conflicts or gaps')
  const asker = { trace: c.var.trace, getSignal: () => c.req.raw.signal }
  const [states, page] = await Promise.all([
    readReplicaStates(context.members, context.suspects, asker),
    readFolder(context.members, { folder, after, limit: PAGE_ROWS, signal: c.req.raw.signal }),
  ])
  const manifests = await readManifests(context, page.rows, asker)
  const title = folder === '' ? 'All files' : printable(folder)
  return answerPage(
    200,
    { title, current: folder === '' ? 'files' : undefined },
    html`${renderHead(folder, 'all')}${renderStates(states)}${renderFolder(folder, after, page, manifests)}`,
  )
}

/** What the copies of each file come to, of those that all replicas have answered within `PAGE_WAIT_MS`. */
async function readManifests(
  { members, suspects }: PageContext,
  rows: readonly Row[],
  asker: AskOptions,
): Promise<Map<string, Manifest>> {
  const names = rows.filter(({ copies }) => copies !== null).map(({ name }) => name)
  const askable = names.filter((name) => parseName(name) !== null)
  const asked = members.map((member) => member.askAll(askable, asker))
  const manifests = new Map<string, Manifest>()
  const all = askable.map(async (name, i) => {
    const answers = await Promise.all(asked.flatMap((ofMember) => ofMember[i] ?? []))
    manifests.set(name, toManifest(name, compare(suspects.judge(answers, name))))
  })
  await within(PAGE_WAIT_MS, Promise.all(all))
  return new Map(manifests)
}

function renderHead(folder: string, show: Show | 'all'): Html {
  const here = folder === '' ? html`All files` : html`Files in ${renderName(folder)}`
  const filter = (to: Show | 'all', words: string) =>
    html`<li><a href="${toTreeHref({ in: folder, show: to })}"${to === show ? html` aria-current="page"` : ''}>${words}</a></li>`
  return html`<h1>${here}</h1>
${folder === '' ? '' : renderWay(folder, show)}
<nav aria-label="Show"><ul class="filters">${filter('all', 'All')}${filter('conflicts', 'Conflicts')}${filter('gaps', 'Gaps')}</ul></nav>
`
}

function renderStates(states: readonly ReplicaState[]): Html {
  return html`<table>
<caption>Replicas</caption>
<thead><tr><th scope="col">Replica</th><th scope="col">State</th></tr></thead>
<tbody>
${states.map(({ id, state, detail, breaker, corrupt }) => {
  const words = state === 'ok' ? 'answers' : `cannot be used: ${printable(detail ?? '')}`
  const rest = [
    ...(breaker === 'closed' ? [] : ['asked again in a few seconds']),
    ...(corrupt > 0 ? [`${corrupt} corrupt ${corrupt === 1 ? 'copy' : 'copies'}`] : []),
  ]
  return html`<tr><th scope="row">${id}</th><td><span class="mark ${state === 'ok' ? 'unanimous' : 'conflict'}"><span aria-hidden="true">${state === 'ok' ? '✓' : '✗'}</span> ${words}</span> ${rest.join('; ')}</td></tr>\n`
})}</tbody>
</table>
`
}

function renderFolder(
  folder: string,
  after: string,
  { rows, next, replicas }: Folder,
  manifests: ReadonlyMap<string, Manifest>,
): Html {
  const silent = replicas.filter(({ state }) => state === 'error').map(({ id }) => id)
  const warning =
    silent.length === 0
      ? ''
      : html`<p class="warning">${silent.join(', ')} did not list ${silent.length === 1 ? 'its' : 'their'} files: what only ${silent.length === 1 ? 'it has' : 'they have'} is not shown here.</p>`
  if (rows.length === 0) {
    return html`${warning}<p>${silent.length === replicas.length ? 'Nobody listed anything.' : 'Nothing is here.'}</p>`
  }
  return html`${warning}<table>
<caption>Files and folders</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Agreement</th><th scope="col">Held by</th></tr></thead>
<tbody>
${rows.map((row) => renderRow(row, folder, manifests.get(row.name)))}</tbody>
</table>
${after === '' && next === null ? '' : renderMore(folder, after, next)}`
}

function renderMore(folder: string, after: string, next: string | null): Html {
  return html`<nav aria-label="More of this folder"><ul class="filters">
${after === '' ? '' : html`<li><a href="${toTreeHref({ in: folder })}">From the start</a></li>`}
${next === null ? '' : html`<li><a href="${toTreeHref({ in: folder, after: next })}">Next</a></li>`}
</ul></nav>`
}

function renderRow({ name, copies }: Row, folder: string, manifest: Manifest | undefined): Html {
  const shown = name.slice(folder.length)
  if (copies === null) {
    return html`<tr><th scope="row"><a href="${toTreeHref({ in: name })}">${renderName(shown)}</a></th><td>folder</td><td></td></tr>\n`
  }
  const sizes = [...new Set(copies.map(({ size }) => toBytes(size)))].join(' / ')
  const what =
    manifest === undefined
      ? html`<td>still being read; look again soon</td><td>listed by ${copies.map(({ id }) => id).join(', ')}</td>`
      : html`<td>${renderMark(manifest.agreement)}</td><td>${renderHolders(manifest)}</td>`
  return html`<tr><th scope="row">${renderLink(name, shown)} <small>${sizes}</small></th>${what}</tr>\n`
}
