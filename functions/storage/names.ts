import { MAX_NAME_BYTES } from '../wire/limits.ts'
import type { PassedKind } from '../wire/passed.ts'
import { StorageError } from '../wire/storage-error.ts'

/** The first segment below which vouch stores its own files; no valid name has it. */
export const RESERVED = '.vouch'

/** Segments that are neither empty nor `.` nor `..`, without NUL and backslash, the first not `.vouch`. */
const NAME = /^(?!\.vouch(?:\/|$))(?:(?!\.{1,2}(?:\/|$))[^\0\\/]+(?:\/(?!$)|$))+$/

const encoder = new TextEncoder()

/**
 * Returns `text` when it is a valid name of a file below a root, otherwise null. A name is relative,
 * `/`-separated and well-formed Unicode; no segment is empty, `.` or `..`; it contains no NUL and no
 * backslash, a separator elsewhere; it has at most `MAX_NAME_BYTES` of UTF-8; its first segment is not
 * `.vouch`. Names are compared without Unicode normalization, case folding or percent-decoding. A store that
 * cannot hold a valid name, as with a segment of 300 bytes, has no such file, and rejects a write of it.
 */
export function parseName(text: string): string | null {
  if (!NAME.test(text) || !text.isWellFormed()) return null
  // A UTF-16 unit has at most three bytes of UTF-8.
  const isShort = text.length * 3 <= MAX_NAME_BYTES || encoder.encode(text).length <= MAX_NAME_BYTES
  return isShort ? text : null
}

/** Why a text is not a valid name, also one that encodes bytes (see `decodeBytes`); null for a valid name. */
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

/** Returns `text` when it is a valid name; throws `invalid-name` otherwise. */
export function requireName(text: string): string {
  const name = parseName(text)
  if (name === null) throw new StorageError('invalid-name', NAME_RULE)
  return name
}

/** The rule for a valid name, for messages. */
export const NAME_RULE =
  "a name is a relative path such as 'photos/1.jpg': no empty, '.' or '..' segment, no NUL, no backslash, " +
  `at most ${MAX_NAME_BYTES} bytes, and not below '${RESERVED}/'`

/** Whether a path, or the prefix of a listing, lies below what vouch stores for itself. */
export function isReserved(path: string): boolean {
  return path.startsWith(`${RESERVED}/`)
}

/** Compares names by the bytes of their UTF-8, the order of code points; returns below 0, above 0, or 0. */
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

/** Whether `path` is a name with the prefix, after `after`; or, ending in a slash, may lead to one. */
export function leadsTo(
  path: string,
  { prefix, after }: { readonly prefix: string; readonly after: string },
) {
  if (!path.endsWith('/')) return path.startsWith(prefix) && compareNames(path, after) > 0
  const isOnTheWay = path.startsWith(prefix) || prefix.startsWith(path)
  return isOnTheWay && (compareNames(path, after) > 0 || after.startsWith(path))
}
