import { MAX_GLOBS } from '../wire/limits.ts'
import { createDocument, toReadable, toRef, toSchema } from '../wire/openapi.ts'
import { toHeaders } from '../wire/openapi-headers.ts'
import {
  BODY_REFUSALS,
  MAX_AGE,
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
import type { PathItem } from '../wire/openapi-types.ts'
import * as plans from '../wire/plan-schemas.ts'
import * as schemas from '../wire/schemas.ts'
import { restoreOnRequest } from './kept.ts'
import { readFile } from './openapi-read.ts'

const DESCRIPTION = `Asks every replica for a file by name, compares the copies by SHA-256, and answers with what they come to.

A problem has a \`type\` out of a closed table; each stands among the responses of the components under its type. A path that
is not listed here is answered with \`no-such-resource\`, a method that is not listed for its path with \`method-not-allowed\`.`

const flag = { type: 'boolean', enum: [true] }
const globs = toSchema(schemas.globs)

const whole: Readonly<Record<string, PathItem>> = {
  '/audit': toReadable({
    operationId: 'audit',
    summary: 'Compare whole trees',
    description:
      'A line for each name that is not the same everywhere, and now and then how far each replica is. It is whole only if ' +
      'the last line has a `summary`.',
    parameters: [
      query('prefix', 'Only names that start with it.'),
      query('match', `Only names that match one of these globs, ${MAX_GLOBS} at most.`, globs),
      query('exclude', 'No names that match one of these.', globs),
      query('all', 'Names that are the same everywhere are reported as well.', flag),
      MAX_AGE,
      query('deep', 'The same as `max-age=0`, whatever `max-age` says.', flag),
    ],
    responses: {
      200: toLinesAnswer('AuditLine', 'What was found, as it is found.'),
      ...toProblems(...refuse(['invalid-parameter', 'cross-site'])),
    },
  }),
  '/plan': {
    post: {
      operationId: 'plan',
      summary: 'Say what would have to be copied where',
      parameters: [MAX_AGE],
      requestBody: toJsonBody('PlanRequest'),
      responses: {
        200: {
          description: 'The plan, a line for each step. What is no JSON in the end broke off.',
          headers: toHeaders(['Cache-Control']),
          content: { 'application/json': { schema: toRef('MadePlan') } },
        },
        ...toProblems(...BODY_REFUSALS, ...refuse(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/apply': {
    post: {
      operationId: 'apply',
      summary: 'Do what a plan says, each step only where every replica still holds what the plan saw',
      requestBody: toJsonBody('Plan'),
      responses: {
        200: toLinesAnswer('ApplyLine', 'What becomes of each step, as it is over.'),
        ...toProblems(...BODY_REFUSALS, ...refuse(['cross-site', 'read-only'])),
      },
    },
  },
}

const replica = query('replica', 'The id of one replica.', toSchema(schemas.replicaId))

const kept: Readonly<Record<string, PathItem>> = {
  '/kept': toReadable({
    operationId: 'listKept',
    summary: 'List what one replica keeps of what was replaced there',
    parameters: [
      { ...replica, required: true },
      ...toPaging(query('name', 'Only what was replaced under this name.'), 'The `next` of the page before.'),
    ],
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
        ...toProblems(...BODY_REFUSALS, ...WRITE_REFUSALS, ...refuse(['cross-site', 'not-kept'])),
      },
    },
  },
}

const operation: Readonly<Record<string, PathItem>> = {
  '/replicas': toReadable({
    operationId: 'getReplicas',
    summary: 'Who answers, and whose copies were corrupt',
    responses: {
      200: toJsonAnswer('ReplicaStates', 'The replicas in their order.'),
      ...toProblems(...refuse(['not-acceptable'])),
    },
  }),
  ...SHARED_PATHS,
}

const listing: Readonly<Record<string, PathItem>> = {
  '/files': toReadable({
    operationId: 'listFiles',
    summary: 'List the names that any replica has, in byte order, and no contents compared',
    parameters: toPaging(
      query('prefix', 'Only names that start with it.'),
      'Only names behind it: the `next` of the page before.',
    ),
    responses: {
      200: toJsonAnswer('MergedListing', 'A page of them. What a replica with `error` lacks tells nothing.'),
      ...toProblems(...refuse(['invalid-parameter', 'too-few-answers', 'cross-site'])),
    },
  }),
}

/** What the coordinator answers, in OpenAPI 3.1. Made when this module is first imported, which no read does. */
export const DOCUMENT = createDocument({
  title: 'vouch coordinator',
  description: DESCRIPTION,
  schemas: {
    Manifest: schemas.manifest,
    Version: schemas.version,
    ReplicaReport: schemas.replicaReport,
    MergedListing: schemas.mergedListing,
    ReplicaStates: schemas.replicaStates,
    AuditLine: schemas.auditLine,
    AuditSummary: schemas.auditSummary,
    PlanRequest: plans.planRequest,
    Rule: plans.rule,
    Policy: plans.policy,
    Plan: plans.plan,
    PlanStep: plans.planStep,
    MadePlan: plans.madePlan,
    PlanSummary: plans.planSummary,
    ApplyLine: plans.applyLine,
    KeptListing: schemas.keptListing,
    RestoreRequest: restoreOnRequest,
    Restored: schemas.restored,
    Health: schemas.health,
    Readiness: schemas.coordinatorReadiness,
  },
  paths: { '/files/{name}': readFile, ...listing, ...whole, ...kept, ...operation },
})
