/** What is sent after the fields: bytes in memory, a stream that whoever answers reads or cancels, or nothing. */
export type Body = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null

/** What an answer is made of. */
export interface Parts {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: Body
}

/**
 * Fields of every answer of either server, where it has none of its own in their place. What is served is other people's:
 * no browser may guess its type, run it in this origin, embed or frame it in another, or tell where a link in it was
 * followed from.
 */
export const SECURITY_FIELDS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const

/** Kept on the Response itself: a WeakMap of short-lived keys is what the garbage collector is slowest at. */
const PARTS = Symbol('parts')

interface Answer extends Response {
  [PARTS]?: Parts
}

/**
 * A Response with fields of its `own`, and those of every answer that are not among them, that keeps what it was made of: for a log or a host that would
 * else take it apart again, which costs more than all the rest of an answer from memory.
 */
export function createAnswer(status: number, own: Readonly<Record<string, string>>, body: Body): Response {
  const fields = { ...SECURITY_FIELDS, ...own }
  const response: Answer = new Response(body, { status, headers: fields })
  response[PARTS] = { status, fields, body }
  return response
}

/** The parts of a Response that `createAnswer` made, as long as nobody wrapped it in another. */
export function toParts(response: Answer): Parts | undefined {
  return response[PARTS]
}
