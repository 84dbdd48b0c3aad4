import { createHash } from 'node:crypto'
import { isAbsolute, join } from 'node:path'

/**
 * The directory that digest indexes lie in unless it is said otherwise: `vouch` in the user's cache directory (XDG
 * Base Directory Specification). Null where the environment names none.
 */
export function toIndexDirectory(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache = '', HOME: home = '' } = env
  // The specification has a relative path ignored.
  if (isAbsolute(cache)) return join(cache, 'vouch')
  return isAbsolute(home) ? join(home, '.cache', 'vouch') : null
}

/**
 * The index of one root in such a directory, by the root's absolute path. Its symbolic links are not resolved, so that
 * the index stays the same when one of them is pointed elsewhere.
 */
export function toIndexFile(directory: string, root: string): string {
  return join(directory, `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.sqlite`)
}
