import { lstatSync, mkdirSync } from 'node:fs'
import { basename, dirname, extname, join, posix, resolve } from 'node:path'
import type { Digest } from '../../../functions/wire/digest.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import type { Announced } from '../client/coordinator-client.ts'
import { MAX_SMALL_BYTES } from '../limits.ts'
import {
  createSmallPart,
  cutToBytes,
  openPart,
  type PartFile,
  requireTarget,
  toRefusal,
} from './part-file.ts'

/** Paths as the user gave them, relative ones from the cwd. */
export interface Paths {
  /** The path of a file whose copies agree. */
  readonly toPath: (name: string) => string
  /** The path of a version whose first holder is `id`. */
  readonly toVersionPath: (name: string, id: string) => string
  /** The path of the list of the versions. */
  readonly toConflictPath: (name: string) => string
}

/** A content to write. */
export type Content = Pick<Announced, 'digest' | 'size' | 'modified'>

/** A file that is there already. */
export interface Held {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** Writes files at these paths. Its methods throw a UserError when no file can be written at a path. */
export interface Files extends Paths {
  /**
   * Checks a path before its content is requested. Returns the file there, if it may be current. When there
   * is none it returns null itself, not a promise of it.
   */
  prepare(path: string): Held | null | Promise<Held | null>
  /** Opens the part file of a content. */
  open(path: string, content: Content): Promise<PartFile>
}

/** Where `get` writes. */
export type Destination = 'stdout' | Files

/** Writes single files, into directories that are made when they are missing. */
export function createFiles(paths: Paths, { cwd, signal }: Pick<Io, 'cwd' | 'signal'>): Files {
  return {
    ...paths,
    prepare(path) {
      requireTarget(resolve(cwd, path))
      return null
    },
    async open(path, content) {
      const target = resolve(cwd, path)
      try {
        mkdirSync(dirname(target), { recursive: true })
      } catch (error) {
        throw toRefusal(error, path)
      }
      if (content.size > MAX_SMALL_BYTES) return await openPart(target, { ...content, signal })
      const isNew = lstatSync(target, { throwIfNoEntry: false }) === undefined
      return createSmallPart(target, { ...content, signal, isNew })
    },
  }
}

/** The flags that choose where to write. */
export interface DestinationOptions {
  readonly output?: string | undefined
  readonly remoteName?: boolean
  readonly json?: boolean
}

/**
 * The destination that `-o` and `-O` name; throws a UserError when they contradict each other or `--json`. On
 * Windows the names made here are valid file names there.
 */
export function parseDestination(
  { output, remoteName = false, json = false }: DestinationOptions,
  platform: NodeJS.Platform = process.platform,
): 'stdout' | Paths {
  const toLocal = createToLocal(platform)
  if (output === undefined) {
    const toReceived = (name: string) => withExtension('client_received', name)
    const toBase = remoteName ? posix.basename : toReceived
    return createPaths('.', (name) => toLocal(toBase(name)), toLocal)
  }
  if (remoteName) throw new UserError('--output and --remote-name exclude each other; leave one out')
  if (output === '-' && json)
    throw new UserError('--json and --output - both write to standard output; leave one out')
  if (output === '-') return 'stdout'
  if (output === '' || output.endsWith('/') || (platform === 'win32' && output.endsWith('\\')))
    throw new UserError(`--output takes the path of a file, or - for standard output, got '${output}'`)
  return createPaths(dirname(output), () => basename(output), toLocal)
}

/** The directory of many files; throws a UserError for flags that fit only one. */
export function parseDirectory({ output = '.', remoteName = false }: DestinationOptions): string {
  if (remoteName)
    throw new UserError(
      '--remote-name is for one file; several keep their names below the directory that -o names',
    )
  if (output === '-')
    throw new UserError('--output - takes one file, got several; -o names the directory to write them to')
  if (output === '') throw new UserError("--output takes the path of a directory for several files, got ''")
  return output
}

/** Makes a file name valid on this platform. */
export function createToLocal(platform: NodeJS.Platform): (base: string) => string {
  return platform === 'win32' ? toWindowsName : (base) => base
}

function createPaths(
  directory: string,
  toBase: (name: string) => string,
  toLocal: (base: string) => string,
): Paths {
  return {
    toPath: (name) => join(directory, toBase(name)),
    toVersionPath: (name, id) => join(directory, toLocal(withExtension(`${id}_version`, name))),
    toConflictPath: () => join(directory, CONFLICT_ENDING),
  }
}

/** The name of a list of versions, or how it ends where files keep their names. */
export const CONFLICT_ENDING = '.vouch-conflict.json'

/** The longest file name nearly everywhere, in bytes. */
export const MAX_FILE_NAME_BYTES = 255

/** `stem` with the extension of `name`, cut to the longest file name. */
function withExtension(stem: string, name: string): string {
  return cutToBytes(stem + extname(name), MAX_FILE_NAME_BYTES)
}

/** The names of devices on Windows, whatever follows a dot. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)/i

/**
 * A file name that is valid on Windows: `_` replaces forbidden characters, a colon (which would name a drive
 * or a stream), and dots and blanks at the end (which Windows drops), and is put before the name of a device.
 */
export function toWindowsName(base: string): string {
  const harmless = base
    .replace(/[<>:"/\\|?*\x00-\x1f]/g, '_')
    .replace(/[. ]+$/, (end) => '_'.repeat(end.length))
  return DEVICE.test(harmless) ? `_${harmless}` : harmless
}
