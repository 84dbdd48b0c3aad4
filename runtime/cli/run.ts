import { inspect } from 'node:util'
import { Interruption, type Io, say, toJsonLine, writeOut } from '../hosting/io.ts'
import { UserError } from '../node/user-error.ts'
import { COMMANDS } from './commands.ts'
import { parseArguments } from './options/command.ts'
import { withSettings } from './settings/with-settings.ts'

/** The exit status of a process that SIGPIPE ended, as shells report it. */
const READER_GONE = 141
/** The same for signals. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs the command that `argv` (without node and script) names; the exit status is 0 done, 1 the copies
 * differ, 2 trouble, in one line on `stderr`, 3 got a file, but some replica sent no copy. Never rejects.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return READER_GONE
    const isInterrupted = io.signal?.aborted === true
    // Not awaited: a command that was interrupted does not wait until a reader takes it.
    if (asksForJson(argv)) io.stdout.write(toJsonLine({ error: toErrorMember(error, isInterrupted) }))
    if (isInterrupted) return toStatus(io.signal?.reason)
    if (error instanceof UserError) say(io, `vouch: ${error.message}`)
    else io.stderr.write(`vouch: this is a bug in vouch: ${inspect(error)}\n`)
    return 2
  }
}

/** Whether `--json` is among the options, also of arguments that are not valid. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--json')
}

/** The trouble for programs: its kind, and its message as on standard error. */
function toErrorMember(error: unknown, isInterrupted: boolean) {
  if (isInterrupted) return { kind: 'interrupted', message: 'interrupted by a signal' }
  if (error instanceof UserError) return { kind: error.kind, message: error.message }
  return { kind: 'bug', message: `this is a bug in vouch: ${error}` }
}

async function dispatch([name, ...args]: readonly string[], io: Io): Promise<number> {
  if (name === undefined) {
    io.stderr.write((await import('./help/help.ts')).toOverview())
    return 2
  }
  if (name === '--help' || name === '-h')
    return await print(io, (await import('./help/help.ts')).toOverview())
  // Hidden: only the scripts of `vouch completions` run it.
  if (name === 'complete')
    return await print(io, await (await import('./help/complete.ts')).complete(args, io))
  if (name.startsWith('-')) {
    throw new UserError(
      `only --help and --version may stand before a command, got '${name}'; options go behind the command`,
    )
  }
  const loaders = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (loaders === undefined) throw (await import('./options/declarations.ts')).toUnknown(name)
  const declaration = await loaders.declare()
  const given = parseArguments(args, declaration, io.env)
  if (given === 'help') return await print(io, (await import('./help/help.ts')).toHelp(declaration))
  // Before the command is loaded: the main process answers no request.
  if (given.texts['workers'] !== undefined && io.worker === undefined) {
    const { runWorkers } = await import('../hosting/workers/run-workers.ts')
    const status = await runWorkers(given, io)
    if (status !== null) return status
  }
  const command = await loaders.load()
  const quiet = given.texts['quiet'] === undefined ? io : (await import('./terminal/quiet.ts')).toQuiet(io)
  return await command.run(await withSettings(declaration, given, quiet), quiet)
}

async function print(io: Io, text: string): Promise<number> {
  await writeOut(io, text)
  return 0
}

function toStatus(reason: unknown): number {
  return INTERRUPTED[reason instanceof Interruption ? reason.signal : 'SIGINT']
}
