import { createHash, timingSafeEqual } from 'node:crypto'
import { parseShownToken } from '../../../functions/wire/fields/authorization.ts'
import { readSmallFile } from '../files/small-file.ts'
import { MAX_TOKENS_BYTES } from '../limits.ts'
import { UserError } from '../user-error.ts'
import { createReread, type Reread } from './reread.ts'

/** The bearer tokens (RFC 6750) of a server, also taken as a browser's password (RFC 7617). Never printed. */
export interface Tokens {
  /** Whether the `Authorization` field of a request carries one of them. It takes as long for each. */
  allow(authorization: string | null): boolean
  /** Reads their file again now, if they have one. */
  reload(): void
  /** The first of them, to send to others. */
  first(): string
}

/** RFC 6750's b64token, too long to be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,}=*$/
const RULE = "a token is at least 16 letters, digits or '-._~+/'"

/**
 * Reads a file of tokens, one a line; blank lines and those that begin with `#` are skipped. A file that
 * changes is read again. If it is no longer valid, the last valid tokens stay in use, and `onNotice` is
 * called with a line. Throws a UserError when it is not valid at first.
 */
export function readTokens(path: string, onNotice: (line: string) => void): Tokens {
  const onFailed = (reason: string) => onNotice(`warning: the tokens stay as they were: ${reason}`)
  return toTokens(createReread([path], () => readFile(path), onFailed))
}

/** The one token in the environment variable `name`; throws a UserError when it is not valid. */
export function parseToken(name: string, text: string): Tokens {
  if (!TOKEN.test(text)) throw new UserError(`${name} is not a valid token: ${RULE}`)
  return toTokens({ get: () => [text], reload() {} })
}

function readFile(path: string): string[] {
  const lines = readText(path).split(/\r?\n/)
  const tokens = lines.flatMap((line, i) => {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) return []
    if (!TOKEN.test(text)) throw new UserError(`line ${i + 1} of ${path} is not a valid token: ${RULE}`)
    return text
  })
  if (tokens.length === 0) throw new UserError(`${path} contains no token, one a line: ${RULE}`)
  return tokens
}

function readText(path: string): string {
  const toMessage = (reason: string) =>
    `cannot read tokens from ${path}: ${reason}; create one with 'openssl rand -hex 32', for the server and its clients`
  return readSmallFile(path, { most: MAX_TOKENS_BYTES, toMessage }).toString()
}

function toTokens(list: Reread<readonly string[]>): Tokens {
  return {
    allow(authorization) {
      const shown = toHash(parseShownToken(authorization))
      // All of them each time, so that the duration reveals nothing.
      return list.get().filter((token) => timingSafeEqual(toHash(token), shown)).length > 0
    },
    first: () => list.get()[0] ?? '',
    reload: list.reload,
  }
}

function toHash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
