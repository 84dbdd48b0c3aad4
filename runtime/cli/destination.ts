import { basename, dirname, extname, join, posix } from 'node:path'
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

/**
 * The destination that `-o` and `-O` name; throws a Refusal when they contradict each other or `--json`. On Windows the
 * names that are made here are such as it takes for files.
 */
export function parseDestination(flags: Flags, platform: NodeJS.Platform = process.platform): Destination {
  const { output, json } = flags
  const ownName = flags['remote-name'] === true
  const toLocal = platform === 'win32' ? toWindowsName : (base: string) => base
  if (typeof output !== 'string') {
    const toBase = ownName ? posix.basename : toReceived
    return createDestination('.', (name) => toLocal(toBase(name)), toLocal)
  }
  if (ownName) throw new Refusal('--output and --remote-name exclude each other; leave one out')
  if (output === '-' && json)
    throw new Refusal('--json writes to standard output, and so does --output -; leave one out')
  if (output === '-') return 'stdout'
  if (output === '' || output.endsWith('/') || (platform === 'win32' && output.endsWith('\\')))
    throw new Refusal(`--output takes the path of a file or -, got '${output}'`)
  return createDestination(dirname(output), () => basename(output), toLocal)
}

function createDestination(
  directory: string,
  toBase: (name: string) => string,
  toLocal: (base: string) => string,
): Destination {
  return {
    toPath: (name) => join(directory, toBase(name)),
    toVersionPath: (name, id) => join(directory, toLocal(withExtension(`${id}_version`, name))),
  }
}

function toReceived(name: string): string {
  return withExtension('client_received', name)
}

/** The longest file name nearly everywhere, in bytes. */
const MAX_FILE_NAME_BYTES = 255

/** `stem` with the extension of `name`, of which what leaves no room is cut off. */
function withExtension(stem: string, name: string): string {
  return cutToBytes(stem + extname(name), MAX_FILE_NAME_BYTES)
}

/** The beginning of a text that takes no more than `most` bytes in UTF-8, whole characters. */
export function cutToBytes(text: string, most: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most))
  return text.slice(0, read)
}

/** What Windows takes for a device, whatever comes behind a dot. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)/i

/**
 * The name of a file as Windows takes it: `_` for what it forbids, for the colon before which it would see a drive or
 * another stream of the file, and for dots and blanks at the end, which it drops; and before the name of a device.
 */
export function toWindowsName(base: string): string {
  const harmless = base
    .replace(/[<>:"/\\|?*\x00-\x1f]/g, '_')
    .replace(/[. ]+$/, (end) => '_'.repeat(end.length))
  return DEVICE.test(harmless) ? `_${harmless}` : harmless
}
