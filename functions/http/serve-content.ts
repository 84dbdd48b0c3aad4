import { getMimeType } from 'hono/utils/mime'
import { primed, toStream } from '../bytes/chunks.ts'
import type { Digest } from '../wire/digest.ts'
import { selectParts } from '../wire/fields/conditions.ts'
import { parseHttpDate, parseSeconds, toHttpDate, toSeconds } from '../wire/fields/dates.ts'
import { toDigestFields, toEtag } from '../wire/fields/fields.ts'
import { type ByteRange, toContentRange, toUnsatisfiedRange } from '../wire/fields/ranges.ts'
import { answerWith, type Body, createAnswer, SECURITY_FIELDS } from './answer.ts'
import type { RequestHead } from './app.ts'
import { toMultipart } from './byte-ranges.ts'
import { createProblem } from './problems.ts'

type Fields = Readonly<Record<string, string>>

/** One content of one name. */
interface Content {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly digest: Digest
  /** Milliseconds since 1970, null when unknown. */
  readonly modified: number | null
}

/** A content as HTTP serves it: what is the same in each answer that sends it. */
export interface Representation extends Pick<Content, 'size' | 'modified'> {
  readonly etag: string
  /** What the answering server adds. */
  readonly own: Fields
  /** All fields of an answer that sends the whole. */
  readonly fields: Fields
}

/**
 * A browser opens a video or a sound in a player of its own, which asks for the file again by ranges, as a
 * part of the document in which it stands: that must be of this origin, and may load media. It runs nothing.
 */
const PLAYER_FIELDS = {
  'Content-Security-Policy':
    "default-src 'none'; media-src 'self'; sandbox allow-same-origin; frame-ancestors 'none'",
}

/**
 * The representation of a content, with the answering server's `own` fields, and those of its content, which
 * replace others.
 */
export function toRepresentation(
  { name, size, digest, modified }: Content,
  own: Fields,
  ofContent: Fields = {},
): Representation {
  const etag = toEtag(digest)
  const type = toMediaType(name)
  // One object: a copy of so many fields takes longer than the comparison of two replicas.
  const fields = {
    ...SECURITY_FIELDS,
    ...(/^(audio|video)\//.test(type) && PLAYER_FIELDS),
    ETag: etag,
    ...toDigestFields(digest),
    ...toTimeFields(modified),
    'Cache-Control': 'no-cache, no-transform',
    Vary: 'Accept',
    ...own,
    'Content-Type': type,
    'Content-Length': String(size),
    'Accept-Ranges': 'bytes',
    ...ofContent,
  }
  return { size, etag, modified, own, fields }
}

/**
 * Answers GET or HEAD by conditions and ranges (RFC 9110 §13.2.2, §14.2). `open` opens the part to send, the
 * whole when `range` is absent; it is not called when no body is sent. `isPartCheap` is whether it can open
 * a part without reading the whole. Throws or rejects as `open` does, and waits only where that does.
 */
export function answerContent(
  { method, headers }: Pick<RequestHead, 'method' | 'headers'>,
  representation: Representation,
  open: Open,
  isPartCheap: () => boolean = () => true,
): Response | Promise<Response> {
  const { size, own, fields } = representation
  const part = selectParts(method, headers, representation)
  if (part.status === 200) return answerOpened(200, fields, method === 'HEAD' ? null : open())
  if (part.status === 206) return answerRanges(representation, part.ranges, open, isPartCheap)
  if (part.status === 412) {
    const detail = 'the file is not, or no longer, the one that the condition names'
    return createProblem('precondition-failed', detail, { fields: own })
  }
  if (part.status === 416) {
    const unsatisfied = { ...own, 'Content-Range': toUnsatisfiedRange(size) }
    return createProblem('range-not-satisfiable', `the file has ${size} bytes`, { fields: unsatisfied })
  }
  const { 'Content-Type': _type, 'Content-Length': _length, 'Accept-Ranges': _ranges, ...rest } = fields
  return createAnswer(304, rest, null)
}

type Open = (range?: ByteRange) => Body | Promise<Body>

/** Waits only for a body that is not there yet. */
function answerOpened(
  status: number,
  fields: Fields,
  body: Body | Promise<Body>,
): Response | Promise<Response> {
  if (!(body instanceof Promise)) return answerWith(status, fields, body)
  return body.then((opened) => answerWith(status, fields, opened))
}

function answerRanges(
  { size, fields }: Representation,
  ranges: readonly ByteRange[],
  open: Open,
  isPartCheap: () => boolean,
): Response | Promise<Response> {
  const [range, another] = ranges
  if (range === undefined || another !== undefined) {
    const type = fields['Content-Type'] ?? ''
    return answerMultipart(fields, toMultipart(ranges, { size, type, isPartCheap: isPartCheap() }, open))
  }
  const ofPart = { 'Content-Length': String(range.length), 'Content-Range': toContentRange(range, size) }
  return answerOpened(206, { ...fields, ...ofPart }, open(range))
}

async function answerMultipart(fields: Fields, multipart: ReturnType<typeof toMultipart>): Promise<Response> {
  const body = toStream(await primed(multipart.body))
  return answerWith(206, { ...fields, ...multipart.fields }, body)
}

/** The media type of a name's extension, without a charset, which is not known. */
export function toMediaType(name: string): string {
  return getMimeType(name)?.split(';')[0] ?? 'application/octet-stream'
}

/**
 * `Last-Modified`, in whole seconds and never later than the answer (RFC 9110 §8.8.2.1), and
 * `File-Modified`, exact (a Decimal of RFC 9651 §3.3.2, in seconds since 1970); none for an unknown time.
 */
export function toTimeFields(modified: number | null): Record<string, string> {
  if (modified === null) return {}
  return {
    'Last-Modified': toHttpDate(Math.min(modified, Date.now())),
    'File-Modified': toSeconds(modified),
  }
}

/** The modification time in an answer's fields, preferably from `File-Modified`; null without either. */
export function parseTimeFields(headers: { get(name: string): string | null }): number | null {
  return parseSeconds(headers.get('File-Modified') ?? '') ?? parseHttpDate(headers.get('Last-Modified') ?? '')
}
