/** What is sent after the fields: bytes in memory, a stream that whoever answers reads or cancels, or nothing. */
export type Body = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null

/** What an answer is made of. */
export interface Parts {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: Body
}

/** Kept on the Response itself: a WeakMap of short-lived keys is what the garbage collector is slowest at. */
const PARTS = Symbol('parts')

interface Answer extends Response {
  [PARTS]?: Parts
}

/**
 * A Response that keeps what it was made of: for a log or a host that would else take it apart again, which costs
 * more than all the rest of an answer from memory.
 */
export function createAnswer(status: number, fields: Readonly<Record<string, string>>, body: Body): Response {
  const response: Answer = new Response(body, { status, headers: fields })
  response[PARTS] = { status, fields, body }
  return response
}

/** The parts of a Response that `createAnswer` made, as long as nobody wrapped it in another. */
export function toParts(response: Answer): Parts | undefined {
  return response[PARTS]
}
