import { type ByteRange, parseContentRange } from '../wire/ranges.ts'
import type { Reply } from './replies.ts'
import { type Chunks, sliced } from './streams.ts'

/** The bytes of an answer that were asked for, and the size of the whole; null where the answer does not tell it. */
export interface Part {
  readonly size: number | null
  readonly body: Chunks
}

/** What of an answer with 200 or 206 was asked for: of a whole that came for a part of it, that part. */
export function toPart(body: Chunks, { status, headers }: Reply, range: ByteRange | undefined): Part | null {
  const text = headers.get('Content-Length') ?? ''
  const length = /^\d{1,15}$/.test(text) ? Number(text) : null
  if (range === undefined) return { size: length, body }
  if (status === 200) {
    if (length !== null && range.offset + range.length > length) return null
    return { size: length, body: sliced(body, range) }
  }
  const part = parseContentRange(headers.get('Content-Range') ?? '')
  const isWanted = part?.offset === range.offset && part.length === range.length
  return isWanted && (length ?? part.length) === part.length ? { size: part.size, body } : null
}
