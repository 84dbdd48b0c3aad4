import { toRef, toSchema } from '../../http/openapi/document.ts'
import { type HeaderName, toHeaders } from '../../http/openapi/headers.ts'
import {
  BODY_PROBLEMS,
  CONDITIONS,
  field,
  MAX_AGE,
  NAME,
  query,
  READ_PROBLEMS,
  toFileAnswers,
  toJsonBody,
} from '../../http/openapi/parts.ts'
import { fileProblems, problems, toProblemResponses } from '../../http/openapi/problem-responses.ts'
import type { Operation, Reply, ReplyObject } from '../../http/openapi/types.ts'
import { PIPELINE_TYPE } from '../../http/pipeline.ts'
import { digest, replicaId } from '../../wire/schemas/values.ts'

const STATES: readonly HeaderName[] = ['Replica-Status', 'Replica-Agreement']

// One replica's copy, uncompared, comes without an agreement.
const VALIDATORS = ['ETag', 'Repr-Digest', 'Digest', 'Cache-Control', 'Vary', 'Replica-Status'] as const
const MAYBE = ['Last-Modified', 'File-Modified', 'Replica-Agreement', 'Content-Location', 'Link'] as const

const file = toFileAnswers(
  [
    'The file, since the copies do not differ, or the request names one of them; or its receipt.',
    'A part of the file, cut from content that was compared whole.',
  ],
  VALIDATORS,
  MAYBE,
)

const answers = {
  ...file,
  // A receipt is neither a content of the file nor cut into parts.
  200: {
    ...file[200],
    headers: toHeaders(
      ['Cache-Control', 'Vary', 'Replica-Status', 'Content-Length'],
      ['ETag', 'Repr-Digest', 'Digest', 'Accept-Ranges', ...MAYBE],
    ),
    content: { '*/*': { schema: {} } },
  },
  300: {
    description:
      'The copies differ, and the request names `multipart/mixed`: the manifest, then a part for each version with ' +
      'Content-Type, Content-Length, Content-Disposition, Repr-Digest, Replica-Status, Last-Modified and File-Modified.',
    headers: toHeaders(['Content-Length', 'Cache-Control', 'Vary', ...STATES]),
    content: {
      'multipart/mixed': {
        schema: { type: 'array', prefixItems: [toRef('Manifest')], items: {}, minItems: 3 },
      },
    },
  },
}

const refusals = toProblemResponses(
  ...fileProblems(['conflict'], ['Vary']),
  ...fileProblems([
    'incomplete',
    'not-found',
    'existence-unknown',
    'too-few-answers',
    'changed-while-reading',
    'unsigned',
  ]),
  ...problems(['precondition-failed'], STATES),
  ...problems(['range-not-satisfiable'], [...STATES, 'Content-Range']),
  ...problems(['invalid-parameter']),
  // For one replica's copy.
  ...problems(['not-found', 'precondition-failed'], ['Replica-Status']),
  ...problems(['range-not-satisfiable'], ['Replica-Status', 'Content-Range']),
  ...READ_PROBLEMS.map((refusal) => ({ ...refusal, headers: ['Replica-Status'] as const })),
  ...problems(['invalid-name', 'cross-site']),
)

const REQUIRED = query('require', 'How many replicas must answer.', {
  anyOf: [
    { type: 'string', enum: ['all', 'majority'] },
    { type: 'integer', minimum: 1 },
  ],
})
const STRICT = field(
  'Prefer',
  '`handling=strict` requires every replica to answer and to hold the file (RFC 7240).',
)

export const findPinned: Operation = {
  operationId: 'findPinned',
  summary: 'Compare a file, and find the address of this version alone',
  description:
    'For clients that read a file in several requests: no other version is ever at that address. What does not lead to one ' +
    'version is answered as for `/files/{name}`. A part needs `If-Range` or ' +
    '`If-Match`, or begins at 0 and has no end.',
  parameters: [NAME, REQUIRED, MAX_AGE, STRICT],
  responses: {
    307: {
      description: 'The address of the version.',
      headers: toHeaders(['Location', 'Content-Length', 'Cache-Control', ...STATES]),
    },
    300: answers[300],
    ...withPage(refusals),
    ...toProblemResponses(...fileProblems(['version-required'])),
  },
}

export const readFiles: Operation = {
  operationId: 'readFiles',
  summary: 'Read many files at once',
  description:
    'Each is answered as by `GET /files/{name}`, with the query of this request and its fields `Authorization`, `Prefer` and ' +
    '`traceparent`. The answer ends early where the content of a file breaks off.',
  parameters: [REQUIRED, MAX_AGE, STRICT],
  requestBody: toJsonBody('ReadsRequest'),
  responses: {
    200: {
      description:
        'The answers, in the order of the request: each with its status, its fields and a body of `Content-Length` bytes (RFC 9112 §10.2).',
      headers: toHeaders(['Cache-Control']),
      content: { [PIPELINE_TYPE]: { schema: {} } },
    },
    ...toProblemResponses(...BODY_PROBLEMS, ...problems(['cross-site'])),
  },
}

/** A conflict's copies have no agreement, as one replica's copy by `?replica=` has none. */
export const readDav: Operation = {
  operationId: 'readDav',
  summary: 'Read a file as WebDAV',
  description:
    'As `/files/{name}`, but a part is refused unless `If-Range` or `If-Match` names the content that it is of. Beside a ' +
    "file whose copies differ, each holder's copy is at the name, a dot and the replica's id, where no replica has another " +
    'file of that name. The path takes `OPTIONS`, and `PROPFIND` with `Depth` 0 or 1 (RFC 4918), too: OpenAPI 3.1 has no ' +
    'place for that method.',
  parameters: [
    NAME,
    query('version', 'As for `/files/{name}`; so are the other parameters there.', toSchema(digest)),
    ...CONDITIONS,
  ],
  responses: {
    ...answers,
    ...withPage(refusals),
    ...toProblemResponses(
      ...problems(['version-required'], STATES),
      // For one replica's copy.
      ...problems(['version-required'], ['Replica-Status']),
    ),
  },
}

export const readFile: Operation = {
  operationId: 'readFile',
  summary: 'Read a file, compared',
  description:
    'Every replica is asked. The file is sent when those that answer do not differ and one of them holds it. When they ' +
    'differ it depends on `Accept`: 300 with every version if it names `multipart/mixed`, a page if it prefers ' +
    '`text/html`, else a problem.',
  parameters: [
    NAME,
    query('version', 'That version, from any replica that holds it.', toSchema(digest)),
    query('replica', "That replica's copy, uncompared. Excludes `version`.", toSchema(replicaId)),
    query(
      'metalink',
      'Its Metalink (RFC 5854) instead of the file, without validators; excludes `replica`.',
      { type: 'string' },
    ),
    REQUIRED,
    MAX_AGE,
    query(
      'receipt',
      'The receipt of the file instead of the file: what its holders have signed of it. `Accept: text/vouch-receipt` asks for it too. Excludes `replica`.',
      { type: 'string', enum: [''] },
    ),
    STRICT,
    ...CONDITIONS,
  ],
  responses: { ...answers, ...withPage(refusals) },
}

/** A conflict may be a page too. */
function withPage({ 409: conflict, ...others }: Record<string, Reply>): Record<string, Reply> {
  const { content, ...rest } = conflict as ReplyObject // two problems share the status, so it is not a reference
  return { ...others, 409: { ...rest, content: { ...content, 'text/html': { schema: { type: 'string' } } } } }
}
