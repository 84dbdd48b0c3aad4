import { toReadable, toRef, toSchema } from '../wire/openapi.ts'
import { type HeaderName, toHeaders } from '../wire/openapi-headers.ts'
import { CONDITIONS, field, MAX_AGE, NAME, query, READ_REFUSALS } from '../wire/openapi-parts.ts'
import { refuse, refuseFile, toProblems } from '../wire/openapi-problems.ts'
import type { Operation, Reply, ReplyObject, Schema } from '../wire/openapi-types.ts'
import { digest, replicaId } from '../wire/schemas.ts'

const SAID: readonly HeaderName[] = ['Replica-Status', 'Replica-Agreement']

// One replica's copy, uncompared, comes without an agreement.
const VALIDATORS: readonly HeaderName[] = ['ETag', 'Repr-Digest', 'Cache-Control', 'Vary', 'Replica-Status']
const MAYBE: readonly HeaderName[] = ['Last-Modified', 'File-Modified', 'Replica-Agreement']

const DETAIL: readonly HeaderName[] = ['Content-Length', 'Accept-Ranges']

const content: Record<string, { schema: Schema }> = { '*/*': { schema: {} } }

const answers: Record<string, Reply> = {
  200: {
    description: 'The file. The copies that were shown do not differ, or one of them was asked for.',
    headers: toHeaders([...VALIDATORS, ...DETAIL], MAYBE),
    content,
  },
  206: {
    description: 'A part of it, cut from content that was compared whole.',
    headers: toHeaders([...VALIDATORS, ...DETAIL, 'Content-Range'], MAYBE),
    content,
  },
  304: { description: 'The client has it.', headers: toHeaders(VALIDATORS, MAYBE) },
  300: {
    description:
      'The copies differ, and the request names `multipart/mixed`: the manifest, then a part for each version with ' +
      'Content-Type, Content-Length, Content-Disposition, Repr-Digest, Replica-Status, Last-Modified and File-Modified.',
    headers: toHeaders(['Content-Length', 'Cache-Control', 'Vary', ...SAID]),
    content: {
      'multipart/mixed': {
        schema: { type: 'array', prefixItems: [toRef('Manifest')], items: {}, minItems: 3 },
      },
    },
  },
}

const problems = toProblems(
  ...refuseFile(['conflict'], ['Vary']),
  ...refuseFile(['incomplete', 'not-found', 'existence-unknown', 'too-few-answers', 'changed-while-reading']),
  ...refuse(['precondition-failed'], SAID),
  ...refuse(['range-not-satisfiable'], [...SAID, 'Content-Range']),
  ...refuse(['invalid-parameter']),
  // What comes of one replica's copy.
  ...refuse(['not-found', 'precondition-failed'], ['Replica-Status']),
  ...refuse(['range-not-satisfiable'], ['Replica-Status', 'Content-Range']),
  ...READ_REFUSALS.map((refusal) => ({ ...refusal, headers: ['Replica-Status'] as const })),
  ...refuse(['invalid-name']),
)

const get: Operation = {
  operationId: 'readFile',
  summary: 'Read a file, compared',
  description:
    'Every replica is asked. The file is sent when those that answer do not differ and one of them holds it. When they ' +
    'differ it depends on `Accept`: 300 with every version to who names `multipart/mixed`, a page to who prefers ' +
    '`text/html`, a problem to everybody else.',
  parameters: [
    NAME,
    query('version', 'That version, from any replica that holds it.', toSchema(digest)),
    query('replica', "That replica's copy as it is, uncompared. Excludes `version`.", toSchema(replicaId)),
    query('require', 'How many replicas must answer.', {
      anyOf: [
        { type: 'string', enum: ['all', 'majority'] },
        { type: 'integer', minimum: 1 },
      ],
    }),
    MAX_AGE,
    field(
      'Prefer',
      '`handling=strict` makes an error of a file that a replica lacks or does not tell of (RFC 7240).',
    ),
    ...CONDITIONS,
  ],
  responses: { ...answers, ...withPage(problems) },
}

/** A conflict is told as a page as well. */
function withPage({ 409: conflict, ...others }: Record<string, Reply>): Record<string, Reply> {
  const { content, ...told } = conflict as ReplyObject // two problems share the status, so it is written out
  return { ...others, 409: { ...told, content: { ...content, 'text/html': { schema: { type: 'string' } } } } }
}

/** `/files/{name}`. */
export const readFile = toReadable(get)
