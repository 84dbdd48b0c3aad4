import type { Context } from 'hono'
import { html } from 'hono/html'
import * as v from 'valibot'
import { readFormBody } from '../../storage/json-body.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import { toStream } from '../../storage/streams.ts'
import { createAnswer } from '../../wire/answer.ts'
import type { AppEnv } from '../../wire/app.ts'
import { MAX_FORM_BYTES } from '../../wire/limits.ts'
import { type ApplyLine, type Plan, type PlanStep, plan } from '../../wire/plan-schemas.ts'
import { printable } from '../../wire/printable.ts'
import { createProblem } from '../../wire/problems.ts'
import { parseNamedPath, toNamedPath } from '../../wire/routes.ts'
import type { Manifest } from '../../wire/schemas.ts'
import { apply } from '../apply.ts'
import { findWrong } from '../apply-answer.ts'
import { planName } from '../plan.ts'
import { toManifest } from '../report.ts'
import { streamText, type WriteText } from '../text-stream.ts'
import { readComparison } from './file-page.ts'
import { answerPage, END, type Html, PAGE_FIELDS, renderStart } from './layout.ts'
import type { PageContext } from './pages.ts'
import { renderName, renderWay, toBytes, toLetter } from './parts.ts'

/** `GET /keep/{name}?version=`: what would be written where, were that version kept, and a form that has it done. */
export async function answerKeep(c: Context<AppEnv>, context: PageContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const manifest = toManifest(name, await readComparison(context.toRead(name, c.var.trace)))
  const at = manifest.versions.findIndex(({ digest }) => digest === c.req.query('version'))
  const version = manifest.versions[at]
  if (version === undefined) return createProblem('not-found', 'no replica holds that version now')
  const [holder = ''] = version.replicas
  const steps = planName(manifest, [{ prefix: name, policy: { keep: holder } }])
  const called = manifest.versions.length === 1 ? 'the content' : `version ${toLetter(at)}`
  return answerPage(
    200,
    { title: `Keep ${called} of ${printable(name)}` },
    html`<h1>Keep ${called} of ${renderName(name)}?</h1>
${renderWay(name)}
${steps === null || steps.length === 0 ? renderNothing(steps) : renderPlan(manifest, steps)}
<p><a href="${toNamedPath('/compare/', name)}">Back to the comparison</a></p>`,
  )
}

/** The name, where versions may be kept. */
function parseKeptName(c: Context<AppEnv>, { isWritable }: PageContext): string | Response {
  if (!isWritable) return createProblem('read-only', 'this coordinator takes no writes')
  return parseName(parseNamedPath('/keep/', c.req.url) ?? '') ?? createProblem('invalid-name', NAME_RULE)
}

function renderNothing(steps: readonly PlanStep[] | null): Html {
  const why =
    steps === null
      ? 'Not every replica says what it holds, or one of them lies: nothing can be planned before they do.'
      : 'Every replica holds it already: there is nothing to do.'
  return html`<p>${why}</p>`
}

function renderPlan({ name, replicas, versions }: Manifest, steps: readonly PlanStep[]): Html {
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  const toHeld = (digest: string | null | undefined) =>
    digest ? `${letters.get(digest) ?? ''} (${digest.slice(0, 12)})` : 'nothing'
  const body = {
    vouch: 'plan',
    version: 1,
    replicas: replicas.map(({ id }) => id),
    steps: [...steps],
  } satisfies Plan
  return html`<table>
<caption>What will be written</caption>
<thead><tr><th scope="col">On</th><th scope="col">It holds</th><th scope="col">It will hold</th></tr></thead>
<tbody>
${steps.map(({ to, digest, size, seen }) => html`<tr><th scope="row">${to}</th><td>${toHeld(seen[to])}</td><td>${toHeld(digest)}, ${toBytes(size)}</td></tr>\n`)}</tbody>
</table>
<p>What is replaced is kept on its replica, and can be put back with <code>vouch restore</code>. If a copy changes before, nothing is written over it.</p>
<form method="post" action="${toNamedPath('/keep/', name)}">
<input type="hidden" name="plan" value="${JSON.stringify(body)}">
<p><button class="yes">Yes, write this</button></p>
</form>`
}

/** `POST /keep/{name}`: does what the plan of the form says, and tells what became of each step. */
export async function takeKeep(c: Context<AppEnv>, context: PageContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const form = await readFormBody(c.req.raw, MAX_FORM_BYTES)
  if (form instanceof Response) return form
  const parsed = parsePlan(form.get('plan') ?? '')
  if (parsed === null || parsed.steps.some((step) => step.name !== name)) {
    return createProblem('invalid-body', 'the form must hold the plan for this file')
  }
  const ids = context.members.map(({ id }) => id)
  const wrong = findWrong(parsed, ids)
  if (wrong !== undefined) return createProblem('invalid-body', wrong)
  const refused = context.applying.begin()
  if (refused !== null) return refused
  const { trace } = c.var
  const body = streamText((write, signal) => {
    const toRead = (of: string) => context.toRead(of, trace)
    return writeApplied(name, write, (tell) =>
      apply(parsed, { members: context.members, toRead, tell, signal }),
    ).finally(context.applying.end)
  })
  return createAnswer(200, PAGE_FIELDS, toStream(body))
}

function parsePlan(text: string): Plan | null {
  try {
    const parsed = v.safeParse(plan, JSON.parse(text))
    return parsed.success ? parsed.output : null
  } catch {
    return null
  }
}

const OUTCOMES = {
  done: 'written',
  already: 'was so already',
  skipped: 'left alone',
  failed: 'failed',
} as const

async function writeApplied(
  name: string,
  write: WriteText,
  run: (tell: (line: ApplyLine) => Promise<void>) => Promise<void>,
): Promise<void> {
  const before = html`${renderStart({ title: `Written: ${printable(name)}` })}<h1>What became of ${renderName(name)}</h1>
${renderWay(name)}
<table>
<caption>What was written</caption>
<thead><tr><th scope="col">On</th><th scope="col">Outcome</th></tr></thead>
<tbody>
`
  await write(String(before))
  let isDone = true
  await run(async (line) => {
    // It means nothing, and shows that the work goes on.
    if ('progress' in line) await write('\n')
    if (!('outcome' in line)) return
    isDone &&= line.outcome === 'done' || line.outcome === 'already'
    const { to, outcome, detail } = line
    const words = detail === undefined ? OUTCOMES[outcome] : `${OUTCOMES[outcome]}: ${printable(detail)}`
    await write(String(html`<tr><th scope="row">${to}</th><td>${words}</td></tr>\n`))
  })
  const words = isDone
    ? html`<p class="outcome">All replicas hold the version that you chose.</p>`
    : html`<p class="warning">Not all of it was done. Compare again to see what is there now.</p>`
  const after = html`</tbody>\n</table>
${words}
<p><a href="${toNamedPath('/compare/', name)}">Compare again</a> or look for <a href="/?show=conflicts">more conflicts</a></p>`
  await write(`${after}${END}`)
}
