import { NAME_RULE, parseName } from '../../functions/storage/names.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { parseEtag } from '../../functions/wire/fields.ts'
import { printable } from '../../functions/wire/printable.ts'
import { toFilePath } from '../../functions/wire/routes.ts'
import { restored } from '../../functions/wire/schemas.ts'
import { type Flags, parseSourceFlags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'
import { type Ask, readProblem, toLine } from './ask.ts'
import type { Command } from './command.ts'
import { type Io, say, toJsonLine, writeOut } from './io.ts'
import { type KeptEntry, readAnswer, readIds, readKept } from './kept.ts'
import { toSize } from './progress.ts'
import { openSource } from './source.ts'
import { sayUnkept } from './talk.ts'
import { toLocalTime } from './times.ts'

/** `vouch restore`: contents that were replaced. */
export const restore: Command = {
  async run(flags, [text], io) {
    const name = requireOperand(text)
    const { on, digest } = requireTarget(flags, name)
    const { ask, close } = await openSource(flags, io)
    try {
      if (name === undefined || on === undefined) return await list(ask, name, flags, io)
      return await putBack({ ask, name, on, prefix: digest }, flags, io)
    } finally {
      await close()
    }
  },
}

function requireOperand(text: string | undefined): string | undefined {
  if (text === undefined || parseName(text) !== null) return text
  throw new Refusal(`'${text}' is no name of a file: ${NAME_RULE}`)
}

/** Which replica is to be written to, if any; throws a Refusal when the flags do not go together. */
function requireTarget(flags: Flags, name: string | undefined): { on: string | undefined; digest: string } {
  const { on, digest = '' } = flags
  const isOwn = 'replicas' in parseSourceFlags(flags)
  if (typeof digest !== 'string' || !/^[0-9a-f]{0,64}$/.test(digest)) {
    throw new Refusal(`--digest takes up to 64 hexadecimal digits in lower case, got '${digest}'`)
  }
  if (typeof on !== 'string') {
    if (digest !== '') throw new Refusal('--digest goes with --on, the replica to put it back on')
    if (flags['writable']) throw new Refusal('--writable goes with --on: nothing is written without')
    return { on: undefined, digest }
  }
  if (name === undefined) throw new Refusal('--on takes NAME too, the file to put back')
  if (isOwn && !flags['writable'])
    throw new Refusal('restore on --replica writes to it: add --writable if that is meant')
  if (!isOwn && flags['writable'])
    throw new Refusal('--writable goes with --replica: a coordinator is writable by its own flag')
  return { on, digest }
}

/** Prints what every replica keeps; one that does not say is told, and makes the exit status 2. */
async function list(ask: Ask, name: string | undefined, flags: Flags, io: Io): Promise<number> {
  const ids = await readIds(ask)
  const width = Math.max(...ids.map(({ length }) => length))
  let [listed, status] = [0, 0]
  for (const id of ids) {
    const toText = (entry: KeptEntry) =>
      flags['json'] ? toJsonLine({ replica: id, ...entry }) : toRow(id.padEnd(width), entry)
    try {
      for await (const entries of readKept(ask, id, name)) {
        listed += entries.length
        if (entries.length > 0) await writeOut(io, entries.map(toText).join(''))
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      say(io, `warning: ${id} does not say what it keeps: ${error.message}`)
      status = 2
    }
  }
  if (listed === 0) say(io, name === undefined ? 'nothing is kept' : `${name}: nothing is kept`)
  return status
}

function toRow(id: string, { name, digest, size, kept }: KeptEntry): string {
  return `${id}  ${toWhen(kept)}  ${toSize(size).padStart(9)}  ${toShort(digest)}  ${printable(name)}\n`
}

/** As wide where the time is unknown. */
function toWhen(kept: string | null): string {
  return (kept === null ? '-' : toLocalTime(kept)).padEnd(26)
}

function toShort(digest: Digest): string {
  return digest.slice(0, 12)
}

interface Errand {
  readonly ask: Ask
  readonly name: string
  readonly on: string
  readonly prefix: string
}

async function putBack(errand: Errand, flags: Flags, io: Io): Promise<number> {
  const { ask, name, on } = errand
  const { digest } = await findKept(errand)
  const replaces = await readCurrent(errand)
  const response = await ask('/restore', { json: JSON.stringify({ replica: on, name, digest, replaces }) })
  if (response.status !== 200) return await tellRefused(response, errand, io)
  const { size, unkept } = await readAnswer(response, restored)
  say(io, `${name}: put ${toShort(digest)} (${toSize(size)}) back on ${on}`)
  sayUnkept(io, name, unkept ?? [])
  const isKept = replaces !== null && replaces !== digest
  if (isKept) say(io, `${name}: ${toShort(replaces)}, which it replaced, is kept`)
  if (flags['json'])
    await writeOut(io, toJsonLine({ replica: on, name, digest, size, replaced: replaces, unkept }))
  return 0
}

/** The one content that is meant. */
async function findKept({ ask, name, on, prefix }: Errand): Promise<KeptEntry> {
  const found: KeptEntry[] = []
  for await (const entries of readKept(ask, on, name)) {
    found.push(...entries.filter(({ digest }) => digest.startsWith(prefix)))
  }
  const [only, ...others] = found
  if (only === undefined) {
    const which = prefix === '' ? 'no content' : `no content whose digest begins with ${prefix},`
    throw new Refusal(`${on} keeps ${which} of ${name}; 'vouch restore' lists what is kept`)
  }
  if (others.length === 0) return only
  const list = found.slice(0, MAX_CHOICES).map(toChoice).join(', ')
  const more = found.length > MAX_CHOICES ? ' and more' : ''
  throw new Refusal(
    `${on} keeps ${found.length} contents of ${name}, say which with --digest: ${list}${more}`,
  )
}

/** Contents that a refusal lists: what still can be read in one line. */
const MAX_CHOICES = 10

function toChoice({ digest, size, kept }: KeptEntry): string {
  return `${toShort(digest)} (${toSize(size)}${kept === null ? '' : `, ${toWhen(kept)}`})`
}

/** What the replica holds now; null for nothing. `If-None-Match: *` has it told and not sent (RFC 9110 §13.1.2). */
async function readCurrent({ ask, name, on }: Errand): Promise<Digest | null> {
  const response = await ask(`${toFilePath(name)}?replica=${encodeURIComponent(on)}`, {
    fields: {
      'If-None-Match': '*',
    },
  })
  const digest = parseEtag(response.headers.get('ETag') ?? '')
  if (response.status === 304 && digest !== null) return digest
  const problem = await readProblem(response)
  if (response.status === 404 && problem.type === 'not-found') return null
  throw new Refusal(`${name}: ${toLine(problem)}`)
}

/** Types of problems which say that the copy is no longer what it was. */
const CHANGED: readonly string[] = ['precondition-failed', 'changed-while-reading']

async function tellRefused(response: Response, { name, on }: Errand, io: Io): Promise<number> {
  const problem = await readProblem(response)
  if (!CHANGED.includes(problem.type)) throw new Refusal(`${name}: ${toLine(problem)}`)
  say(io, `${name}: skipped: the copy on ${on} changed meanwhile`)
  return 1
}
