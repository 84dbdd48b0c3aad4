import { toCount } from '../../../functions/coordinator/parameters.ts'
import { createPrune, createSelect } from '../../../functions/storage/survey/globs.ts'
import { escapeControls } from '../../../functions/wire/text.ts'
import { type Io, toJsonLine, writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { createNotes, type FolderPage, readFolder, readListing, requireFolder } from '../client/names.ts'
import { type Source, withSource } from '../client/source.ts'
import type { Arguments, Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import { LS } from '../options/listing.ts'

type LsOptions = Options<typeof LS>

export const ls: Command = {
  async run(given, io) {
    const options = readOptions(LS, given)
    const folder = toFolder(given)
    const asked = { ...options, excluded: given.excluded }
    return await withSource(asked, io, { reads: 'trees' }, async (source) => {
      const pages = options.recursive
        ? requireListed(readListing(source.ask, folder), folder, options)
        : readFolder(source.ask, folder, options.require)
      return await print(pages, source, options, io)
    })
  },
}

/** The folder with a slash at its end; empty for everything. */
function toFolder({ operand = '' }: Arguments): string {
  return operand === ''
    ? ''
    : requireFolder(operand.endsWith('/') ? operand : `${operand}/`, 'without FOLDER, ls lists everything')
}

/** Prints the rows of all pages as they arrive; resolves with the exit status. */
async function print(
  pages: AsyncIterable<FolderPage>,
  { excluded }: Source,
  { json }: LsOptions,
  io: Io,
): Promise<number> {
  const select = createSelect({ match: [], exclude: [...excluded] })
  const prune = createPrune({ exclude: [...excluded] })
  const notes = createNotes()
  for await (const page of pages) {
    notes.add(page)
    const shown = page.entries.filter(({ name }) =>
      name.endsWith('/') ? !prune(name.slice(0, -1)) : select(name),
    )
    const text = shown.map((row) => (json ? toJsonLine(row) : `${escapeControls(row.name)}\n`)).join('')
    if (text !== '') await writeOut(io, text)
  }
  const { isPartial, hasInvalid } = notes.say(io)
  return hasInvalid ? 2 : isPartial ? 3 : 0
}

/** Passes pages on; throws a UserError when too few replicas sent one, or none of them has a name. */
async function* requireListed(
  pages: AsyncIterable<FolderPage>,
  folder: string,
  { require = 1 }: LsOptions,
): AsyncGenerator<FolderPage> {
  const silent = new Set<string>()
  let isEmpty = true
  for await (const page of pages) {
    const { entries, replicas } = page
    for (const { id, state } of replicas) if (state === 'error') silent.add(id)
    const listed = replicas.length - silent.size
    if (listed < toCount(require, replicas.length))
      throw new UserError(
        `${listed} of ${replicas.length} replicas listed their files, without ${[...silent].join(', ')}; run it again when they answer, or lower --require`,
        'too-few-answers',
      )
    if (entries.length > 0) isEmpty = false
    yield page
  }
  if (!isEmpty || folder === '') return
  if (silent.size === 0) throw new UserError(`no replica has files in '${folder}'`, 'not-found')
  throw new UserError(
    `whether '${folder}' exists is not known: ${[...silent].join(', ')} sent no listing, and the others have no such folder`,
    'existence-unknown',
  )
}
