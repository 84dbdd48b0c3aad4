import { inspect } from 'node:util'
import { Interruption, type Io, say, toJsonLine, writeOut } from '../hosting/io.ts'
import { UserError } from '../node/user-error.ts'
import { type Command, parseArguments } from './options/command.ts'
import { findCommand } from './options/declarations.ts'
import { withSettings } from './settings/with-settings.ts'

/** The exit status of a process that SIGPIPE ended, as shells report it. */
const READER_GONE = 141
/** The same for signals. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const

/** Each command is loaded when it runs: a client works for less time than loading a server takes. */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  get: async () => (await import('./commands/get.ts')).get,
  check: async () => (await import('./commands/check.ts')).check,
  ls: async () => (await import('./commands/ls.ts')).ls,
  cat: async () => (await import('./commands/cat.ts')).cat,
  mount: async () => (await import('./commands/mount.ts')).mount,
  estimate: async () => (await import('./commands/records/estimate.ts')).estimate,
  merge: async () => (await import('./commands/merge.ts')).merge,
  verify: async () => (await import('./commands/records/verify.ts')).verify,
  status: async () => (await import('./commands/records/status.ts')).status,
  history: async () => (await import('./commands/records/history.ts')).history,
  explain: async () => (await import('./commands/explain.ts')).explain,
  sums: async () => (await import('./commands/records/sums.ts')).sums,
  resolve: async () => (await import('./commands/repair/resolve.ts')).resolve,
  plan: async () => (await import('./commands/repair/plan.ts')).plan,
  apply: async () => (await import('./commands/repair/apply.ts')).apply,
  restore: async () => (await import('./commands/repair/restore.ts')).restore,
  receipt: async () => (await import('./commands/receipt.ts')).receipt,
  replica: async () => (await import('./commands/replica.ts')).replica,
  coordinator: async () => (await import('./commands/coordinator.ts')).coordinator,
  mark: async () => (await import('./commands/mark.ts')).mark,
  key: async () => (await import('./commands/key.ts')).key,
  help: async () => (await import('./help/help.ts')).help,
  completions: async () => (await import('./help/completions.ts')).completions,
  config: async () => (await import('./commands/config.ts')).config,
  version: async () => (await import('./help/help.ts')).version,
  man: async () => (await import('./help/manual.ts')).man,
}

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
  const declaration = findCommand(name)
  const given = parseArguments(args, declaration, io.env)
  if (given === 'help') return await print(io, (await import('./help/help.ts')).toHelp(declaration))
  // Before the command is loaded: the main process answers no request.
  if (given.texts['workers'] !== undefined && io.worker === undefined) {
    const { runWorkers } = await import('../hosting/workers/run-workers.ts')
    const status = await runWorkers(given, io)
    if (status !== null) return status
  }
  const command = await LOADERS[name]?.()
  if (command === undefined) throw new Error(`nothing runs the command ${name}`)
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
