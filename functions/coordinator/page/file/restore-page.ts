import type { Context } from 'hono'
import { html } from 'hono/html'
import { type AppEnv, toCaller } from '../../../http/app.ts'
import { createProblem, toProblem } from '../../../http/problems.ts'
import { readFormBody } from '../../../http/request-body.ts'
import { isFacts } from '../../../storage/facts.ts'
import { readKept } from '../../../storage/kept.ts'
import { NAME_RULE, parseName } from '../../../storage/names.ts'
import type { KeptPage } from '../../../storage/storage.ts'
import { toUnkeptWords } from '../../../wire/attributes.ts'
import { toTimestamp } from '../../../wire/fields/dates.ts'
import { parseNamedPath, toNamedPath } from '../../../wire/fields/routes.ts'
import { parseJson } from '../../../wire/json/parse.ts'
import { MAX_RESTORE_BYTES, PAGE_ROWS } from '../../../wire/limits.ts'
import { StorageError, settle } from '../../../wire/storage-error.ts'
import { escapeControls } from '../../../wire/text.ts'
import { withDeadline } from '../../ask/deadlines.ts'
import { gather } from '../../ask/gather.ts'
import type { Member } from '../../ask/member.ts'
import type { Answer } from '../../compare/compare.ts'
import type { CoordinatorContext } from '../../context.ts'
import { type RestoreOnRequest, restoreOn, restoreOnRequest } from '../../kept.ts'
import { answerPage, type Html } from '../layout.ts'
import { renderName, renderPath, renderSize, renderTime } from '../parts.ts'

/**
 * `GET /restore/{name}`: the replaced contents of a file that each replica keeps, each with a form to restore
 * it.
 */
export async function answerRestore(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const name = parseRestoredName(c, context)
  if (name instanceof Response) return name
  const { signal } = c.req.raw
  const [answers, pages] = await Promise.all([
    gather({ ...context, ...toCaller(c), name }),
    Promise.all(context.members.map((member) => readKeptOf(member, name, context, signal))),
  ])
  const isKept = pages.some((page) => !(page instanceof StorageError) && page.entries.length > 0)
  if (!isKept && !answers.some(({ said }) => isFacts(said))) {
    const isKnown = [...answers.map(({ said }) => said), ...pages].every(
      (one) => !(one instanceof StorageError),
    )
    if (isKnown) return createProblem('not-found', 'no replica has this file, or keeps a content of it')
    return createProblem('existence-unknown', 'no replica has shown this file, and some did not answer')
  }
  const parts = answers.map((answer, i) => renderReplica(name, answer, pages[i]))
  return answerPage(
    200,
    { title: `Replaced contents of ${escapeControls(name)}` },
    html`<h1>Replaced contents of ${renderName(name)}</h1>
${renderPath(name)}
<p>A content that vouch replaced is kept on its replica. To restore one writes it there again; what it replaces is kept in turn, and a copy that changes in the meantime is not overwritten.</p>
${parts}<p><a href="${toNamedPath('/compare/', name)}">Back to the comparison</a></p>`,
  )
}

function parseRestoredName(c: Context<AppEnv>, { isWritable }: CoordinatorContext): string | Response {
  if (!isWritable) return createProblem('read-only', 'this coordinator takes no writes')
  return parseName(parseNamedPath('/restore/', c.req.url) ?? '') ?? createProblem('invalid-name', NAME_RULE)
}

async function readKeptOf(
  { storage }: Member,
  name: string,
  { deadlines }: CoordinatorContext,
  left: AbortSignal,
): Promise<KeptPage | StorageError> {
  return await settle(
    withDeadline(deadlines, (expired) =>
      readKept(storage, { name, limit: PAGE_ROWS, signal: AbortSignal.any([expired, left]) }),
    ),
  )
}

function renderReplica(
  name: string,
  { id, said }: Answer,
  page: KeptPage | StorageError = { entries: [], next: null },
): Html {
  const failure = [said, page].find((one) => one instanceof StorageError)
  if (failure instanceof StorageError)
    return html`<h2>On ${id}</h2>\n<p class="warning">${id} cannot be used: ${escapeControls(failure.message)}</p>\n`
  const now = isFacts(said) ? said.digest : null
  const { entries, next } = page instanceof StorageError ? { entries: [], next: null } : page
  if (entries.length === 0)
    return html`<h2>On ${id}</h2>\n<p>${id} keeps no replaced content of this file.</p>\n`
  const action = toNamedPath('/restore/', name)
  return html`<h2>On ${id}</h2>
<p>It holds ${now === null ? 'nothing' : html`<code>${now.slice(0, 12)}</code>`} now.</p>
<table>
<caption>What ${id} keeps</caption>
<thead><tr><th scope="col">Replaced</th><th scope="col">Content</th><th scope="col">Restore</th></tr></thead>
<tbody>
${entries.map(({ digest, size, kept }) => {
  const choice: RestoreOnRequest = { replica: id, name, digest, replaces: now }
  const short = digest.slice(0, 12)
  const form = html`<form method="post" action="${action}"><input type="hidden" name="choice" value="${JSON.stringify(choice)}"><button>Restore<span class="unseen"> ${short} on ${id}</span></button></form>`
  return html`<tr><th scope="row">${renderTime(toTimestamp(kept))}</th><td><code>${short}</code>, ${renderSize(size)}</td><td>${digest === now ? 'it holds this now' : form}</td></tr>\n`
})}</tbody>
</table>
${next === null ? '' : html`<p>It keeps more; <code>vouch restore</code> lists all.</p>\n`}`
}

/** `POST /restore/{name}`: a replica restores the content that was chosen. */
export async function takeRestoreForm(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const name = parseRestoredName(c, context)
  if (name instanceof Response) return name
  const form = await readFormBody(c, MAX_RESTORE_BYTES)
  if (form instanceof Response) return form
  const chosen = parseJson(restoreOnRequest, form.get('choice') ?? '')
  if (!chosen.success || chosen.output.name !== name)
    return createProblem(
      'invalid-body',
      'the form must name the replica, this file, and the content to restore',
    )
  const { replica, digest } = chosen.output
  const facts = await restoreOn(context, chosen.output, c.req.raw.signal)
  if (facts instanceof Response) return facts
  if (facts instanceof StorageError) return toProblem(facts)
  const unkept = facts.unkept ?? []
  return answerPage(
    200,
    { title: `Restored ${escapeControls(name)}` },
    html`<h1>Restored ${renderName(name)}</h1>
${renderPath(name)}
<p class="outcome">${replica} holds <code>${digest.slice(0, 12)}</code> again, ${renderSize(facts.size)}.</p>
${unkept.length === 0 ? '' : html`<p class="warning">${escapeControls(toUnkeptWords(unkept))}</p>\n`}<p><a href="${toNamedPath('/compare/', name)}">Compare again</a> or see the <a href="${toNamedPath('/restore/', name)}">replaced contents</a></p>`,
  )
}
