import { type Chunks, generate } from '../bytes/chunks.ts'
import { type ByteRange, toContentRange } from '../wire/fields/ranges.ts'
import { MAX_RANGE_GAP_BYTES } from '../wire/limits.ts'
import { type Body, toBodyChunks } from './answer.ts'

const encoder = new TextEncoder()

/** Opens a part of a content. */
export type OpenPart = (range: ByteRange) => Body | Promise<Body>

/** A body of several parts of one content (RFC 9110 §14.6): its fields, and its bytes. */
export interface Multipart {
  readonly fields: { readonly 'Content-Type': string; readonly 'Content-Length': string }
  readonly body: Chunks
}

/**
 * The body that has these ranges, ascending and apart, of a content of `size` bytes and this media type. With
 * `isPartCheap` each is opened by itself, or with its neighbours where the gap is small; else all by one
 * `open`, from the first to the last, since each would read the whole. Errors as `open` and its bodies do.
 */
export function toMultipart(
  ranges: readonly ByteRange[],
  {
    size,
    type,
    isPartCheap,
  }: { readonly size: number; readonly type: string; readonly isPartCheap: boolean },
  open: OpenPart,
): Multipart {
  // Random, so that no content can be made that contains it.
  const boundary = `vouch-${crypto.randomUUID()}`
  const toHead = (range: ByteRange) =>
    encoder.encode(
      `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${toContentRange(range, size)}\r\n\r\n`,
    )
  const end = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length = ranges.reduce((sum, range) => sum + toHead(range).length + range.length, end.length)
  const groups = isPartCheap ? toGroups(ranges) : [ranges]
  const body = generate(async function* (use) {
    for (const group of groups) {
      const span = toSpan(group)
      const bytes = use(toBodyChunks(await open(span)))
      yield* cut(bytes, span.offset, group, toHead)
    }
    yield end
  })
  const fields = {
    'Content-Type': `multipart/byteranges; boundary=${boundary}`,
    'Content-Length': String(length),
  }
  return { fields, body }
}

/** Ranges between which the gaps are small. */
function toGroups(ranges: readonly ByteRange[]): readonly (readonly ByteRange[])[] {
  const groups: ByteRange[][] = []
  for (const range of ranges) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    if (group && last && range.offset - (last.offset + last.length) <= MAX_RANGE_GAP_BYTES) group.push(range)
    else groups.push([range])
  }
  return groups
}

function toSpan(ranges: readonly ByteRange[]): ByteRange {
  const [first, last] = [ranges[0], ranges.at(-1)]
  const offset = first?.offset ?? 0
  return { offset, length: (last?.offset ?? 0) + (last?.length ?? 0) - offset }
}

/** Each range with its head, of bytes that begin at `offset`. Reads all of them, which may prove them. */
async function* cut(
  bytes: AsyncIterable<Uint8Array>,
  offset: number,
  ranges: readonly ByteRange[],
  toHead: (range: ByteRange) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  let at = offset
  let next = 0
  for await (const chunk of bytes) {
    const end = at + chunk.length
    for (let range = ranges[next]; range !== undefined && range.offset < end; range = ranges[next]) {
      if (range.offset >= at) yield toHead(range)
      yield chunk.subarray(Math.max(range.offset - at, 0), range.offset + range.length - at)
      if (range.offset + range.length > end) break
      next++
    }
    at = end
  }
}
