import type { Context } from 'hono'
import { html } from 'hono/html'
import { toStream } from '../../storage/streams.ts'
import { createAnswer } from '../../wire/answer.ts'
import type { AppEnv } from '../../wire/app.ts'
import { toSeenTexts } from '../../wire/evidence-words.ts'
import { toCounted, toGrouped } from '../../wire/grouped.ts'
import { PAGE_ROWS } from '../../wire/limits.ts'
import { mayBeFile, toPassedText } from '../../wire/passed.ts'
import { printable } from '../../wire/printable.ts'
import type { AuditSummary, Manifest } from '../../wire/schemas.ts'
import { type AuditRequest, audit } from '../audit.ts'
import { streamText, type WriteText } from '../text-stream.ts'
import { beginPage, END, type Head, type Html } from './layout.ts'
import type { PageContext } from './pages.ts'
import { renderHolders, renderLink, renderMark, toTreeHref } from './parts.ts'

/** Which of the files that are not the same everywhere. */
export type Show = 'conflicts' | 'gaps' | 'both'

export interface FoundOptions {
  /** Empty, or ending with a slash. */
  readonly folder: string
  readonly after: string
  readonly show: Show
  readonly deep?: boolean | undefined
  readonly head: Head
  /** What stands before the files. */
  readonly before: Html
}

/**
 * The files below a folder that are not the same everywhere, found by an audit and sent as they are found: the first
 * `PAGE_ROWS`, and the way to more.
 */
export async function answerFound(
  c: Context<AppEnv>,
  context: PageContext,
  options: FoundOptions,
): Promise<Response> {
  const { fields, text } = beginPage(options.head)
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  const { trace } = c.var
  return await context.limit.run(() => {
    const body = streamText((write, signal) =>
      writeFound(options, html`${text}${options.before}`, write, (request, tell) =>
        audit(context.members, request, { ...context, trace, signal, tell }),
      ),
    )
    return createAnswer(200, fields, toStream(body))
  })
}

type RunAudit = (request: AuditRequest, tell: Parameters<typeof audit>[2]['tell']) => Promise<void>

/** Ends an audit that has found enough. */
class Enough extends Error {}

async function writeFound(
  options: FoundOptions,
  before: Html,
  write: WriteText,
  run: RunAudit,
): Promise<void> {
  const { folder, after, show, deep = false } = options
  let summary: AuditSummary | undefined
  let rows = 0
  let last = ''
  await write(String(before))
  const request = { prefix: folder, after, maxAge: deep ? 0 : null, match: [], exclude: [], all: false }
  const running = run(request, async (line) => {
    if ('summary' in line) summary = line.summary
    // It means nothing, and shows that the work goes on.
    if ('progress' in line) await write('\n')
    if (!('versions' in line) || !isWanted(line, show)) return
    if (rows === PAGE_ROWS) throw new Enough()
    await write(`${rows++ === 0 ? TABLE : ''}${renderRow(line, folder)}`)
    last = line.name
  })
  await running.catch((error) => {
    if (!(error instanceof Enough)) throw error
  })
  if (rows > 0) await write('</tbody>\n</table>\n')
  const more =
    summary === undefined ? renderMore({ ...options, after: last }) : renderSummary(summary, rows, options)
  await write(`${more}${END}`)
}

/** Not only conflicts proper: what is corrupt or rotted differs from what it was. */
function isWanted({ agreement, replicas }: Manifest, show: Show): boolean {
  if (show === 'both') return true
  const isWrong = replicas.some(({ state, rottedFrom }) => state === 'corrupt' || rottedFrom !== undefined)
  if (show === 'conflicts') return agreement === 'conflict' || isWrong
  return agreement === 'incomplete' || agreement === 'degraded' || agreement === 'unknown'
}

const TABLE = `<table>
<caption>Files that are not the same everywhere</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Agreement</th><th scope="col">Held by</th></tr></thead>
<tbody>
`

function renderRow(manifest: Manifest, folder: string): Html {
  const { name, agreement } = manifest
  return html`<tr><th scope="row">${renderLink(name, name.slice(folder.length))}</th><td>${renderMark(agreement)}</td><td>${renderHolders(manifest)}</td></tr>\n`
}

function renderMore({ folder, after, show, deep }: FoundOptions): Html {
  const query = new URLSearchParams({ in: folder, after, ...(deep && { deep: 'true' }), run: 'yes' })
  const href = show === 'both' ? `/check?${query}` : toTreeHref({ in: folder, show, after })
  return html`<p>These are the first; there are more. <a href="${href}">More</a></p>`
}

const NOTHING: Readonly<Record<Show, string>> = {
  conflicts: 'No conflict is here.',
  gaps: 'No gap is here.',
  both: 'Nothing here differs or is lacking.',
}

function renderSummary(
  { agreements, names, rotten, uncompared = 0, replicas }: AuditSummary,
  rows: number,
  { show, after }: Pick<FoundOptions, 'show' | 'after'>,
): Html {
  const silent = replicas.filter(({ state }) => state === 'error')
  const same = agreements.unanimous ?? 0
  const counts = [
    `${toCounted(names, 'file', 'files')} compared`,
    `${toGrouped(same)} the same everywhere`,
    `${toGrouped(agreements.conflict ?? 0)} in conflict`,
    `${toGrouped(agreements.incomplete ?? 0)} lacking somewhere`,
    ...(uncompared > 0 ? [`${toGrouped(uncompared)} not compared`] : []),
    ...(rotten > 0 ? [toCounted(rotten, 'rotten copy', 'rotten copies')] : []),
  ]
  const isUnknown = silent.length > 0 || uncompared > 0
  const outcome = names === 0 && !isUnknown && after === '' ? 'No replica has a file here.' : NOTHING[show]
  return html`${rows > 0 ? '' : html`<p class="outcome">${outcome}</p>\n`}<p>${counts.join(', ')}.</p>
${renderEvidence(replicas)}${silent.map(({ id, detail }) => html`<p class="warning">${id} was left out: ${printable(detail ?? '')}. What it holds or lacks is not known.</p>\n`)}${renderPassed(replicas)}`
}

/** How the copies of each replica are known. */
function renderEvidence(replicas: AuditSummary['replicas']): Html {
  const known = replicas.filter(({ seen }) => seen.names > 0)
  return html`${toSeenTexts(known).map((text) => html`<p>How the copies are known, on ${text}.</p>\n`)}`
}

/** What each replica has that is not compared. */
function renderPassed(replicas: AuditSummary['replicas']): Html {
  const rows = replicas.flatMap(({ id, state, passed }) => {
    if (passed === undefined && state === 'ok') {
      return html`<p class="warning">${id} does not say which of its files it skips: its server is older than this one.</p>\n`
    }
    return (passed ?? []).map(
      (one) =>
        html`<p${mayBeFile(one.kind) ? html` class="warning"` : ''}>${id}: <bdi>${toPassedText(one, toGrouped)}</bdi>.</p>\n`,
    )
  })
  return html`${rows}`
}
