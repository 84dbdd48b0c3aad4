import type { AppOptions } from '../../../functions/http/app.ts'
import { ConfigurationError } from '../configuration-error.ts'
import { parseTokens } from './tokens.ts'

/** Variables of access to a Worker. */
export interface AccessEnv {
  /** A secret: the tokens that clients send, one a line. */
  readonly TOKEN?: unknown
  /** `true` allows reads without a token, by an address or by a binding. */
  readonly OPEN?: unknown
  /** `true` accepts writes from clients that send a token. */
  readonly WRITABLE?: unknown
}

/** Which requests are accepted, and whether writes are. */
export interface Access extends Pick<AppOptions, 'isAllowed'> {
  readonly writable: boolean
}

/**
 * The access that the variables configure. Throws ConfigurationError when anyone could read without `OPEN`,
 * or when anyone could write: a Worker has an address on the internet from the start.
 */
export function openAccess(env: AccessEnv): Access {
  const tokens = parseTokens('TOKEN', env.TOKEN)
  const [isOpen, writable] = [parseSwitch('OPEN', env.OPEN), parseSwitch('WRITABLE', env.WRITABLE)]
  if (writable && tokens === null) {
    throw new ConfigurationError('with WRITABLE anyone could write: set the secret TOKEN too')
  }
  if (tokens !== null) return { writable, isAllowed: tokens.allow }
  if (isOpen) return { writable }
  throw new ConfigurationError(
    'anyone could ask this Worker: set the secret TOKEN, or set OPEN to "true" to allow it',
  )
}

function parseSwitch(name: string, value: unknown): boolean {
  if (value === undefined || value === '' || value === 'false') return false
  if (value === 'true') return true
  throw new ConfigurationError(`${name} takes "true" or "false"`)
}
