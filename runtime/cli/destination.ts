import { basename, dirname, extname, join } from 'node:path'
import type { Flags } from '../node/configuration.ts'
import { Refusal } from '../node/refusal.ts'

/** Where what `get` gets is written: standard output, or paths as people wrote them, relative ones from the cwd. */
export type Destination =
  | 'stdout'
  | {
      /** Where the file goes that all copies agree on. */
      readonly toPath: (name: string) => string
      /** Where a version goes whose first holder is `id`. */
      readonly toVersionPath: (name: string, id: string) => string
    }

/** The destination that `-o` and `-O` name; throws a Refusal when they contradict each other or `--json`. */
export function parseDestination(flags: Flags): Destination {
  const { output, json } = flags
  const ownName = flags['remote-name'] === true
  if (typeof output !== 'string') return createDestination('.', ownName ? basename : toReceived)
  if (ownName) throw new Refusal('--output and --remote-name exclude each other; leave one out')
  if (output === '-' && json)
    throw new Refusal('--json writes to standard output, and so does --output -; leave one out')
  if (output === '-') return 'stdout'
  if (output === '' || output.endsWith('/'))
    throw new Refusal(`--output takes the path of a file or -, got '${output}'`)
  return createDestination(dirname(output), () => basename(output))
}

function createDestination(directory: string, toBase: (name: string) => string): Destination {
  return {
    toPath: (name) => join(directory, toBase(name)),
    toVersionPath: (name, id) => join(directory, `${id}_version${extname(name)}`),
  }
}

function toReceived(name: string): string {
  return `client_received${extname(name)}`
}
