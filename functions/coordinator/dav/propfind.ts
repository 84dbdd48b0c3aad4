import type { Context } from 'hono'
import { toStream } from '../../bytes/chunks.ts'
import { streamText, type WriteText } from '../../bytes/line-writer.ts'
import { createAnswer } from '../../http/answer.ts'
import { type AppEnv, toCaller } from '../../http/app.ts'
import { createProblem } from '../../http/problems.ts'
import { readBodyText } from '../../http/request-body.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import { parseNamedPath } from '../../wire/fields/routes.ts'
import { createTurns, withTimeout } from '../../wire/limit.ts'
import { FOLDER_TURN_MS, MAX_COMPARED_ROWS, MAX_LISTING_PAGE, MAX_PROPFIND_BYTES } from '../../wire/limits.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import { gather } from '../ask/gather.ts'
import type { AskOptions } from '../ask/member.ts'
import { type Comparison, compare } from '../compare/compare.ts'
import { toFields, toManifest } from '../compare/report.ts'
import type { CoordinatorContext } from '../context.ts'
import { countListed, refuseFolder, toListedFields } from '../directory/directory.ts'
import { type Folder, type Row, readFolder } from '../directory/folder.ts'
import { readManifests } from '../directory/manifests.ts'
import { parseRequire, toCount, toRequireRule } from '../parameters.ts'
import { choose } from '../read/deliver.ts'
import { createBesides, findBeside } from './beside.ts'
import { toCopies, toEntries, toFile } from './entries.ts'
import { BASE, CLOSING, type Entry, OPENING, toResponse } from './multistatus.ts'
import { parseWanted, type Wanted } from './wanted.ts'

/** Rows of a page: one listing has them, and one more by which there are others. */
const ROWS = MAX_LISTING_PAGE - 1

/** What a request for properties asks for. */
interface Question {
  readonly wanted: Wanted
  /** Whether it asks for what a folder contains too. */
  readonly isDeep: boolean
  /** How many replicas must answer. */
  readonly required: number
  readonly caller: AskOptions
}

/**
 * `PROPFIND /dav/{name}` with `Depth: 0` or `1` (RFC 4918 §9.1): the properties of a file, compared, or of a
 * folder and of what any replica lists there. Files are compared page by page; what takes too long is shown
 * as it is listed, without an ETag. The answer to a folder breaks off when a replica that has listed its
 * first names does not list the rest.
 */
export async function answerPropfind(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  required: number,
): Promise<Response> {
  const path = c.req.path === BASE.slice(0, -1) ? '' : parseNamedPath(BASE, c.req.url)
  const isFolder = path === '' || path?.endsWith('/') === true
  if (path === null || (path !== '' && parseName(isFolder ? path.slice(0, -1) : path) === null))
    return createProblem('invalid-name', NAME_RULE)
  const depth = c.req.header('Depth') ?? 'infinity'
  if (depth === 'infinity') return refuseDepth()
  if (depth !== '0' && depth !== '1')
    return createProblem('invalid-parameter', `Depth takes 0 or 1, got '${depth}'`)
  const { require: text } = c.req.query()
  const require = text === undefined ? required : parseRequire(text, context.ids.length)
  if (require === null) return createProblem('invalid-parameter', toRequireRule(context.ids.length, text))
  const body = await readBodyText(c, MAX_PROPFIND_BYTES)
  if (body instanceof Response) return body
  const wanted = parseWanted(body)
  if (wanted === null)
    return createProblem('invalid-body', 'this resource takes a propfind of RFC 4918 §9.1, or no body')
  const enough = toCount(require, context.ids.length)
  const question = { wanted, isDeep: depth === '1', required: enough, caller: toCaller(c) }
  return isFolder ? await answerFolder(context, path, question) : await answerName(context, path, question)
}

/** The precondition of RFC 4918 §9.1 by which a server refuses to list whole trees. */
function refuseDepth(): Response {
  const body =
    '<?xml version="1.0" encoding="utf-8"?>\n<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>\n'
  const bytes = new TextEncoder().encode(body)
  const fields = { ...XML, 'Content-Length': String(bytes.length) }
  return createAnswer(403, fields, bytes)
}

const XML = { 'Content-Type': 'application/xml; charset=utf-8', 'Cache-Control': 'no-store' }

/** Answers for a file, for a copy beside a conflict, or for a folder without the slash at its end. */
async function answerName(context: CoordinatorContext, name: string, question: Question): Promise<Response> {
  const { members, corruptCopies } = context
  const { caller, required } = question
  const comparison = compare(await gather({ ...caller, members, corruptCopies, name }))
  if (comparison.versions.length > 0 && comparison.answered >= required)
    return answerFile(
      toFile(name, toManifest(name, comparison).versions.map(toCopies)).entry,
      comparison,
      question,
    )
  const beside = comparison.agreement === 'absent' ? await findBeside(context, name, caller) : null
  if (beside !== null) return answerBeside(name, beside, question)
  const answer = choose({ ...context, ...caller, name, required }, comparison)
  if (comparison.versions.length > 0 && answer instanceof Response) return answer
  const folder = await answerFolder(context, `${name}/`, question)
  return folder.status === 207 || !(answer instanceof Response) ? folder : answer
}

function answerFile(entry: Entry, comparison: Comparison, question: Question): Response {
  return answerEntries(toFields(comparison), (write) => write(toResponse(entry, question.wanted)))
}

function answerBeside(
  name: string,
  { id, comparison, ...of }: { readonly name: string; readonly id: string; readonly comparison: Comparison },
  question: Question,
): Response {
  const { beside } = toFile(of.name, toManifest(of.name, comparison).versions.map(toCopies))
  const entry = beside.find((one) => one.name === name)
  if (entry === undefined) return createProblem('not-found', `${id} does not hold the file`)
  return answerFile(entry, comparison, question)
}

async function answerFolder(
  context: CoordinatorContext,
  folder: string,
  question: Question,
): Promise<Response> {
  const { caller, isDeep, required, wanted } = question
  const limit = isDeep ? ROWS : 1
  const first = await readFolder(context, {
    ...{ folder, after: '', limit, isFull: true },
    signal: caller.getSignal?.(),
  })
  const refusal = refuseFolder(first, { folder, after: '', required })
  if (refusal !== null) return refusal
  return answerEntries(toListedFields(first), async (write, signal) => {
    await write(toResponse({ name: folder }, wanted))
    if (isDeep) await writeContents(context, { folder, first, question, write, signal })
  })
}

/** What the contents of a folder are written with. */
interface Writing {
  readonly folder: string
  readonly first: Folder
  readonly question: Question
  readonly write: WriteText
  readonly signal: AbortSignal
}

async function writeContents(
  context: CoordinatorContext,
  { folder, first, question, write, signal }: Writing,
): Promise<void> {
  const listed = countListed(first)
  const caller = { ...question.caller, getSignal: () => signal }
  const besides = createBesides()
  const turns = createTurns()
  const writeAll = async (entries: readonly Entry[]) => {
    for (const entry of entries) {
      await write(toResponse(entry, question.wanted))
      // A fast reader would leave no time to other requests.
      const turn = turns()
      if (turn !== undefined) await turn
    }
  }
  let isQuick = true
  const writeRows = async (rows: readonly Row[]) => {
    const manifests: ReadonlyMap<string, Manifest> = isQuick
      ? await compareInTurn(context, rows, caller)
      : new Map()
    // Files that are still being hashed would be asked for in each group: the rest is shown as it is listed.
    isQuick = manifests.size === rows.filter(({ copies }) => copies !== null).length
    for (const row of rows) {
      const { entry, beside } = toEntries(row, manifests.get(row.name))
      await writeAll([...besides.take(row.name), entry])
      // A silent replica may have a file of such a name.
      if (listed === context.ids.length) for (const one of beside) besides.add(one)
    }
  }
  for (let page: Folder = first; ; ) {
    for (let at = 0; at < page.rows.length; at += MAX_COMPARED_ROWS)
      await writeRows(page.rows.slice(at, at + MAX_COMPARED_ROWS))
    if (page.next === null) break
    page = await readFolder(context, {
      ...{ folder, after: page.next, limit: ROWS, isFull: true, signal },
    })
    if (countListed(page) < listed)
      throw new Error('a replica that listed the first names did not list the rest')
  }
  await writeAll(besides.take(null))
}

/** Compares rows once few others are compared; a slow replica makes these wait for `FOLDER_TURN_MS`. */
async function compareInTurn(context: CoordinatorContext, rows: readonly Row[], caller: AskOptions) {
  const { manifests } = await context.folderTurns.run(async () => {
    const manifests = readManifests(context, rows, caller)
    await withTimeout(FOLDER_TURN_MS, manifests)
    // Not the promise itself, for which the turn would wait.
    return { manifests }
  })
  return await manifests
}

/** Answers 207 with the responses that `work` writes, as they are written. */
function answerEntries(
  fields: Readonly<Record<string, string>>,
  work: (write: WriteText, signal: AbortSignal) => Promise<void>,
): Response {
  const text = streamText(async (write, signal) => {
    await write(OPENING)
    await work(write, signal)
    await write(CLOSING)
  })
  return createAnswer(207, { ...fields, ...XML }, toStream(text))
}
