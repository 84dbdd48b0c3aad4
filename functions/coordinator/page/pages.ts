import type { Context, Hono } from 'hono'
import { html } from 'hono/html'
import { toParts } from '../../wire/answer.ts'
import { type AppEnv, refuseOtherMethods } from '../../wire/app.ts'
import type { CreateHasher } from '../../wire/digest.ts'
import type { Limit } from '../../wire/limit.ts'
import { isForeign } from '../../wire/origin.ts'
import { parseJson } from '../../wire/parse.ts'
import { printable } from '../../wire/printable.ts'
import { createProblem } from '../../wire/problems.ts'
import { toTarget } from '../../wire/routes.ts'
import { problem } from '../../wire/schemas.ts'
import type { Trace } from '../../wire/trace.ts'
import { accepts } from '../accept.ts'
import type { AskOptions, Member } from '../gather.ts'
import type { Read } from '../read.ts'
import type { Deadlines } from '../silence.ts'
import type { Suspects } from '../suspects.ts'
import { answerAsset } from './assets.ts'
import { answerCheck } from './check-page.ts'
import { answerFile } from './file-page.ts'
import { answerKeep, takeKeep } from './keep-page.ts'
import { answerPage } from './layout.ts'
import { answerTree } from './tree-page.ts'

/** What the pages need of the coordinator. */
export interface PageContext {
  readonly members: readonly Member[]
  readonly suspects: Suspects
  readonly deadlines: Deadlines
  readonly createHasher: CreateHasher
  /** The read of one name. */
  readonly toRead: (name: string, trace: Trace | undefined, getSignal?: AskOptions['getSignal']) => Read
  /** Of audits. */
  readonly limit: Limit
  /** Of plans that are applied. */
  readonly applying: Limit
  /** Of pages that compare versions. */
  readonly comparing: Limit
  /** Whether versions may be kept. */
  readonly isWritable: boolean
}

type Answer = (c: Context<AppEnv>, context: PageContext) => Response | Promise<Response>

/** Adds what browsers see: the tree at `/`, a page for each file, and what can be done there. */
export function addPages(app: Hono<AppEnv>, context: PageContext): void {
  const show = (answer: Answer) => async (c: Context<AppEnv>) => {
    if (!accepts(c.req.raw, 'text/html')) return createProblem('not-acceptable', 'this resource is text/html')
    return toPage(await answer(c, context))
  }
  app.get('/', show(sparing(answerTree)))
  refuseOtherMethods(app, '/', 'GET, HEAD')
  app.get('/check', show(sparing(answerCheck)))
  refuseOtherMethods(app, '/check', 'GET, HEAD')
  app.get('/compare/*', show(answerFile))
  refuseOtherMethods(app, '/compare/*', 'GET, HEAD')
  app.get('/keep/*', show(answerKeep))
  app.post('/keep/*', show(takeKeep))
  refuseOtherMethods(app, '/keep/*', 'GET, HEAD, POST')
  app.get('/assets/*', (c) => answerAsset(c, context.createHasher))
  refuseOtherMethods(app, '/assets/*', 'GET, HEAD')
}

/** A link on another site starts no audit: it shows where it leads, and a click on that is the user's own. */
function sparing(answer: Answer): Answer {
  return (c, context) => {
    const isAudit = c.req.query('run') !== undefined || !['all', undefined].includes(c.req.query('show'))
    if (!isAudit || !isForeign(c.req.raw)) return answer(c, context)
    return answerPage(
      403,
      { title: 'Asked by another site' },
      html`<h1>Asked by another site</h1>
<p>Another site sent you here, to something that has every replica look at its files.</p>
<p><a href="${toTarget(c.req.url)}">Go on</a></p>`,
    )
  }
}

/** A problem document as a page, for who asked for one. */
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
<p>${printable(detail)}</p>
<p><a href="/">All files</a></p>`,
    retry === undefined ? {} : { 'Retry-After': retry },
  )
}
