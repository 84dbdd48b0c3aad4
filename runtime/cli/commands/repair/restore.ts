import * as v from 'valibot'
import { compareNames } from '../../../../functions/storage/names.ts'
import type { Digest } from '../../../../functions/wire/digest.ts'
import { parseEtag } from '../../../../functions/wire/fields/fields.ts'
import { toFilePath } from '../../../../functions/wire/fields/routes.ts'
import { boundedArray } from '../../../../functions/wire/json/parse.ts'
import { MAX_REPLICAS } from '../../../../functions/wire/limits.ts'
import { type KeptListing, keptListing, restored } from '../../../../functions/wire/schemas/replica.ts'
import { replicaId } from '../../../../functions/wire/schemas/values.ts'
import { escapeControls, formatSize } from '../../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../../hosting/io.ts'
import { UserError } from '../../../node/user-error.ts'
import {
  type CoordinatorClient,
  NotACoordinator,
  readAnswer,
  readProblem,
  toUserError,
} from '../../client/coordinator-client.ts'
import { requireName, requireWritable, withSource } from '../../client/source.ts'
import type { Command } from '../../options/command.ts'
import { type Options, readOptions } from '../../options/declaration.ts'
import { RESTORE } from '../../options/differences.ts'
import { sayUnkept } from '../../terminal/get-report.ts'
import { toLocalTime } from '../../terminal/times.ts'

export const restore: Command = {
  async run(given, io) {
    const options = readOptions(RESTORE, given)
    const name = given.operand === undefined ? undefined : requireName(given.operand, 'restore')
    requireTarget(options, name)
    const { on, digest = '', json } = options
    return await withSource(options, io, {}, async ({ ask }) => {
      if (name === undefined || on === undefined) return await list(ask, name, json, io)
      const ids = await readIds(ask)
      if (!ids.includes(on)) throw new UserError(`--on names no replica '${on}'; there is: ${ids.join(', ')}`)
      return await putBack({ ask, name, on, prefix: digest }, json, io)
    })
  },
}

/** Throws a UserError when the flags do not go together. */
function requireTarget(options: Options<typeof RESTORE>, name: string | undefined): void {
  const { on, digest = '', writable } = options
  if (on === undefined) {
    if (digest !== '') throw new UserError('--digest needs --on, the replica to put it back on')
    if (writable) throw new UserError('--writable needs --on: without it nothing is written')
    return
  }
  if (name === undefined) throw new UserError('--on needs NAME too, the file to put back')
  requireWritable(options, 'restore on --replica writes to it')
}

/** Prints what every replica keeps. A replica that does not answer is reported, and the exit status is 2. */
async function list(
  ask: CoordinatorClient,
  name: string | undefined,
  isJson: boolean,
  io: Io,
): Promise<number> {
  const ids = await readIds(ask)
  const width = Math.max(...ids.map(({ length }) => length))
  let [listed, status] = [0, 0]
  for (const id of ids) {
    const toText = (entry: KeptEntry) =>
      isJson ? toJsonLine({ replica: id, ...entry }) : toRow(id.padEnd(width), entry)
    try {
      for await (const entries of readKept(ask, id, name)) {
        listed += entries.length
        if (entries.length > 0) await writeOut(io, entries.map(toText).join(''))
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      say(io, `warning: ${id} did not list its kept contents: ${error.message}`)
      status = 2
    }
  }
  if (listed === 0)
    say(io, name === undefined ? 'no replaced contents are kept' : `${name}: no replaced contents are kept`)
  return status
}

function toRow(id: string, { name, digest, size, kept }: KeptEntry): string {
  return `${id}  ${toWhen(kept)}  ${formatSize(size).padStart(9)}  ${toShort(digest)}  ${escapeControls(name)}\n`
}

/** As wide when the time is unknown. */
function toWhen(kept: string | null): string {
  return (kept === null ? '-' : toLocalTime(kept)).padEnd(26)
}

function toShort(digest: Digest): string {
  return digest.slice(0, 12)
}

interface RestoreTask {
  readonly ask: CoordinatorClient
  readonly name: string
  readonly on: string
  readonly prefix: string
}

async function putBack(task: RestoreTask, isJson: boolean, io: Io): Promise<number> {
  const { ask, name, on } = task
  const { digest } = await findKept(task)
  const replaces = await readCurrent(task)
  const response = await ask('/restore', { json: JSON.stringify({ replica: on, name, digest, replaces }) })
  if (response.status !== 200) {
    const problem = await readProblem(response)
    if (!CHANGED.includes(problem.type)) throw toUserError(problem, name)
    say(io, `${name}: skipped: the copy on ${on} changed in the meantime`)
    return 1
  }
  const { size, unkept } = await readAnswer(response, restored)
  say(io, `${name}: put ${toShort(digest)} (${formatSize(size)}) back on ${on}`)
  sayUnkept(io, name, unkept ?? [])
  if (replaces !== null && replaces !== digest)
    say(io, `${name}: ${toShort(replaces)}, which it replaced, is kept`)
  if (isJson) await writeOut(io, toJsonLine({ replica: on, name, digest, size, replaced: replaces, unkept }))
  return 0
}

/** The only kept content whose digest begins with the prefix; throws a UserError for none or several. */
async function findKept({ ask, name, on, prefix }: RestoreTask): Promise<KeptEntry> {
  const found: KeptEntry[] = []
  for await (const entries of readKept(ask, on, name)) {
    found.push(...entries.filter(({ digest }) => digest.startsWith(prefix)))
  }
  const [only, ...others] = found
  if (only === undefined) {
    const which = prefix === '' ? 'no content' : `no content whose digest begins with ${prefix},`
    throw new UserError(`${on} keeps ${which} of ${name}; 'vouch restore' lists what is kept`, 'not-kept')
  }
  if (others.length === 0) return only
  const list = found.slice(0, MAX_CHOICES).map(toChoice).join(', ')
  const more = found.length > MAX_CHOICES ? ' and more' : ''
  throw new UserError(
    `${on} keeps ${found.length} contents of ${name}; choose one with --digest: ${list}${more}`,
  )
}

/** Contents listed in an error: more would be hard to read in one line. */
const MAX_CHOICES = 10

function toChoice({ digest, size, kept }: KeptEntry): string {
  return `${toShort(digest)} (${formatSize(size)}${kept === null ? '' : `, ${toWhen(kept)}`})`
}

/** What the replica holds; null for nothing. `If-None-Match: *` omits the content (RFC 9110 §13.1.2). */
async function readCurrent({ ask, name, on }: RestoreTask): Promise<Digest | null> {
  const response = await ask(`${toFilePath(name)}?replica=${encodeURIComponent(on)}`, {
    fields: { 'If-None-Match': '*' },
  })
  const digest = parseEtag(response.headers.get('ETag') ?? '')
  if (response.status === 304 && digest !== null) return digest
  const problem = await readProblem(response)
  if (response.status === 404 && problem.type === 'not-found') return null
  throw toUserError(problem, name)
}

/** The problem types of a copy that has changed. */
const CHANGED: readonly string[] = ['precondition-failed', 'changed-while-reading']

/** A replaced content that a replica keeps. */
type KeptEntry = KeptListing['entries'][number]

/** The part of the response that is used here. */
const replicas = v.object({ replicas: boundedArray(v.object({ id: replicaId }), MAX_REPLICAS) })

/** The ids of the coordinator's replicas, in order. */
async function readIds(ask: CoordinatorClient): Promise<string[]> {
  const answer = await readAnswer(await ask('/replicas'), replicas)
  return answer.replicas.map(({ id }) => id)
}

/** What a replica keeps of one name or of all, page by page; throws a UserError when it does not answer. */
async function* readKept(
  ask: CoordinatorClient,
  replica: string,
  name: string | undefined,
): AsyncGenerator<readonly KeptEntry[]> {
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({
      replica,
      ...(name !== undefined && { name }),
      ...(after && { after }),
    })
    const page: KeptListing = await readAnswer(await ask(`/kept?${query}`), keptListing)
    yield page.entries
    if (page.next !== null && compareNames(page.next, after) <= 0)
      throw new NotACoordinator(`${replica} lists its kept contents without an end`)
    after = page.next
  }
}
