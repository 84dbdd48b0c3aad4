import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { findHolder, type OwnDirectory } from '../../hosting/outside.ts'
import { UserError } from '../../node/user-error.ts'

/** The directories that files are written to. */
interface Directories {
  /**
   * Checks a directory (absolute) at or below the root; false when it is missing, unless it is to be made.
   * Throws a UserError for one in which nothing is written, and errors of the file system.
   */
  enter(path: string, make: boolean): boolean
}

/**
 * The directories at and below `root` (absolute). No symbolic link below it is followed, and none is inside
 * one of the `replicas`: throws a UserError when the root is.
 */
export function createDirectories(root: string, replicas: readonly OwnDirectory[]): Directories {
  const ready = new Set<string>()
  /** Missing directories of which this was checked; it is again when they are made. */
  const outside = new Set<string>()
  requireOutside(root, replicas)

  function enter(path: string, make: boolean): boolean {
    if (ready.has(path)) return true
    if (make || !outside.has(path)) requireOutside(path, replicas)
    outside.add(path)
    if (path !== root && !enter(dirname(path), make)) return false
    const stats = path === root ? tryStat(path) : tryLstat(path)
    if (stats?.isSymbolicLink())
      throw new UserError(
        `'${path}' is a symbolic link, through which nothing is written; remove it, or -o names another directory`,
        'io',
      )
    if (stats !== null && !stats.isDirectory())
      throw new UserError(`cannot write below '${path}': it is not a directory; -o names another`, 'io')
    if (stats === null) {
      if (!make) return false
      mkdirSync(path, { recursive: path === root })
    }
    ready.add(path)
    return true
  }

  return { enter }
}

function requireOutside(path: string, replicas: readonly OwnDirectory[]): void {
  const holder = findHolder(path, replicas)
  if (holder !== undefined)
    throw new UserError(
      `'${path}' is inside the replica ${holder.id}, which is compared; -o names a directory outside it`,
    )
}

function tryStat(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null
}

/** The stats of the entry at `path` itself; null for none. */
export function tryLstat(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}
