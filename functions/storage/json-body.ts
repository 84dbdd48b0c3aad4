import type { Context } from 'hono'
import type * as v from 'valibot'
import type { AppEnv } from '../wire/app.ts'
import type { Budget } from '../wire/budget.ts'
import { BODY_MS, SMALL_BODY_BYTES } from '../wire/limits.ts'
import { type Parsed, parseJson } from '../wire/parse.ts'
import { createProblem } from '../wire/problems.ts'
import { within } from '../wire/within.ts'
import { refuseSlowBody } from './request-body.ts'
import { type Chunks, readChunks, toChunks } from './streams.ts'

export interface JsonBodyOptions {
  /** Bytes. */
  readonly limit: number
  /** What the body must be, for the refusal: `{"names": […]}`. */
  readonly takes: string
}

/** A request's JSON body as `schema` has it; the problem to answer with when it is none, too large or too slow. */
export async function readJsonBody<T extends v.GenericSchema>(
  c: Context<AppEnv>,
  schema: T,
  options: JsonBodyOptions,
): Promise<v.InferOutput<T> | Response> {
  return await readParsedBody(c, async (text) => parseJson(schema, text), options)
}

/** A request's JSON body as `parse` reads it; the problem to answer with otherwise, as `readJsonBody`. */
export async function readParsedBody<T>(
  c: Context<AppEnv>,
  parse: (text: string) => Promise<Parsed<T>>,
  { limit, takes }: JsonBodyOptions,
): Promise<T | Response> {
  const type = toType(c.req.raw)
  if (type !== 'application/json') {
    const detail = `this resource takes application/json, got '${type}'`
    return createProblem('unsupported-media-type', detail)
  }
  const text = await readLimited(c, limit)
  if (text instanceof Response) return text
  const body = await parse(text)
  return body.success
    ? body.output
    : createProblem('invalid-body', `this resource takes ${takes}; ${body.wrong}`)
}

/** What a form of a page sent; the problem to answer with when it is none, too large or too slow. `limit` is in bytes. */
export async function readFormBody(c: Context<AppEnv>, limit: number): Promise<URLSearchParams | Response> {
  const type = toType(c.req.raw)
  if (type !== FORM)
    return createProblem('unsupported-media-type', `this resource takes ${FORM}, got '${type}'`)
  const text = await readLimited(c, limit)
  return text instanceof Response ? text : new URLSearchParams(text)
}

const FORM = 'application/x-www-form-urlencoded'

function toType(request: Request): string {
  return request.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase() ?? ''
}

async function readLimited(c: Context<AppEnv>, limit: number): Promise<string | Response> {
  const text = await within(BODY_MS, readBody(c, limit))
  if (text === undefined) return refuseSlowBody(`the whole body must arrive in ${BODY_MS / 1000} seconds`)
  if (text === 'no room')
    return createProblem('overloaded', 'the bodies that are being received take all the memory they may')
  return text?.body ?? createProblem('too-large', `this resource takes at most ${limit} bytes`)
}

/** The body as text; null when it is longer than `limit` bytes, and `no room` when bodies take all that they may. */
async function readBody(
  c: Context<AppEnv>,
  limit: number,
): Promise<{ readonly body: string } | 'no room' | null> {
  const request = c.req.raw
  const length = Number(request.headers.get('Content-Length') ?? Number.NaN)
  // The host holds a sender to the length it announced, and reads such a body in one go.
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
