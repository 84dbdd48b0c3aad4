import { MAX_AGE_SECONDS, MAX_LISTING_PAGE, MAX_NAME_BYTES } from '../../wire/limits.ts'
import type { ProblemType } from '../problems.ts'
import { toRef } from './document.ts'
import { type HeaderName, toHeaders } from './headers.ts'
import { problems, toProblemResponses } from './problem-responses.ts'
import type { Operation, Parameter, PathItem, Reply, Schema } from './types.ts'

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
  'Seconds. A copy is read again if its last reading is older. A checksum of the store does not count as a reading; a list, which has no bytes, answers as ever. With 0 every copy is read now.',
  { type: 'integer', minimum: 0, maximum: MAX_AGE_SECONDS },
)

/** The name in the path of a file. */
export const NAME: Parameter = {
  name: 'name',
  in: 'path',
  required: true,
  description:
    'The name of the file, with each segment percent-encoded by itself. The slashes between segments must not be encoded, ' +
    'so a client that encodes the whole name must decode them.',
  schema: { type: 'string', minLength: 1, maxLength: MAX_NAME_BYTES },
}

const etags = '`*`, or ETags, comma-separated'

/** The conditions and ranges of a request (RFC 9110 §13 and §14). */
export const CONDITIONS: readonly Parameter[] = [
  field(
    'Range',
    'One range of bytes: `bytes=0-99`. Several ranges or another unit are ignored (RFC 9110 §14.2).',
  ),
  field('If-Range', 'The ETag that the range must have; otherwise the whole is sent. A date never counts.'),
  field('If-Match', `Answered with 412 unless the file is one of these: ${etags}.`),
  field('If-None-Match', `Answered with 304 if the file is one of these: ${etags}.`),
  field(
    'If-Modified-Since',
    'Answered with 304 if the file has not changed since. Counts only without If-None-Match.',
  ),
  field('If-Unmodified-Since', 'Answered with 412 if the file changed since. Counts only without If-Match.'),
]

export const LIMIT = query('limit', 'The maximum number of entries.', {
  type: 'integer',
  ...{ minimum: 1, maximum: MAX_LISTING_PAGE, default: MAX_LISTING_PAGE },
})

/** The parameters of a listing of files. */
export const FILES_PAGE: readonly Parameter[] = [
  query('prefix', 'Only names that start with it.'),
  query('after', 'Only names after it: the `next` of the page before.'),
  LIMIT,
]

/** JSON that no cache stores. */
export function toJsonAnswer(schema: string, description: string): Reply {
  return toAnswer('application/json', toRef(schema), description)
}

function toAnswer(type: string, schema: Schema, description: string): Reply {
  return {
    description,
    headers: toHeaders(['Content-Length', 'Cache-Control']),
    content: { [type]: { schema } },
  }
}

/** Lines of JSON of `schema`, sent as they become known. */
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

/** A body of JSON only. */
export function toJsonBody(schema: string): Operation['requestBody'] & object {
  return { required: true, content: { 'application/json': { schema: toRef(schema) } } }
}

/** The problems of a body that is not valid. */
export const BODY_PROBLEMS = problems([
  'unsupported-media-type',
  'invalid-body',
  'too-large',
  'request-timeout',
])

/** The problems of a read. */
export const READ_PROBLEMS = problems([
  ...(['invalid-name', 'not-a-file', 'changed-while-reading'] as const),
  ...(['integrity-failure', 'unreachable', 'unreadable'] as const),
])

/** The problems of a write. */
export const WRITE_PROBLEMS = [...READ_PROBLEMS, ...problems(['read-only', 'precondition-failed'])]

/** `GET /kept`; a coordinator has a parameter for the `replica` too. */
export function toKeptOperation(summary: string, replica: readonly Parameter[] = []): Operation {
  return {
    operationId: 'listKept',
    summary,
    parameters: [
      ...replica,
      query('name', 'Only contents that were replaced under this name.'),
      query('after', 'The `next` of the page before.'),
      LIMIT,
    ],
    responses: {
      200: toJsonAnswer('KeptListing', 'A page of them.'),
      ...toProblemResponses(...READ_PROBLEMS, ...problems(['invalid-parameter', 'cross-site'])),
    },
  }
}

/** `POST /restore`, with problems beside those of a write. */
export function toRestoreOperation(types: readonly ProblemType[] = []): Operation {
  return {
    operationId: 'restore',
    summary: 'Restore a kept content; the content that it replaces is kept',
    requestBody: toJsonBody('RestoreRequest'),
    responses: {
      200: toJsonAnswer('Restored', 'The restored file.'),
      ...toProblemResponses(...BODY_PROBLEMS, ...WRITE_PROBLEMS, ...problems([...types, 'not-kept'])),
    },
  }
}

const DETAIL: readonly HeaderName[] = ['Content-Length', 'Accept-Ranges']
const content = { '*/*': { schema: {} } }

/** The answers with a file: those that always `has` and `may` have these fields. */
export function toFileAnswers(
  [whole, part]: readonly [whole: string, part: string],
  has: readonly HeaderName[],
  may: readonly HeaderName[],
): Record<200 | 206 | 304, Reply> {
  return {
    200: { description: whole, headers: toHeaders([...has, ...DETAIL], may), content },
    206: {
      description: `${part} Several ranges, if they ascend and do not overlap, are multipart/byteranges (RFC 9110 §14.6).`,
      headers: toHeaders([...has, ...DETAIL], [...may, 'Content-Range']),
      content,
    },
    304: { description: 'The client has the content already.', headers: toHeaders(has, may) },
  }
}

/** The problems of a path that is open to any client at any time. */
const { 401: _unauthorized, 421: _misdirected, 503: _overloaded, ...others } = toProblemResponses()

/** The operations of both servers. The schemas of the document must have `Health` and `Readiness`. */
export const SHARED_OPERATIONS = {
  '/metrics': {
    get: {
      operationId: 'getMetrics',
      summary: 'Metrics for Prometheus; on Node, and of a Worker that audits',
      responses: {
        200: toAnswer('text/plain', text, 'The text format of Prometheus.'),
        ...toProblemResponses(),
      },
    },
  },
  '/readyz': {
    get: {
      operationId: 'getReadiness',
      summary: 'Whether the server is ready for reads',
      responses: {
        200: toJsonAnswer('Readiness', 'It is ready.'),
        ...toProblemResponses(...problems(['too-few-answers', 'cross-site']), ...READ_PROBLEMS),
      },
    },
  },
  '/healthz': {
    get: {
      operationId: 'getHealth',
      summary: 'Whether the server runs; needs no token, and is answered under any load',
      responses: { 200: toJsonAnswer('Health', 'It runs.'), ...others },
      security: [],
    },
  },
  '/keys': {
    get: {
      operationId: 'getKeys',
      summary: 'The public keys by which the server signs',
      responses: {
        200: toAnswer(
          'text/plain',
          text,
          'A line for each: origin, key ID and key, with a plus between them.',
        ),
        ...toProblemResponses(...problems(['unsigned'])),
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'getDocument',
      summary: 'This document',
      responses: {
        200: toAnswer('application/json', { type: 'object' }, 'An OpenAPI document.'),
        ...toProblemResponses(),
      },
    },
  },
} satisfies Readonly<Record<string, PathItem>>
