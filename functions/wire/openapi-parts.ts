import { MAX_AGE_SECONDS, MAX_LISTING_PAGE, MAX_NAME_BYTES } from './limits.ts'
import { toReadable, toRef } from './openapi.ts'
import { toHeaders } from './openapi-headers.ts'
import { refuse, toProblems } from './openapi-problems.ts'
import type { Operation, Parameter, PathItem, Reply, Schema } from './openapi-types.ts'

const text: Schema = { type: 'string' }

/** A query parameter. */
export function query(name: string, description: string, schema: Schema = text): Parameter {
  return { name, in: 'query', description, schema }
}

/** A field of the request. */
export function field(name: string, description: string, schema: Schema = text): Parameter {
  return { name, in: 'header', description, schema }
}

/** How recently the bytes must have been read. */
export const MAX_AGE: Parameter = query(
  'max-age',
  'Seconds. A copy is read again if its last reading is older. A checksum of the store does not count as a reading, and neither does a list. With 0 every copy is read after the question.',
  { type: 'integer', minimum: 0, maximum: MAX_AGE_SECONDS },
)

/** The name in the path of a file. */
export const NAME: Parameter = {
  name: 'name',
  in: 'path',
  required: true,
  description:
    'The name of the file, each of its segments percent-encoded by itself. The slashes between them stay as they are: ' +
    'a slash that is encoded is refused, so a client that encodes the whole name puts them back.',
  schema: { type: 'string', minLength: 1, maxLength: MAX_NAME_BYTES },
}

const etags = '`*`, or ETags, comma-separated'

/** What a request may say of the content that it has, and which part it wants (RFC 9110 §13 and §14). */
export const CONDITIONS: readonly Parameter[] = [
  field(
    'Range',
    'One range of bytes: `bytes=0-99`. Several, or another unit, give the whole (RFC 9110 §14.2).',
  ),
  field('If-Range', 'The ETag of which the range must be; the whole otherwise. A date never counts.'),
  field('If-Match', `Answered with 412 unless the file is one of these: ${etags}.`),
  field('If-None-Match', `Answered with 304 if the file is one of these: ${etags}.`),
  field(
    'If-Modified-Since',
    'Answered with 304 if the file has not changed since. Counts only without If-None-Match.',
  ),
  field('If-Unmodified-Since', 'Answered with 412 if the file changed since. Counts only without If-Match.'),
]

/** `prefix` or whatever narrows a listing, and which page of it. */
export function toPaging(narrow: Parameter, after: string): readonly Parameter[] {
  return [
    narrow,
    query('after', after),
    query('limit', 'How many entries at most.', {
      type: 'integer',
      ...{ minimum: 1, maximum: MAX_LISTING_PAGE, default: MAX_LISTING_PAGE },
    }),
  ]
}

/** JSON that no cache keeps. */
export function toJsonAnswer(schema: string, description: string): Reply {
  const headers = toHeaders(['Content-Length', 'Cache-Control'])
  return { description, headers, content: { 'application/json': { schema: toRef(schema) } } }
}

/** Lines of JSON, each as `schema` has it, that come as they are known. */
export function toLinesAnswer(schema: string, description: string): Reply {
  const lines = {
    type: 'string',
    description: `Lines of JSON, each a ${schema} and ended by a line feed.`,
    contentMediaType: 'application/x-ndjson',
    contentSchema: toRef(schema),
  }
  return {
    description,
    headers: toHeaders(['Cache-Control'], ['Content-Length']),
    content: { 'application/x-ndjson': { schema: lines } },
  }
}

/** A question in JSON, and nothing but JSON. */
export function toJsonBody(schema: string): Operation['requestBody'] & object {
  return { required: true, content: { 'application/json': { schema: toRef(schema) } } }
}

/** What is said of a body that is not what the resource takes. */
export const BODY_REFUSALS = refuse([
  'unsupported-media-type',
  'invalid-body',
  'too-large',
  'request-timeout',
])

/** What a storage says instead of what it was asked to read. */
export const READ_REFUSALS = refuse([
  ...(['invalid-name', 'not-a-file', 'changed-while-reading'] as const),
  ...(['integrity-failure', 'unreachable', 'unreadable'] as const),
])

/** What it says instead of what it was asked to write. */
export const WRITE_REFUSALS = [...READ_REFUSALS, ...refuse(['read-only', 'precondition-failed'])]

/** What may come of a question that everybody may ask, at any time. */
const { 401: _unauthorized, 421: _misdirected, 503: _overloaded, ...others } = toProblems()

/** What a server tells of itself alike, whichever it is. The schemas of the document have `Health` and `Readiness`. */
export const SHARED_PATHS: Readonly<Record<string, PathItem>> = {
  '/metrics': toReadable({
    operationId: 'getMetrics',
    summary: 'What the server has counted, for Prometheus; on Node alone',
    responses: {
      200: {
        description: 'The text format of Prometheus.',
        headers: toHeaders(['Content-Length', 'Cache-Control']),
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
      ...toProblems(),
    },
  }),
  '/readyz': toReadable({
    operationId: 'getReadiness',
    summary: 'Whether reads would be answered now',
    responses: {
      200: toJsonAnswer('Readiness', 'They would.'),
      ...toProblems(...refuse(['too-few-answers', 'cross-site']), ...READ_REFUSALS),
    },
  }),
  '/healthz': toReadable({
    operationId: 'getHealth',
    summary: 'Whether the server runs; asked by anybody, and answered however busy it is',
    responses: { 200: toJsonAnswer('Health', 'It runs.'), ...others },
    security: [],
  }),
  '/openapi.json': toReadable({
    operationId: 'getDocument',
    summary: 'This document',
    responses: {
      200: {
        description: 'An OpenAPI document.',
        headers: toHeaders(['Content-Length', 'Cache-Control']),
        content: { 'application/json': { schema: { type: 'object' } } },
      },
      ...toProblems(),
    },
  }),
}
