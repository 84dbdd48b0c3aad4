import { createDocument } from '../http/openapi/document.ts'
import { type HeaderName, toHeaders } from '../http/openapi/headers.ts'
import {
  BODY_PROBLEMS,
  CONDITIONS,
  FILES_PAGE,
  field,
  NAME,
  READ_PROBLEMS,
  SHARED_OPERATIONS,
  toFileAnswers,
  toJsonAnswer,
  toJsonBody,
  toKeptOperation,
  toLinesAnswer,
  toRestoreOperation,
  WRITE_PROBLEMS,
} from '../http/openapi/parts.ts'
import { problems, toProblemResponses } from '../http/openapi/problem-responses.ts'
import type { Document, Operation, PathItem } from '../http/openapi/types.ts'
import * as health from '../wire/schemas/health.ts'
import * as replicas from '../wire/schemas/replica.ts'

const VALIDATORS: readonly HeaderName[] = [
  ...(['ETag', 'Repr-Digest', 'Digest', 'Cache-Control', 'Vary', 'Digest-Evidence'] as const),
]
const MAYBE: readonly HeaderName[] = ['Last-Modified', 'File-Modified', 'File-Modes']
const read: Operation = {
  operationId: 'readFile',
  summary: 'Read the file',
  parameters: [NAME, ...CONDITIONS],
  responses: {
    ...toFileAnswers(['The file.', 'A part of the file.'], VALIDATORS, MAYBE),
    ...toProblemResponses(
      ...READ_PROBLEMS,
      ...problems(['not-found']),
      // Without the field when opening the file fails because it is not the requested one.
      ...problems(['precondition-failed'], ['Digest-Evidence']),
      ...problems(['precondition-failed']),
      ...problems(['range-not-satisfiable'], ['Digest-Evidence', 'Content-Range']),
    ),
  },
}

const written: readonly HeaderName[] = ['ETag', 'Repr-Digest', 'Digest-Evidence']

const write: Operation = {
  operationId: 'writeFile',
  summary: 'Write a whole file; readers see the old content or the new',
  description:
    'Requires a Content-Length, and `If-None-Match: *` or `If-Match` to name the replaced content, which is kept. Not allowed ' +
    'on a server that is not writable.',
  parameters: [
    NAME,
    { ...field('Repr-Digest', 'The SHA-256 of the body (RFC 9530).'), required: true },
    field('If-None-Match', '`*`: the file must not exist.'),
    field('If-Match', 'The ETag of the current content.'),
    field('File-Modified', 'When the content was modified: seconds since 1970, with up to nine decimals.'),
    field(
      'File-Modes',
      'For a new file and the directories made for it: permissions in octal, one for each segment of the name.',
    ),
  ],
  requestBody: { required: true, content: { '*/*': { schema: {} } } },
  responses: {
    201: {
      description: 'A new file was written.',
      headers: toHeaders([...written, 'Location'], ['Content-Length', 'Not-Kept']),
    },
    204: { description: 'The file was replaced.', headers: toHeaders(written, ['Not-Kept']) },
    ...toProblemResponses(
      ...WRITE_PROBLEMS,
      ...problems(['length-required', 'invalid-body', 'precondition-required', 'method-not-allowed']),
      ...problems(['request-timeout']),
    ),
  },
}

const questions = {
  '/describe': {
    post: {
      operationId: 'describe',
      summary: 'Describe many names',
      requestBody: toJsonBody('DescribeRequest'),
      responses: {
        200: toLinesAnswer(
          'DescribeLine',
          'A line for each name as soon as it is known, and signs of life until then.',
        ),
        ...toProblemResponses(...BODY_PROBLEMS),
      },
    },
  },
  '/prove': {
    post: {
      operationId: 'prove',
      summary: 'Prove what many names hold now',
      description:
        'A proof is the HMAC-SHA-256 (RFC 2104) of the content, with the nonce as its key, so that nothing that is remembered can answer.',
      requestBody: toJsonBody('ProveRequest'),
      responses: {
        200: toLinesAnswer(
          'ProveLine',
          'A line for each name once it was read, and signs of life until then.',
        ),
        ...toProblemResponses(...BODY_PROBLEMS),
      },
    },
  },
  '/survey': {
    post: {
      operationId: 'survey',
      summary: 'Survey ranges of names, by the fingerprints of spans, or by files when spans are small',
      requestBody: toJsonBody('SurveyRequest'),
      responses: {
        200: toLinesAnswer(
          'SurveyLine',
          'Spans and files in order. The survey is complete only if its last line is the end.',
        ),
        ...toProblemResponses(...BODY_PROBLEMS),
      },
    },
  },
}

const trees = {
  '/tree': {
    post: {
      operationId: 'signTree',
      summary: 'Sign the tree of all files whose names start with a prefix',
      requestBody: toJsonBody('TreeRequest'),
      responses: {
        200: toLinesAnswer('TreeLine', 'Signs of life, then the tree, or why it cannot be signed.'),
        ...toProblemResponses(...BODY_PROBLEMS, ...problems(['unsigned'])),
      },
    },
  },
}

const lists = {
  '/files': {
    get: {
      operationId: 'listFiles',
      summary: 'List the names in byte order',
      parameters: FILES_PAGE,
      responses: {
        200: toJsonAnswer('Listing', 'A page of them.'),
        ...toProblemResponses(...READ_PROBLEMS, ...problems(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/kept': { get: toKeptOperation('List the replaced contents that are kept') },
  '/restore': { post: toRestoreOperation() },
  '/move': {
    post: {
      operationId: 'moveFile',
      summary: 'Give a file another name, under which there is nothing; the file stays as it is',
      description: 'After a crash a file may have both names; the same request then completes the move.',
      requestBody: toJsonBody('MoveRequest'),
      responses: {
        204: { description: 'The file has the new name alone.', headers: toHeaders([]) },
        ...toProblemResponses(...BODY_PROBLEMS, ...WRITE_PROBLEMS),
      },
    },
  },
}

/** The operations by path, one for each method of the replica's routes. */
export const OPERATIONS = {
  '/files/{name}': { get: read, put: write },
  ...questions,
  ...trees,
  ...lists,
  ...SHARED_OPERATIONS,
} satisfies Readonly<Record<string, PathItem>>

/** The replica's OpenAPI document. This module is imported by the first request for it. */
export const DOCUMENT: Document = createDocument({
  title: 'vouch replica',
  description: 'One storage over HTTP, for coordinators and any other client.',
  schemas: {
    DescribeRequest: replicas.describeRequest,
    DescribeLine: replicas.describeLine,
    ProveRequest: replicas.proveRequest,
    ProveLine: replicas.proveLine,
    SurveyRequest: replicas.surveyRequest,
    SurveyLine: replicas.surveyLine,
    TreeRequest: replicas.treeRequest,
    TreeLine: replicas.treeLine,
    Listing: replicas.listing,
    KeptListing: replicas.keptListing,
    RestoreRequest: replicas.restoreRequest,
    MoveRequest: replicas.moveRequest,
    Restored: replicas.restored,
    Health: health.health,
    Readiness: health.readiness,
  },
  operations: OPERATIONS,
})
