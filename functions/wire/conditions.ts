import { parseHttpDate } from './dates.ts'

/** What conditions are held against: the content as it is now. */
export interface Current {
  /** The entity-tag as `ETag` carries it, quotes included. */
  readonly etag: string
  /** Milliseconds since 1970; null where the store keeps no time, and then every condition on time is ignored. */
  readonly modified: number | null
}

/** What the conditions of a request come to: go on, answer 304, or answer 412. */
export type Verdict = 'proceed' | 'not-modified' | 'failed'

/**
 * Evaluates the preconditions of a request for a content that exists, in the order of RFC 9110 §13.2.2, without
 * `If-Range` (see `isRangeFresh`). A date that is none is ignored (§13.1.3, §13.1.4); so is a condition on time beside
 * the one on tags that replaces it. A malformed list of tags names no tag: `If-Match` fails, `If-None-Match` holds.
 */
export function evaluateConditions(method: string, headers: Headers, current: Current): Verdict {
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

/** Steps 1 and 2 of §13.2.2: whether the content is the one that the client has in mind. */
function isExpected(headers: Headers, current: Current): boolean {
  const ifMatch = headers.get('if-match')
  if (ifMatch !== null) return matchesStrongly(ifMatch, current.etag)
  return isUnmodifiedSince(headers.get('if-unmodified-since'), current) ?? true
}

/** Whether the content is no younger than `date`; null when that cannot be told. */
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

/** The entity-tags of a list (RFC 9110 §8.8.3, §5.6.1), which may have empty elements; none when it is malformed. */
function parseTags(field: string): readonly string[] {
  return TAGS.test(field) ? (field.match(TAG) ?? []) : []
}

/**
 * Whether `Range` counts: there is no `If-Range` (null), or it is the content's own strong tag (RFC 9110 §13.1.5).
 * A date never counts, though the RFC allows one: a modification time can stand still while a copy changes, and the
 * parts that a client then puts together never were one content.
 */
export function isRangeFresh(ifRange: string | null, etag: string): boolean {
  return ifRange === null || (ifRange === etag && !isWeak(etag))
}
