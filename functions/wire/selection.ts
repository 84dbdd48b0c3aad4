import { type Current, evaluateConditions, isRangeFresh } from './conditions.ts'
import { type ByteRange, parseRange } from './ranges.ts'

/** What is to be answered about a content that exists: its whole, a part, or none of it. */
export type Selection =
  | { readonly status: 200 }
  | { readonly status: 206; readonly range: ByteRange }
  | { readonly status: 304 }
  | { readonly status: 412 }
  | { readonly status: 416 }

const WHOLE: Selection = { status: 200 }

/**
 * What a request selects of a content of `size` bytes: its preconditions, `If-Range` and `Range`, in the order of RFC
 * 9110 §13.2.2. Only GET has ranges (§14.2). A 206 is never of nothing: its range is at least one byte.
 */
export function selectPart(
  method: string,
  headers: Headers,
  current: Current & { readonly size: number },
): Selection {
  const verdict = evaluateConditions(method, headers, current)
  if (verdict === 'failed') return { status: 412 }
  if (verdict === 'not-modified') return { status: 304 }
  const field = method === 'GET' ? headers.get('range') : null
  if (field === null || !isRangeFresh(headers.get('if-range'), current.etag)) return WHOLE
  const range = parseRange(field, current.size)
  if (range === null) return WHOLE
  return range === 'unsatisfiable' ? { status: 416 } : { status: 206, range }
}
