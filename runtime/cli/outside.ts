import { fstatSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Flags } from '../node/configuration.ts'
import { hasDescriptorPaths } from '../node/directory.ts'
import { getErrno } from '../node/errno.ts'
import { toIndexDirectory } from '../node/index-path.ts'
import { isInside } from '../node/lineage.ts'
import { Refusal } from '../node/refusal.ts'
import { type Io, say, type Talk } from './io.ts'

/** A directory of this machine that is a replica. */
export interface OwnDirectory {
  readonly id: string
  /** Absolute. */
  readonly path: string
}

/** The replica that `path` (absolute), which need not be there yet, is or lies inside. */
export function findHolder(path: string, directories: readonly OwnDirectory[]): OwnDirectory | undefined {
  return directories.find((directory) => isInside(path, directory.path))
}

/**
 * The directory of the digest indexes that `--index` names, or the user's own; null where there is neither, and where the
 * user's own lies inside a replica, which is then said. Throws a Refusal for an `--index` inside a replica: what vouch
 * writes there would be compared.
 */
export function toIndexPath({ index }: Flags, io: Io, directories: readonly OwnDirectory[]): string | null {
  if (index === '') throw new Refusal("--index takes the path of a directory, got ''")
  const path = index === undefined ? toIndexDirectory(io.env) : resolve(io.cwd, String(index))
  const holder = path === null ? undefined : findHolder(path, directories)
  if (path === null || holder === undefined) return path
  const where = `lies inside the replica ${holder.id}, where what vouch writes would be compared`
  if (index !== undefined) throw new Refusal(`--index '${index}' ${where}; name a directory outside it`)
  say(
    io,
    `warning: ${path} ${where}: digests are kept in memory only and computed again the next time; --index names a directory outside it`,
  )
  return null
}

/**
 * Throws a Refusal when Node keeps compiled code inside a replica, and says so when what the command prints goes into a
 * file there: each would change what is compared.
 */
export function requireOutside(io: Io, directories: readonly OwnDirectory[]): void {
  const cache = io.env['NODE_COMPILE_CACHE']
  const holder = cache ? findHolder(resolve(io.cwd, cache), directories) : undefined
  if (holder !== undefined)
    throw new Refusal(
      `NODE_COMPILE_CACHE names '${cache}', which lies inside the replica ${holder.id}, where what Node writes would be compared; name a directory outside it`,
    )
  warnOfOutput('standard output', io.stdout, io, directories)
  warnOfOutput('standard error', io.stderr, io, directories)
}

function warnOfOutput(what: string, stream: Talk, io: Io, directories: readonly OwnDirectory[]): void {
  const path = findFile(stream)
  const holder = path === null ? undefined : findHolder(path, directories)
  if (holder !== undefined)
    say(
      io,
      `warning: ${what} goes to ${path}, inside the replica ${holder.id}: that file changes while it is compared`,
    )
}

/** The path of the file that is written to through a stream; null for a terminal, a pipe, and where the system does not tell. */
function findFile(stream: Talk): string | null {
  if (!('fd' in stream) || typeof stream.fd !== 'number' || !hasDescriptorPaths()) return null
  try {
    return fstatSync(stream.fd).isFile() ? readlinkSync(`/proc/self/fd/${stream.fd}`) : null
  } catch (error) {
    if (getErrno(error) !== '') return null
    throw error
  }
}
