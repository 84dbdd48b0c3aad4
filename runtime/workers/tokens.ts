import { parseShownToken } from '../../functions/wire/shown-token.ts'
import { ConfigurationError } from './configuration-error.ts'
import { MIN_TOKEN_LENGTH } from './limits.ts'

/** Secrets that open a door; `parseShownToken` tells how they are shown. */
export interface Tokens {
  /** Whether a request carries one of them; how long that takes does not depend on what a wrong one is. */
  allow(request: Request): boolean
  /** The first of them, which is shown to others. */
  first(): string
}

/** RFC 6750's b64token, long enough not to be guessed. */
const TOKEN = new RegExp(`^[A-Za-z0-9._~+/-]{${MIN_TOKEN_LENGTH},}=*$`)

/**
 * The tokens that the secret `name` holds, one a line, so that a new one can be let in before the old one goes; null
 * where it is not there. Throws ConfigurationError, which tells none of it.
 */
export function parseTokens(name: string, secret: unknown): Tokens | null {
  if (secret === undefined) return null
  const tokens = typeof secret === 'string' ? secret.split(/\r?\n/).map((line) => line.trim()) : ['']
  const held = tokens.filter((token) => token !== '')
  if (held.length === 0 || !held.every((token) => TOKEN.test(token))) {
    throw new ConfigurationError(
      `the secret ${name} takes tokens of at least ${MIN_TOKEN_LENGTH} letters, digits or '-._~+/', one a line`,
    )
  }
  const bytes = held.map((token) => new TextEncoder().encode(token))
  return {
    allow({ headers }) {
      const asked = new TextEncoder().encode(parseShownToken(headers.get('Authorization')))
      // All of them each time, so that the time tells nothing.
      return bytes.filter((token) => isSame(token, asked)).length > 0
    },
    first: () => held[0] ?? '',
  }
}

/** Tells by its time how long `shown` is, which whoever shows it knows. */
function isSame(token: Uint8Array, shown: Uint8Array): boolean {
  const isLength = token.length === shown.length
  return crypto.subtle.timingSafeEqual(shown, isLength ? token : shown) && isLength
}
