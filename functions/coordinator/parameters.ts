import { type Digest, isDigest } from '../wire/digest.ts'
import { parseMaxAge } from '../wire/fields/query.ts'

/** How many replicas must answer. */
export type Require = 'all' | 'majority' | number

/** The query parameters of a read. */
interface ReadParameters {
  readonly require: Require | undefined
  /** That version, from any holder. */
  readonly version: Digest | undefined
  /** That replica's copy, uncompared. */
  readonly replica: string | undefined
  /** As in `AskOptions`. */
  readonly maxAge: number | undefined
  /** The receipt of the file, instead of the file. */
  readonly receipt: boolean
  /** As in `ReadRequest`. */
  readonly form: 'metalink' | undefined
}

/** Parses the parameters of a read from the replicas `ids`; returns a message when they are not valid. */
export function parseReadParameters(
  query: Record<string, string>,
  ids: readonly string[],
): ReadParameters | string {
  const { version, replica } = query
  const require = query['require'] === undefined ? undefined : parseRequire(query['require'], ids.length)
  if (require === null) return toRequireRule(ids.length, query['require'])
  if (version !== undefined && !isDigest(version))
    return `version takes a SHA-256 in lower-case hex, got '${version}'`
  if (replica !== undefined && !ids.includes(replica)) return toReplicaRule(ids, replica)
  if (version !== undefined && replica !== undefined) return 'version and replica exclude each other'
  const receipt = query['receipt'] !== undefined
  if (receipt && replica !== undefined) return 'receipt and replica exclude each other'
  const maxAge = parseMaxAge(query['max-age'])
  if (typeof maxAge === 'string') return maxAge
  const form = query['metalink'] === undefined ? undefined : 'metalink'
  if (form && replica !== undefined) return 'metalink and replica exclude each other'
  return { require, version, replica, maxAge: maxAge ?? undefined, form, receipt }
}

/** The message for a `require` that is not one for `of` replicas. */
export function toRequireRule(of: number, got: string | undefined): string {
  return `require takes all, majority or 1 to ${of}, got '${got}'`
}

/** The message for an id that is not one of `ids`. */
export function toReplicaRule(ids: readonly string[], got: string): string {
  return `replica takes one of ${ids.join(', ')}, got '${got}'`
}

/** `all`, `majority` or a number from 1 to `of`; null for anything else. */
export function parseRequire(text: string, of: number): Require | null {
  if (text === 'all' || text === 'majority') return text
  const number = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 0
  return number >= 1 && number <= of ? number : null
}

/** The number of replicas that `require` means, out of `of`. */
export function toCount(require: Require, of: number): number {
  if (require === 'all') return of
  return require === 'majority' ? Math.floor(of / 2) + 1 : require
}

/** The preferences in `Prefer` (RFC 7240 §2), lower-case, without parameters: `handling=strict`. */
export function parsePrefer(field: string): ReadonlySet<string> {
  const preferences = field.split(',').map((one) => one.split(';')[0] ?? '')
  return new Set(preferences.map((one) => one.replaceAll(/[\s"]/g, '').toLowerCase()))
}
