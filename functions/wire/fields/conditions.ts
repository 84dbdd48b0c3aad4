import { parseHttpDate } from './dates.ts'
import { type ByteRange, parseRanges } from './ranges.ts'

/** The fields of a request. */
type Fields = Pick<Headers, 'get' | 'has'>

/** The current content, which conditions are evaluated against. */
interface Current {
  /** The entity-tag as `ETag` carries it, quotes included. */
  readonly etag: string
  /** Milliseconds since 1970; null where the store keeps no time: conditions on time are then ignored. */
  readonly modified: number | null
}

/** The result of a request's conditions: proceed, answer 304, or answer 412. */
export type Verdict = 'proceed' | 'not-modified' | 'failed'

/**
 * Evaluates a request's preconditions, but for `If-Range`, for a content that exists, in the order of RFC
 * 9110 §13.2.2. An invalid date is ignored (§13.1.3, §13.1.4), and so is a condition on time beside the
 * one on tags that replaces it. A malformed list of tags names none: `If-Match` fails, `If-None-Match` holds.
 */
export function evaluateConditions(method: string, headers: Fields, current: Current): Verdict {
  if (!isExpected(headers, current)) return 'failed'
  const reads = method === 'GET' || method === 'HEAD'
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== null) {
    if (!matchesWeakly(ifNoneMatch, current.etag)) return 'proceed'
    return reads ? 'not-modified' : 'failed'
  }
  if (!reads) return 'proceed'
  return isUnmodifiedSince(headers.get('if-modified-since'), current) ? 'not-modified' : 'proceed'
}

/** Steps 1 and 2 of §13.2.2: whether the content is the one that the client expects. */
function isExpected(headers: Fields, current: Current): boolean {
  const ifMatch = headers.get('if-match')
  if (ifMatch !== null) return matchesStrongly(ifMatch, current.etag)
  return isUnmodifiedSince(headers.get('if-unmodified-since'), current) ?? true
}

/** Whether the content is not newer than `date`; null when that is unknown. */
function isUnmodifiedSince(date: string | null, current: Current): boolean | null {
  if (date === null || current.modified === null) return null
  const time = parseHttpDate(date)
  // HTTP dates have no fractions: the content's own Last-Modified was cut to the second too.
  return time === null ? null : Math.floor(current.modified / 1000) * 1000 <= time
}

/** RFC 9110 §8.8.3.2: weak tags never match strongly. */
function matchesStrongly(field: string, etag: string): boolean {
  return field === '*' || (!isWeak(etag) && parseTags(field).includes(etag))
}

function matchesWeakly(field: string, etag: string): boolean {
  return field === '*' || parseTags(field).some((tag) => toOpaque(tag) === toOpaque(etag))
}

function isWeak(etag: string): boolean {
  return etag.startsWith('W/')
}

function toOpaque(etag: string): string {
  return isWeak(etag) ? etag.slice(2) : etag
}

const TAG = /(?:W\/)?"[^\x00-\x20"\x7f]*"/g
const TAGS = new RegExp(`^[ \\t]*(?:${TAG.source}[ \\t]*)?(?:,[ \\t]*(?:${TAG.source}[ \\t]*)?)*$`)

/** The entity-tags of a list (RFC 9110 §8.8.3, §5.6.1), which may have empty elements; [] if malformed. */
function parseTags(field: string): readonly string[] {
  return TAGS.test(field) ? (field.match(TAG) ?? []) : []
}

/**
 * Whether `Range` counts: without `If-Range` (null), or with the content's own strong tag (RFC 9110
 * §13.1.5). Never with a date, though the RFC allows it: a copy may change and keep its time.
 */
export function isRangeFresh(ifRange: string | null, etag: string): boolean {
  return ifRange === null || (ifRange === etag && !isWeak(etag))
}

/**
 * Whether a request asks for less than the whole without a condition that names the content it is of: after
 * a change of the content, such a part belongs to another than what the client has. A range from the first
 * byte to the last of `size`, where that is given, asks for the whole.
 */
export function isPartOfAny(
  { method, headers }: { readonly method: string; readonly headers: Fields },
  size?: number,
): boolean {
  const range = method === 'GET' ? headers.get('range') : null
  if (range === null || headers.has('if-range') || headers.has('if-match')) return false
  const last = /^bytes=0+-(\d*)$/i.exec(range)?.[1]
  return last !== '' && (last === undefined || size === undefined || Number(last) !== size - 1)
}

/** The status, and the parts, with which to answer for a content that exists. */
export type Selection =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly ranges: readonly ByteRange[] }

const WHOLE: Selection = { status: 200 }

/**
 * Selects what to send of a content of `size` bytes by the request's conditions and ranges, in the order of
 * RFC 9110 §13.2.2. Only GET has ranges (§14.2). Those of a 206 are as `parseRanges` returns them.
 */
export function selectParts(
  method: string,
  headers: Fields,
  current: Current & { readonly size: number },
): Selection {
  const verdict = evaluateConditions(method, headers, current)
  if (verdict === 'failed') return { status: 412 }
  if (verdict === 'not-modified') return { status: 304 }
  const field = method === 'GET' ? headers.get('range') : null
  if (field === null || !isRangeFresh(headers.get('if-range'), current.etag)) return WHOLE
  const ranges = parseRanges(field, current.size)
  if (ranges === null) return WHOLE
  return ranges === 'unsatisfiable' ? { status: 416 } : { status: 206, ranges }
}
