import { readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Environment } from '../../hosting/flag.ts'

/**
 * `vouch/vouch.toml` in the user's configuration directory (XDG Base Directory Specification); null without.
 */
export function toDefaultPath(env: Environment): string | null {
  const { XDG_CONFIG_HOME: directory = '', HOME: home = '' } = env
  // The specification says to ignore a relative path.
  if (isAbsolute(directory)) return join(directory, 'vouch', 'vouch.toml')
  return isAbsolute(home) ? join(home, '.config', 'vouch', 'vouch.toml') : null
}

/**
 * All that may be a path in the settings file of a command line, for a look at it before anything else is
 * loaded: each text in quotes, from the directory of the file, or as it is if it is a URL. Empty where there
 * is no file, or none that can be read.
 */
export function findQuotedPaths(words: readonly string[], env: Environment, cwd: string): string[] {
  const named = words.flatMap((word, i) =>
    words[i - 1] === '--config' ? word : (word.split(/^--config=/)[1] ?? []),
  )
  const path = named.at(-1) ?? (env['VOUCH_CONFIG'] || toDefaultPath(env))
  if (path === null) return []
  const directory = resolve(cwd, dirname(path))
  const texts = readText(resolve(cwd, path)).match(/"[^"\n]*"|'[^'\n]*'/g) ?? []
  return texts
    .map((text) => text.slice(1, -1))
    .map((text) => (/^file:/i.test(text) ? text : resolve(directory, text)))
}

function readText(path: string): string {
  try {
    // A pipe can be read only once.
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : ''
  } catch {
    return ''
  }
}
