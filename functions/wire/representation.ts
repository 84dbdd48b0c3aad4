import { getMimeType } from 'hono/utils/mime'
import { type Body, createAnswer } from './answer.ts'
import { parseHttpDate, parseSeconds, toHttpDate, toSeconds } from './dates.ts'
import type { Digest } from './digest.ts'
import { toEtag, toReprDigest } from './fields.ts'
import { createProblem } from './problems.ts'
import { type ByteRange, toContentRange, toUnsatisfiedRange } from './ranges.ts'
import { selectPart } from './selection.ts'

/** One content of one name, as HTTP serves it. */
export interface Representation {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly digest: Digest
  /** Milliseconds since 1970, null when unknown. */
  readonly modified: number | null
}

/** What the server that answers adds. */
export interface AnswerOptions {
  /** Fields of its own. */
  readonly fields: Readonly<Record<string, string>>
  /** Opens the part to send: the whole when `range` is absent. Not called when no body is sent. */
  readonly open: (range?: ByteRange) => Promise<Body>
}

/**
 * Answers GET or HEAD for `content`: 200, 206, 304, 412 or 416, as the request's conditions and range ask (RFC 9110
 * §13.2.2 and §14.2). Rejects as `open` does, before anything is sent.
 */
export async function answerContent(
  method: string,
  headers: Headers,
  content: Representation,
  options: AnswerOptions,
): Promise<Response> {
  const etag = toEtag(content.digest)
  const part = selectPart(method, headers, { size: content.size, etag, modified: content.modified })
  if (part.status === 412) return refuseCondition(options)
  if (part.status === 416) return refuseRange(content.size, options)

  const fields = { ...toValidators(content, etag), ...options.fields }
  if (part.status === 304) return createAnswer(304, fields, null)
  const range = part.status === 206 ? part.range : undefined
  const body = method === 'HEAD' ? null : await options.open(range)
  const whole = {
    ...fields,
    'Content-Type': toMediaType(content.name),
    'Content-Length': String(range?.length ?? content.size),
    'Accept-Ranges': 'bytes',
  }
  const contentRange = range && { 'Content-Range': toContentRange(range, content.size) }
  return createAnswer(part.status, contentRange ? { ...whole, ...contentRange } : whole, body)
}

/** The media type that a name's extension stands for. No charset: what the bytes are in, nobody has told us. */
export function toMediaType(name: string): string {
  return getMimeType(name)?.split(';')[0] ?? 'application/octet-stream'
}

/**
 * `Last-Modified`, which is never later than the answer (RFC 9110 §8.8.2.1) and has whole seconds, and `File-Modified`,
 * the time as it is (a Decimal of RFC 9651 §3.3.2, in seconds since 1970); nothing where the time is unknown.
 */
export function toTimeFields(modified: number | null): Record<string, string> {
  if (modified === null) return {}
  return {
    'Last-Modified': toHttpDate(Math.min(modified, Date.now())),
    'File-Modified': toSeconds(modified),
  }
}

/** The time in the fields of an answer, from `Last-Modified` where there is no `File-Modified`; null without either. */
export function parseTimeFields(headers: { get(name: string): string | null }): number | null {
  return parseSeconds(headers.get('File-Modified') ?? '') ?? parseHttpDate(headers.get('Last-Modified') ?? '')
}

function toValidators(content: Representation, etag: string): Record<string, string> {
  return {
    ETag: etag,
    'Repr-Digest': toReprDigest(content.digest),
    ...toTimeFields(content.modified),
    'Cache-Control': 'no-cache, no-transform',
    Vary: 'Accept',
  }
}

function refuseCondition({ fields }: AnswerOptions): Response {
  return createProblem('precondition-failed', 'the file is not, or no longer, the one asked for', { fields })
}

function refuseRange(size: number, { fields }: AnswerOptions): Response {
  return createProblem('range-not-satisfiable', `the file has ${size} bytes`, {
    fields: { ...fields, 'Content-Range': toUnsatisfiedRange(size) },
  })
}
