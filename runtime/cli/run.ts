import { inspect } from 'node:util'
import { Refusal } from '../node/refusal.ts'
import { parseArguments } from './command.ts'
import { findCommand, toHelp, toOverview } from './help.ts'
import { Interruption, type Io, say, writeOut } from './io.ts'
import { readVersion } from './version.ts'

/** Exit status that shells show for a process that SIGPIPE ended. */
const READER_GONE = 141
/** The same for the signals that people and systems end a command with. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs the command that `argv` (without node and script) names, and resolves with the exit status: 0 done, 1 the
 * copies differ, 2 trouble, reported in one line on `stderr`, 3 got a file of which some replica gave no copy. Never rejects.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io)
  } catch (error) {
    if (io.signal?.aborted) return toStatus(io.signal.reason)
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return READER_GONE
    if (error instanceof Refusal) say(io, `vouch: ${error.message}`)
    else io.stderr.write(`vouch: this is a bug in vouch: ${inspect(error)}\n`)
    return 2
  }
}

async function dispatch([name, ...args]: readonly string[], io: Io): Promise<number> {
  if (name === undefined) {
    io.stderr.write(toOverview())
    return 2
  }
  if (name === '--help' || name === '-h') return await print(io, toOverview())
  if (name === '--version') return await print(io, `vouch ${await readVersion()}\n`)
  if (name.startsWith('-')) {
    throw new Refusal(`'${name}' stands before a command, where only --help and --version may stand`)
  }
  const { declaration, load } = findCommand(name)
  const parsed = parseArguments(args, declaration)
  if (parsed === 'help') return await print(io, toHelp(declaration))
  const command = await load()
  return await command.run(parsed.flags, parsed.operands, io)
}

async function print(io: Io, text: string): Promise<number> {
  await writeOut(io, text)
  return 0
}

function toStatus(reason: unknown): number {
  return INTERRUPTED[reason instanceof Interruption ? reason.signal : 'SIGINT']
}
