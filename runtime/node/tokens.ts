import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { parseShownToken } from '../../functions/wire/shown-token.ts'
import { Refusal } from './refusal.ts'
import { createReread, type Reread } from './reread.ts'

/** Secrets that open a door (RFC 6750), or as a password (RFC 7617) what a browser asks. They are never printed. */
export interface Tokens {
  /** Whether the `Authorization` field of a request carries one of them; it takes as long whichever that is. */
  allow(authorization: string | null): boolean
  /** Reads their file again now, when they are in one. */
  reload(): void
  /** The first of them, which is shown to others. */
  first(): string
}

/** RFC 6750's b64token, long enough not to be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,}=*$/

/**
 * The tokens of a file, one a line; blank lines and those that begin with `#` are none. A file that changes is read
 * again; when it is no longer one, the last good tokens stay, and `onNotice` is told in one line. Throws a Refusal when
 * it is none to begin with.
 */
export function readTokens(path: string, onNotice: (line: string) => void): Tokens {
  const onFailed = (reason: string) => onNotice(`warning: the tokens stay as they were: ${reason}`)
  return toTokens(createReread([path], () => readFile(path), onFailed))
}

/** One token, as the environment variable `name` holds it; throws a Refusal when it is none. */
export function parseToken(name: string, text: string): Tokens {
  if (!TOKEN.test(text)) throw new Refusal(`${name} ${RULE}`)
  return toTokens({ get: () => [text], reload() {} })
}

const RULE = "takes a token of at least 16 letters, digits or '-._~+/'"

function readFile(path: string): string[] {
  const lines = readText(path).split(/\r?\n/)
  const tokens = lines.flatMap((line, i) => {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) return []
    if (!TOKEN.test(text)) throw new Refusal(`line ${i + 1} of ${path} is no token: it ${RULE}`)
    return text
  })
  if (tokens.length === 0) throw new Refusal(`${path} holds no token: a line ${RULE}`)
  return tokens
}

function readText(path: string): string {
  try {
    // A FIFO would keep the server waiting.
    if (!statSync(path).isFile()) throw new Error('it is no file')
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new Refusal(
      `cannot read tokens from ${path}: ${reason}; 'openssl rand -hex 32' prints one to put there on a server, and its clients show that one`,
    )
  }
}

function toTokens(list: Reread<readonly string[]>): Tokens {
  return {
    allow(authorization) {
      const shown = toHash(parseShownToken(authorization))
      // All of them each time, so that the time tells nothing.
      return list.get().filter((token) => timingSafeEqual(toHash(token), shown)).length > 0
    },
    first: () => list.get()[0] ?? '',
    reload: list.reload,
  }
}

function toHash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
