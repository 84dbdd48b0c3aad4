import type { Context } from 'hono'
import { html } from 'hono/html'
import { withBlankLines } from '../../../bytes/heartbeat.ts'
import type { WriteText } from '../../../bytes/line-writer.ts'
import { answerText, createAnswer } from '../../../http/answer.ts'
import type { AppEnv } from '../../../http/app.ts'
import { createProblem } from '../../../http/problems.ts'
import { readFormBody } from '../../../http/request-body.ts'
import { parseName } from '../../../storage/names.ts'
import type { Digest } from '../../../wire/digest.ts'
import { MAX_FORM_BYTES, MAX_PAGE_STEPS, PAGE_ROWS } from '../../../wire/limits.ts'
import { addCounts } from '../../../wire/passed.ts'
import type { AuditSummary } from '../../../wire/schemas/audit.ts'
import type { PlanStep } from '../../../wire/schemas/plan.ts'
import { escapeControls, formatCount, formatNumber } from '../../../wire/text.ts'
import { audit } from '../../audit/audit.ts'
import type { AuditContext } from '../../audit/audit-request.ts'
import type { CoordinatorContext } from '../../context.ts'
import { apply } from '../../repair/apply.ts'
import { findRecords, planName } from '../../repair/plan.ts'
import type { ApplyContext } from '../../repair/step.ts'
import { beginPage, END, type Html } from '../layout.ts'
import { isWritten, toOutcomeWords } from '../outcome.ts'
import { renderLink, renderName, renderPath, renderSize } from '../parts.ts'
import { renderLimits } from './found-page.ts'

/**
 * `GET /copy?in=`: what an audit finds missing below a folder, how much would be written to each replica, and
 * a form to do so. Copies that differ are left alone.
 */
export async function answerCopy(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const folder = parseFolder(c.req.query('in') ?? '', context)
  if (folder instanceof Response) return folder
  const { fields, text } = beginCopy(folder)
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  const { trace } = c.var
  return await context.limits.audits.run(() =>
    answerText(fields, async (write, signal) => {
      await write(String(text))
      const plan = await makePlan(folder, write, { ...context, trace, signal })
      await write(`${renderPlan(plan, folder, context.ids)}${END}`)
    }),
  )
}

/** `POST /copy`: makes the plan again, and applies it if it is the one that the form was shown with. */
export async function takeCopy(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const form = await readFormBody(c, MAX_FORM_BYTES)
  if (form instanceof Response) return form
  const folder = parseFolder(form.get('in') ?? '', context)
  if (folder instanceof Response) return folder
  const { fields, text } = beginCopy(folder)
  const { trace } = c.var
  return await context.limits.plans.run(() =>
    answerText(fields, async (write, signal) => {
      await write(String(text))
      const plan = await makePlan(folder, write, { ...context, trace, signal })
      if (plan.digest === form.get('plan')) {
        await writeApplied(plan, folder, write, { ...context, trace, signal })
      } else {
        const changed = html`<p class="warning">Nothing was written: what is missing has changed since you saw the plan. This is the plan now.</p>\n`
        await write(`${changed}${renderPlan(plan, folder, context.ids)}`)
      }
      await write(END)
    }),
  )
}

function parseFolder(folder: string, { isWritable }: CoordinatorContext): string | Response {
  if (!isWritable) return createProblem('read-only', 'this coordinator takes no writes')
  if (folder === '' || (folder.endsWith('/') && parseName(folder.slice(0, -1)) !== null)) return folder
  return createProblem('invalid-parameter', 'in takes the name of a folder, which ends with a slash')
}

function beginCopy(folder: string): ReturnType<typeof beginPage> {
  const { fields, text } = beginPage({
    title: `Copy what is missing${folder === '' ? '' : ` in ${escapeControls(folder)}`}`,
  })
  const head = html`<h1>Copy what is missing${folder === '' ? '' : html` in ${renderName(folder)}`}</h1>
${folder === '' ? '' : renderPath(folder)}
`
  return { fields, text: html`${text}${head}` }
}

interface CopyPlan {
  readonly steps: readonly PlanStep[]
  /** Of the steps. */
  readonly digest: Digest
  /** Names whose copies differ, or are not all known: nothing is planned for them. */
  readonly left: number
  /** Undefined when there is more to copy than one plan of a page takes. */
  readonly summary: AuditSummary | undefined
}

/** Ends an audit that has found as much as a plan takes. */
class Enough extends Error {}

/** The writes to fill the gaps that an audit finds, as `POST /plan` makes them without rules. */
async function makePlan(
  folder: string,
  write: WriteText,
  context: Omit<AuditContext, 'writeLine'> & Pick<CoordinatorContext, 'createHasher'>,
): Promise<CopyPlan> {
  const steps: PlanStep[] = []
  let left = 0
  let summary: AuditSummary | undefined
  const writeLine: AuditContext['writeLine'] = withBlankLines(write, async (line) => {
    if ('summary' in line) {
      summary = line.summary
      return
    }
    const planned = planName(line, [], findRecords(context.members))
    if (planned === null) left++
    else if (steps.length + planned.length > MAX_PAGE_STEPS) throw new Enough()
    else steps.push(...planned)
  })
  const request = { prefix: folder, maxAge: null, match: [], exclude: [], all: false }
  await audit(request, { ...context, writeLine }).catch((error) => {
    if (!(error instanceof Enough)) throw error
  })
  const hasher = context.createHasher()
  await hasher.update(new TextEncoder().encode(JSON.stringify(steps)))
  return { steps, digest: await hasher.digest(), left, summary }
}

function renderPlan(
  { steps, digest, left, summary }: CopyPlan,
  folder: string,
  ids: readonly string[],
): Html {
  const rest =
    left === 0
      ? ''
      : html`<p>Left alone, since their copies differ or are not all known: ${formatCount(left, 'file', 'files')}.</p>\n`
  const notes = html`${summary === undefined ? html`<p>These are the first of more files: copy these, and come back for the others. <code>vouch plan</code> plans all at once.</p>\n` : renderLimits(summary)}${rest}`
  if (steps.length === 0)
    return html`<p class="outcome">No file can be copied here.</p>\n${notes}${renderBack(folder)}`
  const names = new Set(steps.map(({ name }) => name)).size
  const sums = ids.map((to) => ({ to, sum: sumUp(steps.filter((step) => step.to === to)) }))
  return html`<table>
<caption>What will be written</caption>
<thead><tr><th scope="col">On</th><th scope="col">Files</th><th scope="col">Size</th></tr></thead>
<tbody>
${sums.map(({ to, sum }) => (sum.files === 0 ? '' : html`<tr><th scope="row">${to}</th><td>${formatNumber(sum.files)}</td><td>${renderSize(sum.bytes)}</td></tr>\n`))}</tbody>
</table>
${notes}${renderNames(steps)}<p>Only files that a replica lacks are written. A copy that appears in the meantime is not overwritten.</p>
<form method="post" action="/copy">
<input type="hidden" name="in" value="${folder}"><input type="hidden" name="plan" value="${digest}">
<p><button class="yes">Yes, copy ${names === 1 ? 'it' : `all ${formatNumber(names)}`}</button></p>
</form>
${renderBack(folder)}`
}

function sumUp(steps: readonly PlanStep[]): { readonly files: number; readonly bytes: number } {
  return { files: steps.length, bytes: steps.reduce((sum, { size }) => addCounts(sum, size), 0) }
}

/** The first of the files, closed at first. */
function renderNames(steps: readonly PlanStep[]): Html {
  const shown = steps.slice(0, PAGE_ROWS)
  const more = steps.length - shown.length
  return html`<details><summary>The files</summary>
<ul>
${shown.map(({ name, to, size }) => html`<li>${renderLink(name)} to ${to}, ${renderSize(size)}</li>\n`)}</ul>
${more === 0 ? '' : html`<p>And ${formatNumber(more)} more.</p>\n`}</details>
`
}

function renderBack(folder: string): Html {
  return html`<p><a href="/check?${new URLSearchParams({ in: folder, run: 'yes' })}">Check again</a></p>`
}

/**
 * Applies the plan, and reports what was not written, or not as it was, and the number of files by replica.
 */
async function writeApplied(
  { steps }: CopyPlan,
  folder: string,
  write: WriteText,
  context: Omit<ApplyContext, 'writeLine'> & Pick<CoordinatorContext, 'ids'>,
): Promise<void> {
  const { ids } = context
  const written = new Map<string, number>()
  let [unwritten, notes] = [0, 0]
  await write('<h2>Outcome</h2>\n')
  const writeLine: ApplyContext['writeLine'] = withBlankLines(write, async (line) => {
    if (!('outcome' in line)) return
    const { name, to } = line
    if (isWritten(line)) written.set(to, (written.get(to) ?? 0) + 1)
    else unwritten++
    const isPlain = isWritten(line) && line.unkept === undefined
    if (!isPlain && notes++ < PAGE_ROWS)
      await write(
        String(html`<p class="warning">${renderLink(name)} on ${to}: ${toOutcomeWords(line)}</p>\n`),
      )
  })
  await apply({ vouch: 'plan', version: 1, replicas: [...ids], steps: [...steps] }, { ...context, writeLine })
  const counts = ids.flatMap((id) =>
    written.has(id) ? `${formatCount(written.get(id) ?? 0, 'file', 'files')} on ${id}` : [],
  )
  const words =
    unwritten === 0
      ? html`<p class="outcome">All of the plan was written: ${counts.join(', ')}.</p>\n`
      : html`<p class="warning">${formatCount(unwritten, 'file was', 'files were')} not written. Written: ${counts.length === 0 ? 'nothing' : counts.join(', ')}.</p>\n`
  const more =
    notes > PAGE_ROWS
      ? html`<p>${formatNumber(notes - PAGE_ROWS)} more outcomes like these are not shown.</p>\n`
      : ''
  await write(`${more}${words}${renderBack(folder)}`)
}
