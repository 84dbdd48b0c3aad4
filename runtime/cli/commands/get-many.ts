import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { listNames, readNames, requireFolder } from '../client/names.ts'
import { requireName, type Source, withSource } from '../client/source.ts'
import { parseDirectory } from '../download/destination.ts'
import { createFolder } from '../download/folder.ts'
import { toWorst } from '../download/get-file.ts'
import { getMany } from '../download/get-many.ts'
import type { Arguments } from '../options/command.ts'
import type { Options } from '../options/declaration.ts'
import type { GET } from '../options/get.ts'

type GetOptions = Options<typeof GET>

/** Runs `vouch get` for several files, which keep their folders. Returns the worst exit status. */
export async function runMany(
  { operands, excluded }: Arguments,
  options: GetOptions,
  io: Io,
): Promise<number> {
  const directory = parseDirectory(options)
  if (options.receipt !== undefined)
    throw new UserError(
      "--receipt is for one file, got several; 'vouch receipt tree' signs all of a folder at once",
    )
  const wanted = await readWanted(operands, options, io)
  return await withSource({ ...options, excluded }, io, { reads: 'trees' }, async (source) => {
    const { ask, query, directories } = source
    const found = await findNames(wanted, options, source, io)
    const { names } = found
    const folder = createFolder({ directory, names, replicas: directories }, io)
    const status = await getMany({ names, bytes: found.bytes, ask, query, folder, json: options.json, io })
    return toWorst([status, found.status])
  })
}

/** What the command line asks for. */
interface Wanted {
  readonly names: readonly string[]
  /** The prefixes of folders, each with a slash at its end; an empty one for all files. */
  readonly folders: readonly string[]
}

async function readWanted(operands: readonly string[], options: GetOptions, io: Io): Promise<Wanted> {
  const { filesFrom, match, exclude } = options
  const folders = operands
    .filter((operand) => operand.endsWith('/'))
    .map((folder) => requireFolder(folder, ALL_FILES))
  const typed = operands.filter((operand) => !operand.endsWith('/')).map((name) => requireName(name, 'get'))
  const names = [...typed, ...(filesFrom === undefined ? [] : await readNames(filesFrom, io))]
  const hasGlobs = match.length + exclude.length > 0
  if (!hasGlobs || folders.length > 0) return { names, folders }
  if (names.length === 0) return { names, folders: [''] }
  throw new UserError(
    '--match and --exclude select from folders, but only names of files are given; name a folder such as docs/, or leave them out',
  )
}

const ALL_FILES = "--match '**' selects all files"

interface FoundNames {
  readonly names: readonly string[]
  /** The size of all together, null when unknown. */
  readonly bytes: number | null
  readonly status: 0 | 2 | 3
}

/** All names, each once. Throws a UserError when there are none. */
async function findNames(
  wanted: Wanted,
  options: GetOptions,
  { ask, excluded }: Source,
  io: Io,
): Promise<FoundNames> {
  const globs = { match: options.match, exclude: [...excluded, ...options.exclude] }
  const found = []
  for (const prefix of wanted.folders) found.push(await listNames(ask, prefix, globs, io))
  const names = [...new Set([...wanted.names, ...found.flatMap(({ names }) => names)])]
  const sum = found.reduce((all, { bytes }) => all + bytes, 0)
  const isPartial = found.some((one) => one.isPartial)
  if (names.length === 0) throw new UserError(toNothing(wanted, options))
  return {
    names,
    // Of names that were not listed, and of those that were listed twice, it is not known.
    bytes: wanted.names.length > 0 || found.length > 1 ? null : sum,
    status: found.some((one) => one.hasInvalid) ? 2 : isPartial ? 3 : 0,
  }
}

function toNothing({ folders }: Wanted, { match, exclude }: GetOptions): string {
  const where = folders.filter((folder) => folder !== '').map((folder) => ` below '${folder}'`)
  const globs = match.length + exclude.length > 0 ? ' that --match and --exclude select' : ''
  return `no replica that answered has a file${where.join(' or')}${globs}; 'vouch check --all' lists all names`
}
