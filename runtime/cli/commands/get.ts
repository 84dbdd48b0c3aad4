import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { findHolder, type OwnDirectory } from '../../hosting/outside.ts'
import { UserError } from '../../node/user-error.ts'
import { requireName, withSource } from '../client/source.ts'
import { createFiles, parseDestination } from '../download/destination.ts'
import { getFile } from '../download/get-file.ts'
import type { Arguments, Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import { GET } from '../options/get.ts'
import { sayConflict, sayReceived } from '../terminal/get-report.ts'

type GetOptions = Options<typeof GET>

export const get: Command = {
  async run(given, io) {
    const options = readOptions(GET, given)
    if (!isOfMany(given, options)) return await runOne(given, options, io)
    const { runMany } = await import('./get-many.ts')
    return await runMany(given, options, io)
  },
}

/** Whether the files keep their folders: one name by itself does not. */
function isOfMany({ operands }: Arguments, { filesFrom, match, exclude }: GetOptions): boolean {
  const [first, second] = operands
  const isFolder = first?.endsWith('/') === true
  return second !== undefined || isFolder || filesFrom !== undefined || match.length + exclude.length > 0
}

async function runOne({ operand }: Arguments, options: GetOptions, io: Io): Promise<number> {
  const paths = parseDestination(options)
  const { receipt } = options
  if (receipt !== undefined && paths === 'stdout')
    throw new UserError('--receipt is for a file that is written; -o names it')
  return await withSource(options, io, {}, async ({ ask, query, directories }) => {
    const name = requireName(operand ?? (await askName(io)), 'get')
    if (paths !== 'stdout') requireElsewhere(paths.toPath(name), directories, io)
    if (receipt !== undefined) requireElsewhere(receipt, directories, io)
    const destination = paths === 'stdout' ? paths : createFiles(paths, io)
    const { status, report, manifest, problem } = await getFile({ name, query, ask, destination, io })
    if (manifest !== undefined) sayConflict(io, manifest, report)
    else if (problem === undefined) sayReceived(io, report)
    if (receipt !== undefined && (status === 0 || status === 3)) {
      const { getReceipt } = await import('../receipt/get-receipt.ts')
      await getReceipt(report, { ask, query, path: receipt }, io)
    }
    const error = problem && { kind: problem.type, message: problem.line }
    if (options.json) await writeOut(io, toJsonLine({ ...report, error }))
    if (problem !== undefined) say(io, `vouch: ${problem.line}`)
    return status
  })
}

/** Throws a UserError when the path of a file lies inside one of the compared replicas. */
function requireElsewhere(path: string, directories: readonly OwnDirectory[], { cwd }: Io): void {
  const holder = findHolder(dirname(resolve(cwd, path)), directories)
  if (holder !== undefined)
    throw new UserError(
      `'${path}' is inside the replica ${holder.id}, which is compared; -o names a place outside it, and 'vouch plan' copies between replicas`,
    )
}

/** Asks on `stderr` for a file name and reads one line; empty at the end of the input. */
async function askName(io: Io): Promise<string> {
  io.stderr.write('Enter file name (e.g., test.txt): ')
  const { stdin: input, signal } = io
  // In terminal mode Ctrl-C would not be a signal.
  const lines = createInterface({ input, terminal: false, ...(signal && { signal }) })
  for await (const line of lines) return line
  return ''
}
