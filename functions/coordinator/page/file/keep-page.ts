import type { Context } from 'hono'
import { html } from 'hono/html'
import * as v from 'valibot'
import { withBlankLines } from '../../../bytes/heartbeat.ts'
import type { WriteText } from '../../../bytes/line-writer.ts'
import { answerText } from '../../../http/answer.ts'
import { type AppEnv, toCaller } from '../../../http/app.ts'
import { createProblem } from '../../../http/problems.ts'
import { readFormBody } from '../../../http/request-body.ts'
import { NAME_RULE, parseName } from '../../../storage/names.ts'
import { parseNamedPath, toNamedPath } from '../../../wire/fields/routes.ts'
import { parseJson } from '../../../wire/json/parse.ts'
import { MAX_FORM_BYTES } from '../../../wire/limits.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import type { Plan, PlanStep } from '../../../wire/schemas/plan.ts'
import { contentDigest, digest, replicaId, size } from '../../../wire/schemas/values.ts'
import { escapeControls } from '../../../wire/text.ts'
import { gather } from '../../ask/gather.ts'
import { compare } from '../../compare/compare.ts'
import { toLetter, toManifest } from '../../compare/report.ts'
import type { CoordinatorContext } from '../../context.ts'
import { apply } from '../../repair/apply.ts'
import { findRecords, planName, toSteps } from '../../repair/plan.ts'
import type { ApplyContext } from '../../repair/step.ts'
import { answerPage, beginPage, END, type Html } from '../layout.ts'
import { isWritten, toOutcomeWords } from '../outcome.ts'
import { renderName, renderPath, renderSize, toIdsText } from '../parts.ts'

/** The form's data: the content to keep, and what each replica held of the file when it was chosen. */
const choice = v.object({ digest, size, seen: v.record(replicaId, v.nullable(contentDigest)) })
type Choice = v.InferOutput<typeof choice>

/** `GET /keep/{name}?version=`: what would be written where to keep that version, and a form to do so. */
export async function answerKeep(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const manifest = toManifest(name, compare(await gather({ ...context, ...toCaller(c), name })))
  const at = manifest.versions.findIndex(({ digest }) => digest === c.req.query('version'))
  const version = manifest.versions[at]
  if (version === undefined) return createProblem('not-found', 'no replica holds that version now')
  const [holder = ''] = version.replicas
  const steps = planName(manifest, [{ prefix: name, policy: { keep: holder } }], findRecords(context.members))
  const isGap = manifest.versions.length === 1 && steps !== null && steps.length > 0
  const to = isGap ? ` to ${toIdsText(steps.map(({ to }) => to))}` : ''
  const deed = isGap ? 'Copy' : manifest.versions.length === 1 ? 'Keep' : `Keep version ${toLetter(at)} of`
  return answerPage(
    200,
    { title: `${deed} ${escapeControls(name)}${to}` },
    html`<h1>${deed} ${renderName(name)}${to}?</h1>
${renderPath(name)}
${renderPlan(manifest, steps)}
<p><a href="${toNamedPath('/compare/', name)}">Back to the comparison</a></p>`,
  )
}

function parseKeptName(c: Context<AppEnv>, { isWritable }: CoordinatorContext): string | Response {
  if (!isWritable) return createProblem('read-only', 'this coordinator takes no writes')
  return parseName(parseNamedPath('/keep/', c.req.url) ?? '') ?? createProblem('invalid-name', NAME_RULE)
}

function renderPlan({ name, versions }: Manifest, steps: readonly PlanStep[] | null): Html {
  if (steps === null) {
    return html`<p>A replica did not report what it holds, or reported something impossible. Nothing can be written until that is resolved.</p>`
  }
  const [first] = steps
  if (first === undefined) return html`<p>Every replica already holds it: there is nothing to do.</p>`
  const { digest, size, seen } = first
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  const toHeld = (digest: string | null | undefined) =>
    digest ? `${letters.get(digest) ?? ''} (${digest.slice(0, 12)})` : 'nothing'
  return html`<table>
<caption>What will be written</caption>
<thead><tr><th scope="col">On</th><th scope="col">It holds</th><th scope="col">It will hold</th></tr></thead>
<tbody>
${steps.map(({ to }) => html`<tr><th scope="row">${to}</th><td>${toHeld(seen[to])}</td><td>${toHeld(digest)}, ${renderSize(size)}</td></tr>\n`)}</tbody>
</table>
<p>The replaced content is kept on its replica, and <code>vouch restore</code> restores it. A copy that changes in the meantime is not overwritten.</p>
<form method="post" action="${toNamedPath('/keep/', name)}">
<input type="hidden" name="choice" value="${JSON.stringify({ digest, size, seen } satisfies Choice)}">
<p><button class="yes">Yes, write this</button></p>
</form>`
}

/** `POST /keep/{name}`: writes the chosen content where it was missing, and reports each outcome. */
export async function takeKeep(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const form = await readFormBody(c, MAX_FORM_BYTES)
  if (form instanceof Response) return form
  const ids = context.members.map(({ id }) => id)
  const chosen = parseChoice(form.get('choice') ?? '', ids)
  if (chosen === null) {
    const detail = `the form must name the version to keep, and what ${ids.join(', ')} held`
    return createProblem('invalid-body', detail)
  }
  const steps = toSteps(name, chosen, chosen.seen, findRecords(context.members))
  const { trace } = c.var
  const { fields, text } = beginPage({ title: `Outcome for ${escapeControls(name)}` })
  const plan: Plan = { vouch: 'plan', version: 1, replicas: ids, steps }
  return await context.limits.plans.run(() =>
    answerText(fields, (write, signal) =>
      writeApplied(name, text, write, (writeLine) => apply(plan, { ...context, trace, writeLine, signal })),
    ),
  )
}

/** The choice; null when it is not valid, does not cover these replicas, or leaves nothing to write. */
function parseChoice(text: string, ids: readonly string[]): Choice | null {
  const chosen = parseJson(choice, text)
  if (!chosen.success) return null
  const { digest, seen } = chosen.output
  const isWhole = Object.keys(seen).length === ids.length && ids.every((id) => Object.hasOwn(seen, id))
  const isNothing = ids.every((id) => seen[id] === digest)
  return isWhole && !isNothing ? chosen.output : null
}

async function writeApplied(
  name: string,
  start: Html,
  write: WriteText,
  run: (writeLine: ApplyContext['writeLine']) => Promise<void>,
): Promise<void> {
  const before = html`${start}<h1>Outcome for ${renderName(name)}</h1>
${renderPath(name)}
<table>
<caption>Planned writes</caption>
<thead><tr><th scope="col">On</th><th scope="col">Outcome</th></tr></thead>
<tbody>
`
  await write(String(before))
  let isDone = true
  const writeLine: ApplyContext['writeLine'] = withBlankLines(write, async (line) => {
    if (!('outcome' in line)) return
    isDone &&= isWritten(line)
    await write(String(html`<tr><th scope="row">${line.to}</th><td>${toOutcomeWords(line)}</td></tr>\n`))
  })
  await run(writeLine)
  const words = isDone
    ? html`<p class="outcome">All replicas hold the version that you chose.</p>`
    : html`<p class="warning">Not every replica was written. Compare again to see what each holds now.</p>`
  const after = html`</tbody>\n</table>
${words}
<p><a href="${toNamedPath('/compare/', name)}">Compare again</a> or see <a href="/?show=conflicts&amp;run=yes">more conflicts</a></p>`
  await write(`${after}${END}`)
}
