import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Require } from '../../../functions/coordinator/parameters.ts'
import { compareNames, NAME_RULE, parseName } from '../../../functions/storage/names.ts'
import { createSelect } from '../../../functions/storage/survey/globs.ts'
import { toFilePath } from '../../../functions/wire/fields/routes.ts'
import { addPassed, mayBeFile, type Passed, toPassedText } from '../../../functions/wire/passed.ts'
import {
  type DirectoryListing,
  directoryListing,
  type MergedListing,
  mergedListing,
} from '../../../functions/wire/schemas/listings.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { type Io, say } from '../../hosting/io.ts'
import { toReason } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import { MAX_FOLDER_BYTES } from '../limits.ts'
import { type CoordinatorClient, NotACoordinator, readAnswer } from './coordinator-client.ts'

/**
 * The names in a file, one a line, or on standard input for `-`. Throws a UserError that names a bad line.
 */
export async function readNames(path: string, io: Io): Promise<string[]> {
  const bytes = await readBytes(path, io)
  const where = path === '-' ? 'standard input' : path
  if (!isUtf8(bytes)) throw new UserError(`${where}, line ${findLine(bytes)}: it is not UTF-8`)
  const names: string[] = []
  for (const [i, text] of bytes.toString().replace(BYTE_ORDER_MARK, '').split('\n').entries()) {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text
    if (line.trim() === '') continue
    if (parseName(line) === null)
      throw new UserError(
        `${where}, line ${formatNumber(i + 1)}: '${line}' is not a valid name of a file: ${NAME_RULE}`,
      )
    names.push(line)
  }
  if (names.length === 0)
    throw new UserError(`${where} has no names; --files-from takes the names of files, one a line`)
  return names
}

const BYTE_ORDER_MARK = /^\ufeff/

async function readBytes(path: string, io: Io): Promise<Buffer> {
  const { cwd, signal } = io
  try {
    // Node makes the stream of standard input when it is asked for.
    if (path === '-') return await buffer(signal ? addAbortSignal(signal, io.stdin) : io.stdin)
    const file = resolve(cwd, path)
    // A pipe may have to be waited for.
    return statSync(file).isFile() ? readFileSync(file) : await readFile(file)
  } catch (error) {
    signal?.throwIfAborted()
    throw new UserError(`cannot read ${path}: ${toReason(error)}; --files-from takes a file with names`, 'io')
  }
}

/** The number of the first line that is not UTF-8. */
function findLine(bytes: Buffer): string {
  const lines = bytes.toString('latin1').split('\n')
  return formatNumber(lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1)
}

/** Names of files below a folder. */
export interface Found {
  readonly names: readonly string[]
  /** The size of the first copy of each, together, in bytes. */
  readonly bytes: number
  /** Whether some replica sent no listing, so that names may be missing. */
  readonly isPartial: boolean
  /** Whether there are files whose names are not valid. */
  readonly hasInvalid: boolean
}

/**
 * The names below `prefix` that any replica lists and the globs select. Warns about those it may not have.
 */
export async function listNames(
  ask: CoordinatorClient,
  prefix: string,
  globs: { readonly match: readonly string[]; readonly exclude: readonly string[] },
  io: Io,
): Promise<Found> {
  const select = createSelect({ match: [...globs.match], exclude: [...globs.exclude] })
  const names: string[] = []
  const notes = createNotes()
  let bytes = 0
  for await (const page of readListing(ask, prefix)) {
    for (const { name, copies } of page.entries) {
      if (!select(name)) continue
      names.push(name)
      bytes += copies[0]?.size ?? 0
    }
    notes.add(page)
  }
  return { names, bytes, ...notes.say(io) }
}

/** The pages of the names below `prefix` that any replica lists, in byte order. */
export async function* readListing(ask: CoordinatorClient, prefix: string): AsyncGenerator<MergedListing> {
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({ ...(prefix && { prefix }), ...(after && { after }) })
    const page: MergedListing = await readAnswer(await ask(`/files?${query}`), mergedListing)
    requirePage(page, prefix, after)
    yield page
    after = page.next
  }
}

/** A page of a folder: a folder in it has a name with a slash at its end, and no copies. */
export interface FolderPage {
  readonly entries: readonly {
    readonly name: string
    readonly copies?: MergedListing['entries'][number]['copies']
  }[]
  readonly replicas: MergedListing['replicas']
}

/**
 * The pages of what any replica lists in `folder` (empty for the root, else with a slash at its end), under
 * whole names. Throws a UserError when fewer replicas than `require` list it, or there is no such folder.
 */
export async function* readFolder(
  ask: CoordinatorClient,
  folder: string,
  require: Require | undefined,
): AsyncGenerator<FolderPage> {
  const fields = { Accept: 'application/json, application/problem+json;q=0.9' }
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({
      ...(after && { after }),
      ...(require !== undefined && { require: String(require) }),
    })
    const response = await ask(`${toFilePath(folder)}?${query}`, { fields })
    const page: DirectoryListing = await readAnswer(response, directoryListing, MAX_FOLDER_BYTES)
    const entries = page.entries.map(({ type: _type, ...entry }) => ({
      ...entry,
      name: folder + entry.name,
    }))
    const deeper = page.entries.find(({ name }) => name.slice(0, -1).includes('/'))
    if (deeper !== undefined) throw new NotACoordinator(`the folder has a row below it: '${deeper.name}'`)
    requirePage({ ...page, entries }, folder, after)
    yield { entries, replicas: page.replicas }
    after = page.next
  }
}

/**
 * Returns the name of a folder, with its slash at the end; throws a UserError when it is not valid, which
 * says how to name everything.
 */
export function requireFolder(text: string, everything: string): string {
  if (parseName(text.slice(0, -1)) !== null) return text
  throw new UserError(
    `'${text}' is not a valid name of a folder: it is a relative path such as 'photos/'; ${everything}`,
  )
}

/** Throws unless the names of a page are those asked for, in order: a listing could otherwise never end. */
function requirePage(
  { entries, next }: Pick<FolderPage, 'entries'> & Pick<MergedListing, 'next'>,
  prefix: string,
  after: string,
): void {
  let before = after
  for (const { name } of entries) {
    if (
      parseName(name.replace(/\/$/, '')) === null ||
      !name.startsWith(prefix) ||
      compareNames(name, before) <= 0
    )
      throw new NotACoordinator(`the listing has a name that was not asked for: '${name}'`)
    before = name
  }
  if (next !== null && (compareNames(next, before) < 0 || next === after))
    throw new NotACoordinator('the listing has no end')
}

/** Collects why names may be missing from a listing, of which two pages may count the same entry. */
export function createNotes() {
  const failed = new Map<string, string>()
  const passed = new Map<string, readonly Passed[]>()
  return {
    add({ replicas }: Pick<MergedListing, 'replicas'>): void {
      for (const { id, error, detail, passed: more = [] } of replicas) {
        if (error !== undefined) failed.set(id, detail ?? error)
        passed.set(id, addPassed(passed.get(id) ?? [], more))
      }
    },
    say(io: Io): Pick<Found, 'isPartial' | 'hasInvalid'> {
      for (const [id, reason] of failed)
        say(io, `warning: ${id} sent no listing, so files that only it holds are left out: ${reason}`)
      const invalid = [...passed].flatMap(([id, all]) =>
        all.filter(({ kind }) => mayBeFile(kind)).map((one) => ({ id, one })),
      )
      for (const { id, one } of invalid)
        say(io, `warning: ${id}: ${toPassedText(one, (count) => `up to ${formatNumber(count)}`)}`)
      return { isPartial: failed.size > 0, hasInvalid: invalid.length > 0 }
    },
  }
}
