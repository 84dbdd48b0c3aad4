import type { Context } from 'hono'
import { answerText, createAnswer, toJson } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { isForeign } from '../../http/cross-site.ts'
import { createProblem } from '../../http/problems.ts'
import { toGnuLine } from '../../storage/lists/formats/gnu-lines.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import { toReplicaAgreement } from '../../wire/fields/fields.ts'
import { MAX_DIRECTORY_ROWS } from '../../wire/limits.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { DirectoryListing } from '../../wire/schemas/listings.ts'
import { escapeControls } from '../../wire/text.ts'
import { audit } from '../audit/audit.ts'
import type { CoordinatorContext } from '../context.ts'
import { parseRequire, toCount, toRequireRule } from '../parameters.ts'
import { choose } from '../read/accept.ts'
import { type Folder, readFolder } from './folder.ts'
import { renderIndex } from './index-page.ts'

const TYPES = ['text/html', 'application/json', 'text/plain'] as const

/**
 * `GET /files/{folder}/`: what any replica lists there, as HTML with relative links alone, as JSON, or as
 * names, by `Accept`; `MAX_DIRECTORY_ROWS` rows, and where to go on. Contents are not compared, but with
 * `?sums`, which answers with the list of SHA-256 of all files below. `required` replicas must list. Refused
 * to pages of other sites, because it is costly.
 */
export async function answerDirectory(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  { folder, required }: { readonly folder: string; readonly required: number },
): Promise<Response> {
  if (isForeign(c.req.raw))
    return createProblem('cross-site', 'open this server in the browser, and follow the link there')
  if (folder !== '' && parseName(folder.slice(0, -1)) === null)
    return createProblem('invalid-name', NAME_RULE)
  const { after = '', require: text, sums } = c.req.query()
  if (after !== '' && !after.startsWith(folder))
    return createProblem('invalid-parameter', `after takes a name in '${folder}', got '${after}'`)
  const require = text === undefined ? required : parseRequire(text, context.ids.length)
  if (require === null) return createProblem('invalid-parameter', toRequireRule(context.ids.length, text))
  const most = sums === undefined ? MAX_DIRECTORY_ROWS : 1
  const { signal } = c.req.raw
  const read = await readFolder(context, { folder, after, limit: most, isFull: true, signal })
  const refusal = refuseFolder(read, { folder, after, required: toCount(require, context.ids.length) })
  if (refusal !== null) return refusal
  if (sums !== undefined) return await answerSums(c, context, folder)
  const fields = { 'Cache-Control': 'no-store', Vary: 'Accept', ...toListedFields(read) }
  const type = choose(c.req.raw, TYPES) ?? 'text/html'
  return answerRows(type, folder, read, fields)
}

/** Why a folder is not shown; null when it is. `required` replicas must have listed it. */
export function refuseFolder(
  { rows, replicas }: Folder,
  { folder, after, required }: { readonly folder: string; readonly after: string; readonly required: number },
): Response | null {
  const silent = replicas.filter(({ state }) => state === 'error')
  const answered = countListed({ replicas })
  const reasons = silent.map(({ id, detail }) => `${id} (${detail})`).join(', ')
  if (answered < required) {
    const count = `${answered} of ${replicas.length} replicas listed their files`
    return createProblem('too-few-answers', `${count}; ${reasons}`)
  }
  if (rows.length > 0 || folder === '' || after !== '') return null
  return silent.length > 0
    ? createProblem(
        'existence-unknown',
        `cannot say: no list from ${reasons}; the others have no such folder`,
      )
    : createProblem('not-found', `no replica has files in '${escapeControls(folder)}'`)
}

/** How many replicas listed a folder. */
export function countListed({ replicas }: Pick<Folder, 'replicas'>): number {
  return replicas.filter(({ state }) => state === 'ok').length
}

/** A field that says how many replicas listed a folder; none when all did. */
export function toListedFields({ replicas }: Pick<Folder, 'replicas'>): Record<string, string> {
  const listed = countListed({ replicas })
  if (listed === replicas.length) return {}
  return { 'Replica-Agreement': toReplicaAgreement('degraded', listed, replicas.length) }
}

function answerRows(
  type: (typeof TYPES)[number],
  folder: string,
  read: Folder,
  fields: Readonly<Record<string, string>>,
): Response {
  if (type === 'application/json') return toJson(toListing(folder, read), fields)
  const text =
    type === 'text/plain'
      ? read.rows.map(({ name }) => `${escapeControls(name.slice(folder.length))}\n`).join('')
      : renderIndex(folder, read)
  const body = new TextEncoder().encode(text)
  const own = { 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': String(body.length) }
  return createAnswer(200, { ...fields, ...own, ...PAGE_FIELDS }, body)
}

/** Nothing of it is run, framed or loaded, and a link may lead to a download. */
const PAGE_FIELDS = {
  'Content-Security-Policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}

function toListing(folder: string, { rows, next, replicas }: Folder): DirectoryListing {
  const entries = rows.map(({ name, copies }) => {
    const own = name.slice(folder.length)
    return copies === null
      ? { name: own, type: 'directory' as const }
      : { name: own, type: 'file' as const, copies }
  })
  return { folder, entries, next, replicas }
}

/**
 * The list of SHA-256 of all files below a folder, as sha256sum writes it, with names relative to it. It
 * breaks off, without a clean end, at a file whose copies differ, or last, when one cannot be compared.
 */
async function answerSums(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  folder: string,
): Promise<Response> {
  const { trace } = c.var
  const request = { prefix: folder, all: true, maxAge: null, match: [], exclude: [] }
  const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  return await context.limits.audits.run(() =>
    answerText(fields, async (write, signal) => {
      await audit(request, {
        ...{ ...context, trace, signal },
        async writeLine(line) {
          if ('summary' in line && !isComplete(line.summary))
            throw new Error('the list is not complete: not every file of every replica was compared')
          if (!('name' in line)) return
          const [version] = line.versions
          if (version === undefined || line.versions.length > 1 || line.agreement === 'degraded')
            throw new Error('the list has no line for a file that does not agree')
          await write(toGnuLine(line.name.slice(folder.length), version.digest))
        },
      })
    }),
  )
}

/** Whether every file of every replica was compared. */
function isComplete({ uncompared, replicas }: AuditSummary): boolean {
  return uncompared === 0 && replicas.every(({ state, passed }) => state === 'ok' && passed !== undefined)
}
