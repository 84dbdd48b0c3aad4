import { inspect } from 'node:util'
import { Refusal } from '../node/refusal.ts'
import { type Command, parseArguments } from './command.ts'
import { type Io, say, writeOut } from './io.ts'

/** Each is loaded when it is run: what a server needs takes a client longer to load than to do its work. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map(
  Object.entries({
    get: async () => (await import('./get.ts')).get,
    check: async () => (await import('./check.ts')).check,
    explain: async () => (await import('./explain.ts')).explain,
    plan: async () => (await import('./plan.ts')).plan,
    apply: async () => (await import('./apply.ts')).apply,
    restore: async () => (await import('./restore.ts')).restore,
    replica: async () => (await import('./replica.ts')).replica,
    coordinator: async () => (await import('./coordinator.ts')).coordinator,
  }),
)

const USAGE = `vouch asks every place that keeps a file whether the copies agree.

  vouch get [NAME]         get a file once all copies have been compared
  vouch check [PREFIX]     find every file whose copies differ, or that some replica lacks
  vouch explain NAME       say how the copies of one file differ
  vouch plan [PREFIX]      say what would have to be copied where
  vouch apply PLAN         do exactly that
  vouch restore [NAME]     list what was replaced, and put it back
  vouch replica DIR        serve one directory to coordinators
  vouch coordinator        compare replicas for clients

  vouch COMMAND --help     what a command takes
  vouch --version

Exit status: 0 done, 1 the copies differ, 2 trouble.
`

/** Exit statuses that shells show for a process that a signal ended: SIGINT and SIGPIPE. */
const INTERRUPTED = 130
const READER_GONE = 141

/**
 * Runs the command that `argv` (without node and script) names, and resolves with the exit status: 0 done, 1 the
 * copies differ, 2 trouble, told in one line on `stderr`. Never rejects.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io)
  } catch (error) {
    if (io.signal?.aborted) return INTERRUPTED
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return READER_GONE
    if (error instanceof Refusal) say(io, `vouch: ${error.message}`)
    else io.stderr.write(`vouch: this is a bug in vouch: ${inspect(error)}\n`)
    return 2
  }
}

async function dispatch([name, ...args]: readonly string[], io: Io): Promise<number> {
  if (name === '--help' || name === '-h') return await print(io, USAGE)
  if (name === '--version') return await print(io, `${await readVersion()}\n`)
  const load = COMMANDS.get(name ?? '')
  if (load === undefined)
    throw new Refusal(`takes a command (${toChoices()})${toGot(name)}; see 'vouch --help'`)
  const command = await load()
  const { flags, operands } = parseArguments(args, command)
  if (flags['help']) return await print(io, command.usage)
  return await command.run(flags, operands, io)
}

async function print(io: Io, text: string): Promise<number> {
  await writeOut(io.stdout, text)
  return 0
}

function toChoices(): string {
  return [...COMMANDS.keys()].join(', ')
}

function toGot(name: string | undefined): string {
  return name === undefined ? '' : `, got '${name}'`
}

async function readVersion(): Promise<string> {
  const { default: about } = await import('../../package.json', { with: { type: 'json' } })
  return about.version
}
