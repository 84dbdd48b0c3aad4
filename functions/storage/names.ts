import { MAX_NAME_BYTES } from '../wire/limits.ts'
import type { PassedKind } from '../wire/passed.ts'
import { StorageError } from '../wire/trouble.ts'

/** Below this first segment vouch keeps its own files; no name reaches there. */
export const RESERVED = '.vouch'

/** Segments that are neither empty nor `.` nor `..`, without NUL and backslash, the first not `.vouch`. */
const NAME = /^(?!\.vouch(?:\/|$))(?:(?!\.{1,2}(?:\/|$))[^\0\\/]+(?:\/(?!$)|$))+$/

const encoder = new TextEncoder()

/**
 * `text` when it is the name of a file below a root, else null. A name is relative, `/`-separated and well-formed
 * Unicode; no segment is empty, `.` or `..`; it holds no NUL and no backslash, which is a separator elsewhere; it is
 * at most `MAX_NAME_BYTES` of UTF-8; and `.vouch` is not its first segment. Names are compared as they are: no Unicode
 * normalization, no case folding, no percent-decoding. A store that cannot hold a valid name, a segment of 300 bytes
 * say, does not have it, and refuses to write it.
 */
export function parseName(text: string): string | null {
  return NAME.test(text) && text.isWellFormed() && !isLonger(text, MAX_NAME_BYTES) ? text : null
}

/** Why `parseName` does not take a text, which may stand for bytes (see `decodeBytes`); null when it does. */
export function findFault(text: string): PassedKind | null {
  if (parseName(text) !== null) return null
  if (!text.isWellFormed()) return 'not-utf-8'
  if (text.includes('\\')) return 'backslash'
  if (text.includes('\0')) return 'nul'
  const segments = text.split('/')
  if (segments[0] === RESERVED) return 'reserved'
  if (segments.includes('')) return 'empty-segment'
  return segments.some((segment) => segment === '.' || segment === '..') ? 'dot-segment' : 'name-too-long'
}

/** Whether `text` takes more than so many bytes of UTF-8, of which a UTF-16 unit takes at most three. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && encoder.encode(text).length > bytes
}

/** `text` when it is a name; throws `invalid-name` otherwise. */
export function requireName(text: string): string {
  const name = parseName(text)
  if (name === null) throw new StorageError('invalid-name', NAME_RULE)
  return name
}

/** What a name must be, in a sentence for people. */
export const NAME_RULE =
  "a name is a relative path such as 'photos/1.jpg': no empty, '.' or '..' segment, no NUL, no backslash, " +
  `at most ${MAX_NAME_BYTES} bytes, and not below '${RESERVED}/'`

/** Orders two names by the bytes of their UTF-8, which is the order of their code points: below, above or 0. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** UTF-16 puts surrogates (code points from U+10000) below U+E000 to U+FFFF; this puts them above. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
