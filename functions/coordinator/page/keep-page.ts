import type { Context } from 'hono'
import { html } from 'hono/html'
import * as v from 'valibot'
import { readFormBody } from '../../storage/json-body.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import { toStream } from '../../storage/streams.ts'
import { createAnswer } from '../../wire/answer.ts'
import type { AppEnv } from '../../wire/app.ts'
import { toUnkeptWords } from '../../wire/attributes.ts'
import { MAX_FORM_BYTES } from '../../wire/limits.ts'
import { parseJson } from '../../wire/parse.ts'
import type { ApplyLine, Plan, PlanStep } from '../../wire/plan-schemas.ts'
import { printable } from '../../wire/printable.ts'
import { createProblem } from '../../wire/problems.ts'
import { parseNamedPath, toNamedPath } from '../../wire/routes.ts'
import { digest, type Manifest, replicaId, size } from '../../wire/schemas.ts'
import { apply } from '../apply.ts'
import { planName, toSteps } from '../plan.ts'
import { toManifest } from '../report.ts'
import { streamText, type WriteText } from '../text-stream.ts'
import { readComparison } from './file-page.ts'
import { answerPage, beginPage, END, type Html } from './layout.ts'
import type { PageContext } from './pages.ts'
import { renderName, renderWay, toBytes, toLetter } from './parts.ts'

/** What a form sends: the content to keep, and what each replica held of the file when it was chosen. */
const choice = v.object({ digest, size, seen: v.record(replicaId, v.nullable(digest)) })
type Choice = v.InferOutput<typeof choice>

/** `GET /keep/{name}?version=`: what would be written where, were that version kept, and a form that has it done. */
export async function answerKeep(c: Context<AppEnv>, context: PageContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const manifest = toManifest(
    name,
    await readComparison(context.toRead(name, c.var.trace, () => c.req.raw.signal)),
  )
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
${renderPlan(manifest, steps)}
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
      ? 'Some replica does not say what it holds, or one of them lies: until that is settled, nothing can be written.'
      : 'Every replica holds it already: there is nothing to do.'
  return html`<p>${why}</p>`
}

function renderPlan({ name, versions }: Manifest, steps: readonly PlanStep[] | null): Html {
  const [first] = steps ?? []
  if (steps === null || first === undefined) return renderNothing(steps)
  const { digest, size, seen } = first
  const letters = new Map(versions.map(({ digest }, i) => [digest, toLetter(i)]))
  const toHeld = (digest: string | null | undefined) =>
    digest ? `${letters.get(digest) ?? ''} (${digest.slice(0, 12)})` : 'nothing'
  return html`<table>
<caption>What will be written</caption>
<thead><tr><th scope="col">On</th><th scope="col">It holds</th><th scope="col">It will hold</th></tr></thead>
<tbody>
${steps.map(({ to }) => html`<tr><th scope="row">${to}</th><td>${toHeld(seen[to])}</td><td>${toHeld(digest)}, ${toBytes(size)}</td></tr>\n`)}</tbody>
</table>
<p>What is replaced is kept on its replica, and can be put back with <code>vouch restore</code>. If a copy changes in the meantime, nothing is written over it.</p>
<form method="post" action="${toNamedPath('/keep/', name)}">
<input type="hidden" name="choice" value="${JSON.stringify({ digest, size, seen } satisfies Choice)}">
<p><button class="yes">Yes, write this</button></p>
</form>`
}

/** `POST /keep/{name}`: writes what the form chose wherever it was not, and tells what became of each step. */
export async function takeKeep(c: Context<AppEnv>, context: PageContext): Promise<Response> {
  const name = parseKeptName(c, context)
  if (name instanceof Response) return name
  const form = await readFormBody(c, MAX_FORM_BYTES)
  if (form instanceof Response) return form
  const ids = context.members.map(({ id }) => id)
  const chosen = parseChoice(form.get('choice') ?? '', ids)
  if (chosen === null) {
    return createProblem('invalid-body', `the form must say what to keep, and what ${ids.join(', ')} held`)
  }
  const steps = toSteps(name, chosen, chosen.seen)
  const { trace } = c.var
  const { fields, text } = beginPage({ title: `What became of ${printable(name)}` })
  const toRead = (of: string) => context.toRead(of, trace)
  const plan: Plan = { vouch: 'plan', version: 1, replicas: ids, steps }
  return await context.applying.run(() => {
    const body = streamText((write, signal) =>
      writeApplied(name, text, write, (tell) =>
        apply(plan, { members: context.members, toRead, tell, signal }),
      ),
    )
    return createAnswer(200, fields, toStream(body))
  })
}

/** What was chosen; null when the form says none, what others than these replicas held, or nothing to write. */
function parseChoice(text: string, ids: readonly string[]): Choice | null {
  const chosen = parseJson(choice, text)
  if (!chosen.success) return null
  const { digest, seen } = chosen.output
  const isWhole = Object.keys(seen).length === ids.length && ids.every((id) => Object.hasOwn(seen, id))
  const isNothing = ids.every((id) => seen[id] === digest)
  return isWhole && !isNothing ? chosen.output : null
}

const OUTCOMES = {
  done: 'written',
  already: 'was so already',
  skipped: 'left alone',
  failed: 'failed',
} as const

async function writeApplied(
  name: string,
  start: Html,
  write: WriteText,
  run: (tell: (line: ApplyLine) => Promise<void>) => Promise<void>,
): Promise<void> {
  const before = html`${start}<h1>What became of ${renderName(name)}</h1>
${renderWay(name)}
<table>
<caption>What was to be written</caption>
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
    const { to, outcome, detail, unkept = [] } = line
    const reason = detail ?? (unkept.length > 0 ? toUnkeptWords(unkept) : undefined)
    const words = reason === undefined ? OUTCOMES[outcome] : `${OUTCOMES[outcome]}: ${printable(reason)}`
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
