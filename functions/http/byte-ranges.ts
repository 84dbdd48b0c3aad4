import { type Chunks, generate, type Use } from '../bytes/chunks.ts'
import { type ByteRange, toContentRange } from '../wire/fields/ranges.ts'
import { MAX_RANGE_GAP_BYTES } from '../wire/limits.ts'
import { type Body, toBodyChunks } from './answer.ts'
import { createDelimiters } from './multipart.ts'

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
  const { boundary, toHead, end } = createDelimiters()
  const parts = ranges.map((range) => {
    const head = toHead({ 'Content-Type': type, 'Content-Range': toContentRange(range, size) })
    return { ...range, head }
  })
  const length = parts.reduce((sum, part) => sum + part.head.length + part.length, end.length)
  const groups = isPartCheap ? toGroups(parts) : [parts]
  const body = generate((use) => sendGroups(groups, end, open, use))
  const fields = {
    'Content-Type': `multipart/byteranges; boundary=${boundary}`,
    'Content-Length': String(length),
  }
  return { fields, body }
}

async function* sendGroups(
  groups: readonly (readonly Part[])[],
  end: Uint8Array,
  open: OpenPart,
  use: Use,
): AsyncGenerator<Uint8Array> {
  for (const group of groups) {
    const span = toSpan(group)
    const bytes = use(toBodyChunks(await open(span)))
    yield* cut(bytes, span.offset, group)
  }
  yield end
}

interface Part extends ByteRange {
  /** What precedes its bytes. */
  readonly head: Uint8Array
}

/** Parts between which the gaps are small. */
function toGroups(parts: readonly Part[]): readonly (readonly Part[])[] {
  const groups: Part[][] = []
  for (const part of parts) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    if (group && last && part.offset - (last.offset + last.length) <= MAX_RANGE_GAP_BYTES) group.push(part)
    else groups.push([part])
  }
  return groups
}

function toSpan(ranges: readonly ByteRange[]): ByteRange {
  const [first, last] = [ranges[0], ranges.at(-1)]
  const offset = first?.offset ?? 0
  return { offset, length: (last?.offset ?? 0) + (last?.length ?? 0) - offset }
}

/** Each part with its head, of bytes that begin at `offset`. Reads all of them, which may prove them. */
async function* cut(
  bytes: AsyncIterable<Uint8Array>,
  offset: number,
  parts: readonly Part[],
): AsyncGenerator<Uint8Array> {
  let at = offset
  let next = 0
  for await (const chunk of bytes) {
    const end = at + chunk.length
    for (let part = parts[next]; part !== undefined && part.offset < end; part = parts[next]) {
      if (part.offset >= at) yield part.head
      yield chunk.subarray(Math.max(part.offset - at, 0), part.offset + part.length - at)
      if (part.offset + part.length > end) break
      next++
    }
    at = end
  }
}
