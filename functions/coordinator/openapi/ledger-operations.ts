import {
  BODY_PROBLEMS,
  LIMIT,
  NAME,
  query,
  toJsonAnswer,
  toJsonBody,
  toLinesAnswer,
} from '../../http/openapi/parts.ts'
import { problems, toProblemResponses } from '../../http/openapi/problem-responses.ts'

/** The operations that answer from the ledger. */
export const LEDGER_OPERATIONS = {
  '/verify': {
    post: {
      operationId: 'verify',
      summary: 'Compare by bytes that are read now, from where the last verification ended',
      requestBody: toJsonBody('VerifyRequest'),
      responses: {
        200: toLinesAnswer('AuditLine', 'The findings, sent as they are found.'),
        ...toProblemResponses(...BODY_PROBLEMS, ...problems(['no-ledger', 'cross-site'])),
      },
    },
  },
  '/status': {
    get: {
      operationId: 'getStatus',
      summary: 'What is known by the audits so far; no replica is asked',
      responses: {
        200: toJsonAnswer('Status', 'The last audits, and how many names differ.'),
        ...toProblemResponses(...problems(['no-ledger', 'cross-site'])),
      },
    },
  },
  '/differences': {
    get: {
      operationId: 'listDifferences',
      summary: 'List the names that differ, by the audits so far, in byte order',
      parameters: [query('after', 'Only names after it: the `next` of the page before.'), LIMIT],
      responses: {
        200: toJsonAnswer('Differences', 'A page of them.'),
        ...toProblemResponses(...problems(['no-ledger', 'invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/history/{name}': {
    get: {
      operationId: 'getHistory',
      summary: 'What audits have found of a name, and since when',
      parameters: [NAME],
      responses: {
        200: toJsonAnswer('History', 'Its changes, the oldest first.'),
        ...toProblemResponses(...problems(['no-ledger', 'invalid-name', 'cross-site'])),
      },
    },
  },
}
