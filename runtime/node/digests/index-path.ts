import { hash } from 'node:crypto'
import { isAbsolute, join } from 'node:path'

/** The default: `vouch` in the user's cache directory (XDG Base Directory Specification); null without. */
export function toIndexDirectory(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache = '', HOME: home = '' } = env
  // The specification says to ignore a relative path.
  if (isAbsolute(cache)) return join(cache, 'vouch')
  return isAbsolute(home) ? join(home, '.cache', 'vouch') : null
}

/** The file of a root's index, by its absolute path with links unresolved: redirecting one keeps it. */
export function toIndexFile(directory: string, root: string): string {
  return join(directory, `${hash('sha256', root).slice(0, 32)}.sqlite`)
}
