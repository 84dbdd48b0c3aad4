import { fstatSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { toIndexDirectory } from '../node/digests/index-path.ts'
import { hasDescriptorPaths } from '../node/files/directory.ts'
import { getErrno } from '../node/files/errno.ts'
import { toIsInside } from '../node/mounts/lineage.ts'
import { UserError } from '../node/user-error.ts'
import { type Io, say, type TextStream } from './io.ts'

/** A replica that is a directory of this machine. */
export interface OwnDirectory {
  readonly id: string
  /** Absolute. */
  readonly path: string
}

/** The replica that `path` (absolute) is, or lies inside; the path need not exist. */
export function findHolder(path: string, directories: readonly OwnDirectory[]): OwnDirectory | undefined {
  if (directories.length === 0) return undefined
  const isInside = toIsInside(path)
  return directories.find((directory) => isInside(directory.path))
}

/**
 * The directory of the digest indexes: `--index`, or the user's cache directory. Null when there is neither,
 * and, with a warning, when the cache directory lies inside a replica. Throws a UserError for an `--index`
 * inside a replica, whose files would be compared.
 */
export function toIndexPath(
  index: string | undefined,
  io: Io,
  directories: readonly OwnDirectory[],
): string | null {
  const path = index === undefined ? toIndexDirectory(io.env) : resolve(io.cwd, index)
  const holder = path === null ? undefined : findHolder(path, directories)
  if (path === null || holder === undefined) return path
  const where = `is inside the replica ${holder.id}, where the files that vouch writes would be compared`
  if (index !== undefined) throw new UserError(`--index '${index}' ${where}; name a directory outside it`)
  const advice = 'digests are remembered in memory only; --index names a directory outside it'
  say(io, `warning: ${path} ${where}: ${advice}`)
  return null
}

/**
 * Throws a UserError when Node caches compiled code inside a replica, and warns when the output of the
 * command goes to a file in one: both would change what is compared.
 */
export function requireOutside(io: Io, directories: readonly OwnDirectory[]): void {
  // Nothing to look for; and Deno refuses to look where only the cache directory is allowed.
  if (directories.length === 0) return
  const cache = io.env['NODE_COMPILE_CACHE']
  const holder = cache ? findHolder(resolve(io.cwd, cache), directories) : undefined
  if (holder !== undefined)
    throw new UserError(
      `NODE_COMPILE_CACHE names '${cache}', which is inside the replica ${holder.id}, where the files that Node writes would be compared; name a directory outside it`,
    )
  warnOfOutput('standard output', io.stdout, io, directories)
  warnOfOutput('standard error', io.stderr, io, directories)
}

function warnOfOutput(what: string, stream: TextStream, io: Io, directories: readonly OwnDirectory[]): void {
  const path = findFile(stream)
  const holder = path === null ? undefined : findHolder(path, directories)
  if (holder !== undefined)
    say(
      io,
      `warning: ${what} goes to ${path}, inside the replica ${holder.id}: that file changes while it is compared`,
    )
}

/** The path of the file that a stream writes to; null for a terminal or a pipe, or if the system hides it. */
function findFile(stream: TextStream): string | null {
  if (!('fd' in stream) || typeof stream.fd !== 'number' || !hasDescriptorPaths()) return null
  try {
    return fstatSync(stream.fd).isFile() ? readlinkSync(`/proc/self/fd/${stream.fd}`) : null
  } catch (error) {
    if (getErrno(error) !== '') return null
    throw error
  }
}
