import type { Context } from 'hono'
import { html } from 'hono/html'
import { toParts } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { isForeign } from '../../http/cross-site.ts'
import { createProblem } from '../../http/problems.ts'
import { answerContent, toRepresentation } from '../../http/serve-content.ts'
import type { CreateHasher } from '../../wire/digest.ts'
import { toTarget } from '../../wire/fields/routes.ts'
import { parseJson } from '../../wire/json/parse.ts'
import { problem } from '../../wire/schemas/manifest.ts'
import { escapeControls } from '../../wire/text.ts'
import type { CoordinatorContext } from '../context.ts'
import { accepts } from '../read/accept.ts'
import { answerFile } from './file/file-page.ts'
import { answerKeep, takeKeep } from './file/keep-page.ts'
import { answerRestore, takeRestoreForm } from './file/restore-page.ts'
import { answerPage } from './layout.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'
import { answerCheck } from './tree/check-page.ts'
import { answerCopy, takeCopy } from './tree/copy-page.ts'
import { answerTree } from './tree/tree-page.ts'

type PageHandler = (c: Context<AppEnv>, context: CoordinatorContext) => Response | Promise<Response>

/** Pages for browsers: the tree, a page for each file, and the actions there. */
export const PAGES = {
  tree: show(withoutForeignAudits(answerTree)),
  check: show(withoutForeignAudits(answerCheck)),
  file: show(answerFile),
  copy: show(withoutForeignAudits(answerCopy)),
  takeCopy: show(takeCopy),
  restore: show(answerRestore),
  takeRestore: show(takeRestoreForm),
  keep: show(answerKeep),
  takeKeep: show(takeKeep),
  asset: (c, context) => answerAsset(c, context.createHasher),
} satisfies Record<string, PageHandler>

function show(answer: PageHandler): PageHandler {
  return async (c, context) => {
    if (accepts(c.req.raw, 'text/html')) return toPage(await answer(c, context))
    return createProblem('not-acceptable', 'this resource is text/html')
  }
}

/** A link on another site does not start an audit; it leads to a page where the user can. */
function withoutForeignAudits(answer: PageHandler): PageHandler {
  return (c, context) => {
    const { run, show = 'all' } = c.req.query()
    const isAudit = run !== undefined || show !== 'all' || c.req.path === '/copy'
    if (!isAudit || !isForeign(c.req.raw)) return answer(c, context)
    return answerPage(
      403,
      { title: 'Asked by another site' },
      html`<h1>Asked by another site</h1>
<p>Another site sent you here, to a page that has every replica compare its files.</p>
<p><a href="${toTarget(c.req.url)}">Continue</a></p>`,
    )
  }
}

/** Turns a problem document into a page. */
function toPage(response: Response): Response {
  const { body, fields, status } = toParts(response) ?? {}
  if (fields?.['Content-Type'] !== 'application/problem+json' || !(body instanceof Uint8Array))
    return response
  const retry = fields['Retry-After']
  const read = parseJson(problem, new TextDecoder().decode(body))
  if (!read.success) return response
  const { title, detail = '' } = read.output
  return answerPage(
    status ?? 500,
    { title },
    html`<h1>${title}</h1>
<p>${escapeControls(detail)}</p>
<p><a href="/">All files</a></p>`,
    retry === undefined ? {} : { 'Retry-After': retry },
  )
}

const ASSETS: Readonly<Record<string, string>> = { '/assets/page.css': STYLE, '/assets/page.js': SCRIPT }

/** `GET /assets/…`: what the pages load, by the conditions and ranges of the request, as for a file. */
async function answerAsset(c: Context<AppEnv>, createHasher: CreateHasher): Promise<Response> {
  const text = Object.hasOwn(ASSETS, c.req.path) ? ASSETS[c.req.path] : undefined
  if (text === undefined) return createProblem('no-such-resource', `nothing is at ${c.req.path}`)
  const bytes = new TextEncoder().encode(text)
  const hasher = createHasher()
  await hasher.update(bytes)
  const content = { name: c.req.path, size: bytes.length, digest: await hasher.digest(), modified: null }
  return await answerContent(c.req.raw, toRepresentation(content, {}), (range) =>
    range ? bytes.subarray(range.offset, range.offset + range.length) : bytes,
  )
}
