import type { AppOptions } from '../../functions/wire/app.ts'
import { ConfigurationError } from './configuration-error.ts'
import { parseTokens } from './tokens.ts'

/** Variables of a Worker that say who may ask it, and for what. */
export interface DoorEnv {
  /** A secret: the tokens that open this Worker, one a line. */
  readonly TOKEN?: unknown
  /** `true` lets everybody read who reaches this Worker, by an address or by a binding. */
  readonly OPEN?: unknown
  /** `true` takes writes, from those who show a token. */
  readonly WRITABLE?: unknown
}

/** Who may come in, and whether writes are taken. */
export interface Door extends Pick<AppOptions, 'isAllowed'> {
  readonly writable: boolean
}

/**
 * The door that the variables make. Throws ConfigurationError when everybody could read and nothing says that this is
 * meant, or when anybody could write: a Worker has an address on the internet before anyone has thought of it.
 */
export function openDoor(env: DoorEnv): Door {
  const tokens = parseTokens('TOKEN', env.TOKEN)
  const [isOpen, writable] = [parseSwitch('OPEN', env.OPEN), parseSwitch('WRITABLE', env.WRITABLE)]
  if (writable && tokens === null) {
    throw new ConfigurationError('WRITABLE would let anybody write: put the secret TOKEN too')
  }
  if (tokens !== null) return { writable, isAllowed: tokens.allow }
  if (isOpen) return { writable }
  throw new ConfigurationError(
    'anybody could ask this Worker: put the secret TOKEN, or set OPEN to "true" if that is meant',
  )
}

function parseSwitch(name: string, value: unknown): boolean {
  if (value === undefined || value === '' || value === 'false') return false
  if (value === 'true') return true
  throw new ConfigurationError(`${name} takes "true" or "false"`)
}
