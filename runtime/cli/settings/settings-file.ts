import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Given } from '../../hosting/flag.ts'
import { CONFIG } from '../../hosting/flags.ts'
import { isAbsence, toReason } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import { toDefaultPath } from './settings-path.ts'

/** A settings file, not yet parsed. */
export interface SettingsFile {
  /** Absolute. */
  readonly path: string
  readonly text: string
}

/**
 * Reads the file that `--config` or `VOUCH_CONFIG` names, else the default one; null when that does not
 * exist. Throws a UserError for any other file that cannot be read.
 */
export function readSettingsFile(
  { texts, env }: Pick<Given, 'texts' | 'env'>,
  cwd: string,
): SettingsFile | null {
  const named = CONFIG.read(texts['config'] ?? [], '--config', env)
  const path = named === undefined ? toDefaultPath(env) : resolve(cwd, named)
  return path === null ? null : readText(path, named === undefined)
}

function readText(path: string, mayBeAbsent: boolean): SettingsFile | null {
  try {
    const bytes = readFileSync(path)
    if (!isUtf8(bytes)) throw new UserError(`${path} is not UTF-8, as TOML must be`)
    return { path, text: bytes.toString().replace(/^\ufeff/, '') }
  } catch (error) {
    if (error instanceof UserError) throw error
    if (mayBeAbsent && isAbsence(error)) return null
    throw new UserError(
      `cannot read the settings file ${path}: ${toReason(error)}; --config and VOUCH_CONFIG name another`,
      'io',
    )
  }
}
