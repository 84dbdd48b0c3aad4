import { createDocument, toReadable } from '../wire/openapi.ts'
import { type HeaderName, toHeaders } from '../wire/openapi-headers.ts'
import {
  BODY_REFUSALS,
  CONDITIONS,
  field,
  NAME,
  query,
  READ_REFUSALS,
  SHARED_PATHS,
  toJsonAnswer,
  toJsonBody,
  toLinesAnswer,
  toPaging,
  WRITE_REFUSALS,
} from '../wire/openapi-parts.ts'
import { refuse, toProblems } from '../wire/openapi-problems.ts'
import type { Operation, PathItem, Reply } from '../wire/openapi-types.ts'
import * as schemas from '../wire/schemas.ts'

const DESCRIPTION = `One storage over HTTP, as a coordinator asks it and as any client may.

A problem has a \`type\` out of a closed table; each stands among the responses of the components under its type. A path that
is not listed here is answered with \`no-such-resource\`, a method that is not listed for its path with \`method-not-allowed\`.`

const VALIDATORS: readonly HeaderName[] = ['ETag', 'Repr-Digest', 'Cache-Control', 'Vary', 'Digest-Evidence']
const MAYBE: readonly HeaderName[] = ['Last-Modified', 'File-Modified', 'File-Modes']
const DETAIL: readonly HeaderName[] = ['Content-Length', 'Accept-Ranges']
const content = { '*/*': { schema: {} } }

const answers: Record<string, Reply> = {
  200: {
    description: 'The file.',
    headers: toHeaders([...VALIDATORS, ...DETAIL], MAYBE),
    content,
  },
  206: {
    description: 'A part of it.',
    headers: toHeaders([...VALIDATORS, ...DETAIL, 'Content-Range'], MAYBE),
    content,
  },
  304: { description: 'The client has it.', headers: toHeaders(VALIDATORS, MAYBE) },
}

const read: Operation = {
  operationId: 'readFile',
  summary: 'Read the file as it is here',
  parameters: [NAME, ...CONDITIONS],
  responses: {
    ...answers,
    ...toProblems(
      ...READ_REFUSALS,
      ...refuse(['not-found']),
      // A file that is no longer the one asked for is known before there are fields of its own.
      ...refuse(['precondition-failed'], ['Digest-Evidence']),
      ...refuse(['precondition-failed']),
      ...refuse(['range-not-satisfiable'], ['Digest-Evidence', 'Content-Range']),
    ),
  },
}

const written: readonly HeaderName[] = ['ETag', 'Repr-Digest', 'Digest-Evidence']

const write: Operation = {
  operationId: 'writeFile',
  summary: 'Write a file whole; readers see the old content or the new',
  description:
    'Comes with its Content-Length, and says by `If-None-Match: *` or `If-Match` what it replaces, and that is kept. Only on a server that was opened for ' +
    'writing; elsewhere the method is not allowed.',
  parameters: [
    NAME,
    { ...field('Repr-Digest', 'The SHA-256 of the body (RFC 9530).'), required: true },
    field('If-None-Match', '`*`: there is no such file.'),
    field('If-Match', 'The ETag of what the file holds.'),
    field('File-Modified', 'When the content was modified: seconds since 1970, with up to nine decimals.'),
    field(
      'File-Modes',
      'For a new file and the directories made for it: permissions in octal, one for each segment of the name.',
    ),
  ],
  requestBody: { required: true, content: { '*/*': { schema: {} } } },
  responses: {
    201: {
      description: 'Written, and new.',
      headers: toHeaders([...written, 'Location'], ['Content-Length', 'Not-Kept']),
    },
    204: { description: 'Written over what was there.', headers: toHeaders(written, ['Not-Kept']) },
    ...toProblems(
      ...WRITE_REFUSALS,
      ...refuse(['length-required', 'invalid-body', 'precondition-required', 'method-not-allowed']),
      ...refuse(['request-timeout']),
    ),
  },
}

const questions: Readonly<Record<string, PathItem>> = {
  '/describe': {
    post: {
      operationId: 'describe',
      summary: 'Tell of many names what is there',
      requestBody: toJsonBody('DescribeRequest'),
      responses: {
        200: toLinesAnswer(
          'DescribeLine',
          'A line for each name as it is known, and signs of life until then.',
        ),
        ...toProblems(...BODY_REFUSALS),
      },
    },
  },
  '/survey': {
    post: {
      operationId: 'survey',
      summary: 'Tell of ranges of names by fingerprints of spans, or by files where spans are small',
      requestBody: toJsonBody('SurveyRequest'),
      responses: {
        200: toLinesAnswer(
          'SurveyLine',
          'Spans and files in order. All was told only if the last line is its end.',
        ),
        ...toProblems(...BODY_REFUSALS),
      },
    },
  },
}

const lists: Readonly<Record<string, PathItem>> = {
  '/files': toReadable({
    operationId: 'listFiles',
    summary: 'List the names here in byte order',
    parameters: toPaging(
      query('prefix', 'Only names that start with it.'),
      'Only names behind it: the `next` of the page before.',
    ),
    responses: {
      200: toJsonAnswer('Listing', 'A page of them.'),
      ...toProblems(...READ_REFUSALS, ...refuse(['invalid-parameter', 'cross-site'])),
    },
  }),
  '/kept': toReadable({
    operationId: 'listKept',
    summary: 'List what is kept of what was replaced',
    parameters: toPaging(
      query('name', 'Only what was replaced under this name.'),
      'The `next` of the page before.',
    ),
    responses: {
      200: toJsonAnswer('KeptListing', 'A page of it.'),
      ...toProblems(...READ_REFUSALS, ...refuse(['invalid-parameter', 'cross-site'])),
    },
  }),
  '/restore': {
    post: {
      operationId: 'restore',
      summary: 'Put a kept content back, which keeps what it replaces',
      requestBody: toJsonBody('RestoreRequest'),
      responses: {
        200: toJsonAnswer('Restored', 'The file that is there now.'),
        ...toProblems(...BODY_REFUSALS, ...WRITE_REFUSALS, ...refuse(['not-kept'])),
      },
    },
  },
}

/** What a replica server answers, in OpenAPI 3.1. Made when this module is first imported, which no read does. */
export const DOCUMENT = createDocument({
  title: 'vouch replica',
  description: DESCRIPTION,
  schemas: {
    DescribeRequest: schemas.describeRequest,
    DescribeLine: schemas.describeLine,
    SurveyRequest: schemas.surveyRequest,
    SurveyLine: schemas.surveyLine,
    Listing: schemas.listing,
    KeptListing: schemas.keptListing,
    RestoreRequest: schemas.restoreRequest,
    Restored: schemas.restored,
    Health: schemas.health,
    Readiness: schemas.readiness,
  },
  paths: { '/files/{name}': { ...toReadable(read), put: write }, ...questions, ...lists, ...SHARED_PATHS },
})
