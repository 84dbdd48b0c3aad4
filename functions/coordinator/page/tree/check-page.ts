import type { Context } from 'hono'
import { html } from 'hono/html'
import type { AppEnv } from '../../../http/app.ts'
import { createProblem } from '../../../http/problems.ts'
import { parseName } from '../../../storage/names.ts'
import type { CoordinatorContext } from '../../context.ts'
import { answerPage, type Html } from '../layout.ts'
import { renderName } from '../parts.ts'
import { answerFound } from './found-page.ts'
import { type KnownList, readKnownList, renderKnownList } from './known-list.ts'

const HEAD = { title: 'Audit', current: 'check' } as const

/**
 * `GET /check`: an audit's form, in which the script shows it live, and what audits have found below `in` so
 * far; with `run`, what a new one finds.
 */
export async function answerCheck(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const { in: text = '', after = '', deep, run } = c.req.query()
  const folder = text === '' || text.endsWith('/') ? text : `${text}/`
  if (folder !== '' && parseName(folder.slice(0, -1)) === null) {
    return createProblem('invalid-parameter', 'in takes the name of a folder, such as photos/2026/')
  }
  const isDeep = deep !== undefined
  if (run === undefined) {
    const known = await readKnownList(context, { folder, after, show: 'both' })
    const form = renderForm(folder, isDeep, known === null ? 'Start' : 'Check again')
    return answerPage(
      200,
      HEAD,
      html`${form}${LIVE}${known === null ? '' : renderKnown(known, folder, context)}`,
    )
  }
  return answerFound(c, context, {
    folder,
    after,
    show: 'both',
    deep: isDeep,
    head: HEAD,
    before: html`${renderForm(folder, isDeep, 'Check again')}<h2>What it found</h2>\n`,
  })
}

function renderForm(folder: string, deep: boolean, words: string): Html {
  return html`<h1>Audit</h1>
<p>Compares all files of all replicas, or those of one folder, and reports those that are not the same everywhere.</p>
<form id="audit" action="/check" method="get">
<p><label for="in">Folder, empty for all</label> <input id="in" name="in" dir="auto" autocomplete="off" value="${folder}"></p>
<p><input type="checkbox" id="deep" name="deep" value="true"${deep ? html` checked` : ''}> <label for="deep">Read every byte again</label></p>
<p><button name="run" value="yes">${words}</button></p>
</form>
`
}

/** Hidden by the script once it shows a new audit. */
function renderKnown(known: KnownList, folder: string, { isWritable }: CoordinatorContext): Html {
  const title = folder === '' ? html`What was found` : html`What was found in ${renderName(folder)}`
  return html`<section id="known" aria-labelledby="known-title">
<h2 id="known-title">${title}</h2>
${renderKnownList(known, { folder, show: 'both', isWritable })}</section>
`
}

/** Filled by the script; hidden without one. */
const LIVE = html`<section id="live" aria-labelledby="found" hidden>
<h2 id="found" tabindex="-1">What it finds</h2>
<p><progress id="bar" aria-label="Files compared"></progress> <button type="button" id="stop">Stop</button></p>
<p id="now"></p>
<p id="status" role="status"></p>
<table id="rows" hidden>
<caption>Files that are not the same everywhere</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Agreement</th><th scope="col">Held by</th></tr></thead>
<tbody></tbody>
</table>
</section>
`
