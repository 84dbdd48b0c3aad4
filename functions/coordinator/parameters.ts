import { type Digest, isDigest } from '../wire/digest.ts'
import { parseMaxAge } from '../wire/max-age.ts'

/** How many replicas must answer. */
export type Require = 'all' | 'majority' | number

/** What a read asks beyond the name. */
export interface ReadParameters {
  readonly require: Require | undefined
  /** That version, from any holder. */
  readonly version: Digest | undefined
  /** That replica's copy, uncompared. */
  readonly replica: string | undefined
  /** As in `AskOptions`; of that version or replica as well. */
  readonly maxAge: number | undefined
}

/** The parameters of a read of files that `ids` hold; a sentence on what is wrong with them otherwise. */
export function parseReadParameters(
  query: Record<string, string>,
  ids: readonly string[],
): ReadParameters | string {
  const { version, replica } = query
  const require = query['require'] === undefined ? undefined : parseRequire(query['require'], ids.length)
  if (require === null) return `require takes all, majority or 1 to ${ids.length}, got '${query['require']}'`
  if (version !== undefined && !isDigest(version))
    return `version takes a SHA-256 in lower-case hex, got '${version}'`
  if (replica !== undefined && !ids.includes(replica))
    return `replica takes one of ${ids.join(', ')}, got '${replica}'`
  if (version !== undefined && replica !== undefined) return 'version and replica exclude each other'
  const maxAge = parseMaxAge(query['max-age'])
  if (typeof maxAge === 'string') return maxAge
  return { require, version, replica, maxAge: maxAge ?? undefined }
}

/** `all`, `majority` or a number from 1 to `of`; null for anything else. */
export function parseRequire(text: string, of: number): Require | null {
  if (text === 'all' || text === 'majority') return text
  const number = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 0
  return number >= 1 && number <= of ? number : null
}

/** How many of `of` replicas `require` stands for. */
export function toCount(require: Require, of: number): number {
  if (require === 'all') return of
  return require === 'majority' ? Math.floor(of / 2) + 1 : require
}

/** The preferences of a `Prefer` field (RFC 7240 §2), lower-case, without their parameters: `handling=strict`. */
export function parsePrefer(field: string): ReadonlySet<string> {
  const preferences = field.split(',').map((one) => one.split(';')[0] ?? '')
  return new Set(preferences.map((one) => one.replaceAll(/[\s"]/g, '').toLowerCase()))
}
