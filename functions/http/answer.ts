import { type Chunks, fromBytes, toChunks, toStream } from '../bytes/chunks.ts'
import { streamLines, streamText, type WriteLine, type WriteText } from '../bytes/line-writer.ts'

/** What is sent after the fields: bytes in memory, a stream that the server reads or cancels, or nothing. */
export type Body = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null

/** What a Response was made of. */
export interface Parts {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: Body
}

/**
 * Fields of every answer of either server that has no such field itself. The served files are untrusted: no
 * browser may guess their type, run them in this origin, embed or frame them in another, or send a referrer.
 */
export const SECURITY_FIELDS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const

/** Fields of an answer of JSON lines. */
export const LINES = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' } as const

/** Stored on the Response itself: a WeakMap with short-lived keys is slow to collect. */
const PARTS = Symbol('parts')

interface PartedResponse extends Response {
  [PARTS]?: Parts | undefined
}

/** Creates a Response with the security fields plus `own`. */
export function createAnswer(status: number, own: Readonly<Record<string, string>>, body: Body): Response {
  return answerWith(status, withSecurity(own), body)
}

/** The security fields plus `own`. */
export function withSecurity(own: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...SECURITY_FIELDS, ...own }
}

/** Forgets the parts of a Response when anybody asks for its `headers`, which they may then change. */
const HEADERS: PropertyDescriptor & ThisType<PartedResponse> = {
  configurable: true,
  get() {
    this[PARTS] = undefined
    return Reflect.get(Object.getPrototypeOf(this), 'headers', this)
  },
}

/**
 * Creates a Response with these fields, security ones included, and remembers its parts, so that the logger
 * and the host need not read them back, which is the costliest step of an answer from memory.
 */
export function answerWith(status: number, fields: Readonly<Record<string, string>>, body: Body): Response {
  const response: PartedResponse = new Response(body, { status, headers: fields })
  response[PARTS] = { status, fields, body }
  // The same descriptor each time: V8 has another kind of object for each getter.
  Object.defineProperty(response, 'headers', HEADERS)
  return response
}

/**
 * The parts of a Response that was made here; undefined for any other, such as a copy, and once anybody has
 * asked for its `headers`, to which they may have added some.
 */
export function toParts(response: PartedResponse): Parts | undefined {
  return response[PARTS]
}

/** A body as chunks; none for no body. */
export function toBodyChunks(body: Body): Chunks {
  return body instanceof ReadableStream ? toChunks(body) : fromBytes(body ?? new Uint8Array())
}

/** Answers 200 with `value` in JSON, which no cache may store, and `own` fields besides. */
export function toJson(value: unknown, own: Readonly<Record<string, string>> = {}): Response {
  const body = new TextEncoder().encode(JSON.stringify(value))
  const fields = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }
  return createAnswer(200, { ...fields, 'Cache-Control': 'no-store', ...own }, body)
}

/** Answers 200 with a text of this media type, which no cache may store, and other `fields`. */
export function answerPlainText(
  type: string,
  text: string,
  fields: Readonly<Record<string, string>> = {},
): Response {
  const body = new TextEncoder().encode(text)
  const own = { 'Content-Type': type, 'Content-Length': String(body.length), 'Cache-Control': 'no-store' }
  return createAnswer(200, { ...fields, ...own }, body)
}

/** Answers 200 with the text that `work` writes, as it is written; see `streamText`. */
export function answerText(
  fields: Readonly<Record<string, string>>,
  work: (write: WriteText, signal: AbortSignal) => Promise<void>,
): Response {
  return createAnswer(200, fields, toStream(streamText(work)))
}

/** Answers 200 with the lines of JSON that `work` writes, as they are written. */
export function answerLines(work: (writeLine: WriteLine, signal: AbortSignal) => Promise<void>): Response {
  return createAnswer(200, LINES, toStream(streamLines(work)))
}
