import { parseShownToken } from '../../../functions/wire/fields/authorization.ts'
import { ConfigurationError } from '../configuration-error.ts'
import { MIN_TOKEN_LENGTH } from '../limits.ts'

/** Bearer tokens; see `parseShownToken` for how clients send them. */
export interface Tokens {
  /** Whether a request carries one of them, in a time that does not depend on a wrong token. */
  allow(request: Request): boolean
  /** The first of them, which is sent to other servers. */
  first(): string
}

/** RFC 6750's b64token, long enough not to be guessed. */
const TOKEN = new RegExp(`^[A-Za-z0-9._~+/-]{${MIN_TOKEN_LENGTH},}=*$`)

/**
 * The tokens in the secret `name`, one a line, so that a new one can be accepted before the old one is
 * removed; null when it is missing. Throws ConfigurationError, whose message reveals none of them.
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
      // Compares with all of them each time, so that the time reveals nothing.
      return bytes.filter((token) => isSame(token, asked)).length > 0
    },
    first: () => held[0] ?? '',
  }
}

/** Its time reveals only the length of `shown`, which the client knows. */
function isSame(token: Uint8Array, shown: Uint8Array): boolean {
  const isLength = token.length === shown.length
  return crypto.subtle.timingSafeEqual(shown, isLength ? token : shown) && isLength
}
