import type { Context } from 'hono'
import type * as v from 'valibot'
import { type Chunks, fromBytes, readChunks, toChunks } from '../bytes/chunks.ts'
import { type Parsed, parseJson } from '../wire/json/parse.ts'
import { withTimeout } from '../wire/limit.ts'
import { BODY_MS, BODY_PACE_BYTES, BODY_SILENCE_MS, SMALL_BODY_BYTES } from '../wire/limits.ts'
import type { AppEnv } from './app.ts'
import type { Budget } from './overload.ts'
import { createProblem } from './problems.ts'

interface JsonBodyOptions {
  /** Bytes. */
  readonly limit: number
  /** Describes a valid body in the message: `{"names": […]}`. */
  readonly takes: string
}

/** Reads a JSON body that fits `schema`; returns a problem when it is not valid, too large or too slow. */
export async function readJsonBody<T extends v.GenericSchema>(
  c: Context<AppEnv>,
  schema: T,
  options: JsonBodyOptions,
): Promise<v.InferOutput<T> | Response> {
  return await readParsedBody(c, async (text) => parseJson(schema, text), options)
}

/** Reads a JSON body with `parse`; otherwise as `readJsonBody`. */
export async function readParsedBody<T>(
  c: Context<AppEnv>,
  parse: (text: string) => Promise<Parsed<T>>,
  { limit, takes }: JsonBodyOptions,
): Promise<T | Response> {
  const text = await readLimited(c, 'application/json', limit)
  if (text instanceof Response) return text
  const body = await parse(text)
  return body.success
    ? body.output
    : createProblem('invalid-body', `this resource takes ${takes}; ${body.wrong}`)
}

/** Reads the form that a page sent, of at most `limit` bytes; otherwise as `readJsonBody`. */
export async function readFormBody(c: Context<AppEnv>, limit: number): Promise<URLSearchParams | Response> {
  const text = await readLimited(c, 'application/x-www-form-urlencoded', limit)
  return text instanceof Response ? text : new URLSearchParams(text)
}

/** The body as text; a problem when it is of another media type than `takes`, too large or too slow. */
async function readLimited(c: Context<AppEnv>, takes: string, limit: number): Promise<string | Response> {
  const type = c.req.raw.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== takes)
    return createProblem('unsupported-media-type', `this resource takes ${takes}, got '${type}'`)
  return await readBodyText(c, limit)
}

/** The body of any media type as text, empty without one; a problem when it is too large or too slow. */
export async function readBodyText(c: Context<AppEnv>, limit: number): Promise<string | Response> {
  const text = await withTimeout(BODY_MS, readText(c, limit))
  if (text === undefined) return refuseSlowBody(`the whole body must arrive in ${BODY_MS / 1000} seconds`)
  if (text === 'no room')
    return createProblem('overloaded', 'the bodies being received fill the memory for them; ask again later')
  return text?.body ?? createProblem('too-large', `this resource takes at most ${limit} bytes`)
}

/** The body as text; null beyond `limit` bytes, `no room` when the bodies received fill their budget. */
async function readText(
  c: Context<AppEnv>,
  limit: number,
): Promise<{ readonly body: string } | 'no room' | null> {
  const request = c.req.raw
  const length = Number(request.headers.get('Content-Length') ?? Number.NaN)
  // The host enforces the announced length, and reads such a body in one go.
  if (length <= Math.min(limit, SMALL_BODY_BYTES)) return { body: await request.text() }
  if (length > limit) return null
  if (request.body === null) return { body: '' }
  return await readCounted(toChunks(request.body), limit, c.var.received)
}

async function readCounted(body: Chunks, limit: number, received: Budget) {
  return await received.hold(async (set) => {
    const decoder = new TextDecoder()
    let size = 0
    let text = ''
    for await (const chunk of readChunks(body)) {
      if (!received.hasRoom(chunk.length)) return 'no room'
      size += chunk.length
      if (size > limit) return null
      set(size)
      text += decoder.decode(chunk, { stream: true })
    }
    return { body: text + decoder.decode() }
  })
}

/**
 * The body of `request`, not read before its first chunk is asked for: until then a client may wait (RFC 9110
 * §10.1.1). Errors, and `isStalled`, when under `BODY_PACE_BYTES` arrive in `BODY_SILENCE_MS` of waiting.
 */
export function readBody(request: Request): Chunks & { isStalled(): boolean } {
  let source: Chunks | undefined
  let waited = 0
  let arrived = 0
  let isStalled = false

  return {
    isStalled: () => isStalled,
    async next() {
      source ??= request.body === null ? fromBytes(new Uint8Array()) : toChunks(request.body)
      const start = performance.now()
      const chunk = await withTimeout(BODY_SILENCE_MS - waited, source.next())
      if (chunk === undefined) {
        isStalled = true
        throw new Error('the client sent too little of the body for too long')
      }
      waited += performance.now() - start
      arrived += chunk.done ? 0 : chunk.value.length
      if (arrived >= BODY_PACE_BYTES) [waited, arrived] = [0, 0]
      return chunk
    },
    cancel: async (reason) => await source?.cancel(reason),
  }
}

/** The answer to a body that is too slow; closes the connection, on which the rest may still arrive. */
export function refuseSlowBody(rule: string): Response {
  return createProblem('request-timeout', rule, { fields: { Connection: 'close' } })
}
