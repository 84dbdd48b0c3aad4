import * as v from 'valibot'
import { BODY_MS } from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { within } from '../wire/within.ts'
import { refuseSlowBody } from './request-body.ts'
import { readText, toChunks } from './streams.ts'

export interface JsonBodyOptions {
  /** Bytes. */
  readonly limit: number
  /** What the body must be, for the refusal: `{"names": […]}`. */
  readonly takes: string
}

/** A request's JSON body as `schema` has it; the problem to answer with when it is none, too large or too slow. */
export async function readJsonBody<T extends v.GenericSchema>(
  request: Request,
  schema: T,
  { limit, takes }: JsonBodyOptions,
): Promise<v.InferOutput<T> | Response> {
  if (toType(request) !== 'application/json') {
    const detail = `this resource takes application/json, got '${toType(request)}'`
    return createProblem('unsupported-media-type', detail)
  }
  const text = await readLimited(request, limit)
  if (text instanceof Response) return text
  const body = v.safeParse(schema, parseJson(text))
  return body.success ? body.output : createProblem('invalid-body', `this resource takes ${takes}`)
}

/** What a form of a page sent; the problem to answer with when it is none, too large or too slow. `limit` is in bytes. */
export async function readFormBody(request: Request, limit: number): Promise<URLSearchParams | Response> {
  if (toType(request) !== FORM) {
    return createProblem('unsupported-media-type', `this resource takes ${FORM}, got '${toType(request)}'`)
  }
  const text = await readLimited(request, limit)
  return text instanceof Response ? text : new URLSearchParams(text)
}

const FORM = 'application/x-www-form-urlencoded'

function toType(request: Request): string {
  return request.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase() ?? ''
}

async function readLimited(request: Request, limit: number): Promise<string | Response> {
  const text = await within(BODY_MS, readBody(request, limit))
  if (text === undefined)
    return refuseSlowBody(`the whole body must arrive in ${BODY_MS / 1000} seconds`)
  return text ?? createProblem('too-large', `this resource takes at most ${limit} bytes`)
}

/** The body as text; null when it is longer than `limit` bytes. */
async function readBody(request: Request, limit: number): Promise<string | null> {
  const length = Number(request.headers.get('Content-Length') ?? Number.NaN)
  // The host holds a sender to the length it announced, and reads such a body in one go.
  if (length <= limit) return await request.text()
  if (length > limit) return null
  return request.body === null ? '' : await readText(toChunks(request.body), limit)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
