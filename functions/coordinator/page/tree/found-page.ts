import type { Context } from 'hono'
import { html } from 'hono/html'
import { withBlankLines } from '../../../bytes/heartbeat.ts'
import type { WriteText } from '../../../bytes/line-writer.ts'
import { answerText, createAnswer } from '../../../http/answer.ts'
import type { AppEnv } from '../../../http/app.ts'
import { PAGE_ROWS } from '../../../wire/limits.ts'
import { mayBeFile, toPassedText } from '../../../wire/passed.ts'
import type { AuditSummary } from '../../../wire/schemas/audit.ts'
import type { Manifest } from '../../../wire/schemas/manifest.ts'
import { escapeControls, formatCount, formatNumber } from '../../../wire/text.ts'
import { toSeenTexts } from '../../../wire/words/evidence.ts'
import { toUnverifiedText } from '../../../wire/words/finding.ts'
import { audit } from '../../audit/audit.ts'
import { auditObserved } from '../../audit/audit-answer.ts'
import type { AuditContext } from '../../audit/audit-request.ts'
import type { CoordinatorContext } from '../../context.ts'
import { renderLeftOut } from '../known.ts'
import { beginPage, END, type Head, type Html } from '../layout.ts'
import { renderHolders, renderLink, renderMark, toTreeHref } from '../parts.ts'

/** Which files to show of those that are not the same everywhere. */
export type Show = 'conflicts' | 'gaps' | 'both'

interface FoundOptions {
  /** Empty, or ending with a slash. */
  readonly folder: string
  readonly after: string
  readonly show: Show
  readonly deep?: boolean | undefined
  readonly head: Head
  /** Comes before the files. */
  readonly before: Html
}

/**
 * Sends the files below a folder that an audit finds not to be the same everywhere: `PAGE_ROWS`, and a link
 * to more. With a ledger the audit is recorded, and whole, so that the ledger has the others; without one it
 * ends there.
 */
export async function answerFound(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  options: FoundOptions,
): Promise<Response> {
  const { fields, text } = beginPage(options.head)
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  const { trace } = c.var
  return await context.limits.audits.run(() =>
    answerText(fields, (write, signal) =>
      writeFound(options, html`${text}${options.before}`, write, { ...context, trace, signal }),
    ),
  )
}

/** Ends an audit that has found enough. */
class Enough extends Error {}

async function writeFound(
  options: FoundOptions,
  before: Html,
  write: WriteText,
  context: Omit<AuditContext, 'writeLine'> & CoordinatorContext,
): Promise<void> {
  const { folder, after, show, deep = false } = options
  let summary: AuditSummary | undefined
  let rows = 0
  let last = ''
  let isMore = false
  await write(String(before))
  const request = { prefix: folder, after, maxAge: deep ? 0 : null, match: [], exclude: [], all: false }
  const writeLine: AuditContext['writeLine'] = withBlankLines(write, async (line) => {
    if ('summary' in line) summary = line.summary
    else if (isShown(line, show)) await writeRow(line)
  })

  async function writeRow(line: Manifest): Promise<void> {
    if (rows === PAGE_ROWS) {
      isMore = true
      if (context.ledger !== undefined) return
      throw new Enough()
    }
    await write(`${rows++ === 0 ? TABLE : ''}${renderRow(line, folder)}`)
    last = line.name
  }

  const run = context.ledger === undefined ? audit : auditObserved
  await run(request, { ...context, writeLine }).catch((error) => {
    if (!(error instanceof Enough)) throw error
  })
  if (rows > 0) await write('</tbody>\n</table>\n')
  const again = context.ledger === undefined ? { deep, run: true } : {}
  const more = isMore ? renderMore(toFoundHref({ folder, show, after: last, ...again })) : ''
  const end = summary === undefined ? '' : renderSummary(summary, rows, options)
  const gaps = context.isWritable && after === '' ? (summary?.agreements.incomplete ?? 0) : 0
  await write(`${more}${end}${renderCopyAll(folder, gaps)}${END}`)
}

/** Corrupt and rotten copies count as conflicts: they differ from what they were. */
export function isShown({ agreement, replicas }: Manifest, show: Show): boolean {
  if (show === 'both') return true
  const isWrong = replicas.some(({ state, rottedFrom }) => state === 'corrupt' || rottedFrom !== undefined)
  if (show === 'conflicts') return agreement === 'conflict' || isWrong
  return agreement === 'incomplete' || agreement === 'degraded' || agreement === 'unknown'
}

export const TABLE = html`<table>
<caption>Files that are not the same everywhere</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Agreement</th><th scope="col">Held by</th></tr></thead>
<tbody>
`

/** A row of `TABLE`; `rest` follows the agreement. */
export function renderRow(manifest: Manifest, folder: string, rest: Html | '' = ''): Html {
  const { name, agreement } = manifest
  return html`<tr><th scope="row">${renderLink(name, name.slice(folder.length))}</th><td>${renderMark(agreement)}${rest}</td><td>${renderHolders(manifest)}</td></tr>\n`
}

export function renderMore(href: string): Html {
  return html`<p>There are more files. <a href="${href}">More</a></p>\n`
}

/**
 * The page of what is not the same in a folder: with `run` by a new audit, otherwise as the ledger has it.
 */
export function toFoundHref({
  folder,
  show,
  after,
  deep = false,
  run = false,
}: Pick<FoundOptions, 'folder' | 'show' | 'after' | 'deep'> & { readonly run?: boolean }): string {
  if (show !== 'both') return toTreeHref({ in: folder, show, after })
  const query = new URLSearchParams({
    in: folder,
    after,
    ...(deep && { deep: 'true' }),
    ...(run && { run: 'yes' }),
  })
  return `/check?${query}`
}

/**
 * A link to the plan that copies what is missing in a folder; nothing for no file. `count` is null when
 * unknown.
 */
export function renderCopyAll(folder: string, count: number | null): Html {
  if (count === 0) return html``
  const words =
    count === null ? 'Copy all that is missing' : count === 1 ? 'Copy it' : `Copy all ${formatNumber(count)}`
  return html`<p><a class="button" href="/copy?${new URLSearchParams({ in: folder })}">${words} &hellip;</a></p>\n`
}

const NOTHING: Readonly<Record<Show, string>> = {
  conflicts: 'There is no conflict here.',
  gaps: 'No file is missing on a replica here.',
  both: 'No file here differs or is missing on a replica.',
}

function renderSummary(
  { agreements, names, rotten, uncompared = 0, exclude = [], replicas }: AuditSummary,
  rows: number,
  { show, after }: Pick<FoundOptions, 'show' | 'after'>,
): Html {
  const silent = replicas.filter(({ state }) => state === 'error')
  const same = agreements.unanimous ?? 0
  const counts = [
    `${formatCount(names, 'file', 'files')} compared`,
    `${formatNumber(same)} the same everywhere`,
    `${formatNumber(agreements.conflict ?? 0)} in conflict`,
    `${formatNumber(agreements.incomplete ?? 0)} missing on some replica`,
    ...(uncompared > 0 ? [`${formatNumber(uncompared)} not compared`] : []),
    ...(rotten > 0 ? [formatCount(rotten, 'rotten copy', 'rotten copies')] : []),
  ]
  const isUnknown = silent.length > 0 || uncompared > 0
  const outcome = names === 0 && !isUnknown && after === '' ? 'No replica has a file here.' : NOTHING[show]
  return html`${rows > 0 ? '' : html`<p class="outcome">${outcome}</p>\n`}<p>${counts.join(', ')}.</p>
${renderExclude(exclude)}${renderEvidence(replicas)}${renderLeftOut(replicas, '')}${renderPassed(replicas)}`
}

/** What limits that a check has found nothing: which names, replicas and entries were left out. */
export function renderLimits({ exclude = [], unverified, replicas }: AuditSummary): Html {
  const left =
    unverified === undefined
      ? renderLeftOut(replicas, ' of that check')
      : html`<p class="warning"><bdi>${escapeControls(toUnverifiedText(unverified))}</bdi>.</p>\n`
  return html`${renderExclude(exclude)}${left}${renderPassed(replicas)}`
}

function renderExclude(exclude: readonly string[]): Html {
  if (exclude.length === 0) return html``
  return html`<p>Not compared, since the coordinator excludes it: <bdi>${escapeControls(exclude.join(', '))}</bdi>.</p>\n`
}

function renderEvidence(replicas: AuditSummary['replicas']): Html {
  const known = replicas.filter(({ seen }) => seen.names > 0)
  return html`${toSeenTexts(known).map((text) => html`<p>How the copies are known, on ${text}.</p>\n`)}`
}

function renderPassed(replicas: AuditSummary['replicas']): Html {
  const rows = replicas.flatMap(({ id, state, passed }) => {
    if (passed === undefined && state === 'ok') {
      return html`<p class="warning">${id} does not report the files that it skips: its server is older than this one.</p>\n`
    }
    return (passed ?? []).map(
      (one) =>
        html`<p${mayBeFile(one.kind) ? html` class="warning"` : ''}>${id}: <bdi>${toPassedText(one, formatNumber)}</bdi>.</p>\n`,
    )
  })
  return html`${rows}`
}
