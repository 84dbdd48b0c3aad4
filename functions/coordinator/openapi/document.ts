import { createDocument, toRef, toSchema } from '../../http/openapi/document.ts'
import { toHeaders } from '../../http/openapi/headers.ts'
import {
  BODY_PROBLEMS,
  FILES_PAGE,
  LIMIT,
  MAX_AGE,
  query,
  SHARED_OPERATIONS,
  toJsonAnswer,
  toJsonBody,
  toKeptOperation,
  toLinesAnswer,
  toRestoreOperation,
} from '../../http/openapi/parts.ts'
import { problems, toProblemResponses } from '../../http/openapi/problem-responses.ts'
import type { Document, PathItem } from '../../http/openapi/types.ts'
import { MAX_GLOBS } from '../../wire/limits.ts'
import * as audits from '../../wire/schemas/audit.ts'
import * as estimates from '../../wire/schemas/estimate.ts'
import * as health from '../../wire/schemas/health.ts'
import * as ledger from '../../wire/schemas/ledger.ts'
import * as listings from '../../wire/schemas/listings.ts'
import * as manifests from '../../wire/schemas/manifest.ts'
import * as plans from '../../wire/schemas/plan.ts'
import * as policies from '../../wire/schemas/policy.ts'
import * as reads from '../../wire/schemas/reads.ts'
import * as replicas from '../../wire/schemas/replica.ts'
import * as values from '../../wire/schemas/values.ts'
import { restoreOnRequest } from '../kept.ts'
import { LEDGER_OPERATIONS } from './ledger-operations.ts'
import { findPinned, readDav, readFile, readFiles } from './read-operations.ts'

const count = { type: 'integer', minimum: 1 }
const share = { type: 'string', pattern: '^(1|0\\.[0-9]{1,12}(,0\\.[0-9]{1,12})?)$' }
const flag = { type: 'boolean', enum: [true] }
const globs = toSchema(values.globs)

const whole = {
  '/audit': {
    get: {
      operationId: 'audit',
      summary: 'Compare whole trees',
      description:
        'A line for each name that is not the same everywhere, and now and then the progress of each replica. In the report of a replica ' +
        'that lacks the name, `missingFolder` is the outermost folder of the name in which the replica holds none of the names that are ' +
        'compared; it is absent when the replica holds one in each. The audit is complete only if the last line has a `summary`.',
      parameters: [
        query('prefix', 'Only names that start with it.'),
        query('match', `Only names that match one of these globs, ${MAX_GLOBS} at most.`, globs),
        query('exclude', 'No names that match one of these.', globs),
        query('all', 'Report names that are the same everywhere too.', flag),
        MAX_AGE,
        query('after', 'Only names after this one, in the byte order of their UTF-8.'),
        query('until', 'Only names up to this one, which comes after `after`.'),
        query(
          'names',
          'End the audit once so many names were compared; `next` of the summary is the last of them.',
          count,
        ),
        query('bytes', 'End it once so many bytes of copies were compared; likewise.', count),
        query('seconds', 'End it after so many seconds; likewise.', count),
        query(
          'prove',
          'Have the replicas prove, by their bytes as they are now, the copies of this share of the names, above 0 and at most 1; or, as in `0.99,0.001`, of so many that bad names are met with the probability of the first number if at least the share of the second is bad.',
          share,
        ),
        query('seed', 'Chooses those names, the same for the same text; a random one when absent.'),
        query('deep', 'The same as `max-age=0`, and overrides `max-age`.', flag),
      ],
      responses: {
        200: toLinesAnswer('AuditLine', 'The findings, sent as they are found.'),
        ...toProblemResponses(...problems(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/estimate': {
    get: {
      operationId: 'estimate',
      summary: 'Estimate what an audit will take',
      description:
        'Lists every name of the replicas whose stores charge for their calls, and asks for a few objects; no content is read. The estimate ' +
        'is complete only if the last line has an `estimate`.',
      parameters: [
        query('prefix', 'Only names that start with it.'),
        query('deep', 'Of an audit that reads every byte.', flag),
      ],
      responses: {
        200: toLinesAnswer('EstimateLine', 'Progress, and at the end the estimate.'),
        ...toProblemResponses(...problems(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/plan': {
    post: {
      operationId: 'plan',
      summary: 'Plan the copies that make the replicas the same',
      parameters: [MAX_AGE],
      requestBody: toJsonBody('PlanRequest'),
      responses: {
        200: {
          description: 'The plan, a line for each step. It is not valid JSON if it broke off.',
          headers: toHeaders(['Cache-Control']),
          content: { 'application/json': { schema: toRef('MadePlan') } },
        },
        ...toProblemResponses(...BODY_PROBLEMS, ...problems(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/apply': {
    post: {
      operationId: 'apply',
      summary: 'Apply a plan, each step only while every replica still holds what the plan saw',
      requestBody: toJsonBody('Plan'),
      responses: {
        200: toLinesAnswer('ApplyLine', 'The outcome of each step, sent as it ends.'),
        ...toProblemResponses(...BODY_PROBLEMS, ...problems(['cross-site', 'read-only'])),
      },
    },
  },
}

const trees = {
  '/tree': {
    get: {
      operationId: 'signTrees',
      summary: 'Have every replica sign the tree of all its files, and keep what they signed',
      parameters: [query('prefix', 'Only files whose names start with it.')],
      responses: {
        200: toLinesAnswer('TreesLine', 'Signs of life, then the trees.'),
        ...toProblemResponses(...problems(['invalid-parameter', 'cross-site'])),
      },
    },
  },
  '/trees': {
    get: {
      operationId: 'listTrees',
      summary: 'The signed trees that were kept, the latest first',
      parameters: [LIMIT],
      responses: {
        200: toJsonAnswer('KeptTrees', 'At most so many.'),
        ...toProblemResponses(
          ...problems(['invalid-parameter', 'no-ledger', 'internal-error', 'cross-site']),
        ),
      },
    },
  },
}

const replica = query('replica', 'The id of one replica.', toSchema(values.replicaId))

const kept = {
  '/kept': {
    get: toKeptOperation('List the replaced contents that one replica keeps', [
      { ...replica, required: true },
    ]),
  },
  '/restore': { post: toRestoreOperation(['cross-site']) },
}

const operation = {
  '/replicas': {
    get: {
      operationId: 'getReplicas',
      summary: 'The state of each replica, and its number of corrupt copies',
      responses: {
        200: toJsonAnswer('ReplicaStates', 'The replicas in order.'),
        ...toProblemResponses(...problems(['not-acceptable'])),
      },
    },
  },
  ...SHARED_OPERATIONS,
}

const listing = {
  '/files': {
    get: {
      operationId: 'listFiles',
      summary: 'List the names that any replica has, in byte order, without comparing contents',
      parameters: FILES_PAGE,
      responses: {
        200: toJsonAnswer(
          'MergedListing',
          'A page of them, without those that the coordinator excludes. A replica with `error` may have more names than those listed.',
        ),
        ...toProblemResponses(...problems(['invalid-parameter', 'too-few-answers', 'cross-site'])),
      },
    },
  },
}

/** The operations by path, one for each method of the coordinator's routes. */
export const OPERATIONS = {
  '/files/{name}': { get: readFile },
  '/pinned/{name}': { get: findPinned },
  '/dav/{name}': { get: readDav },
  '/reads': { post: readFiles },
  ...listing,
  ...whole,
  ...trees,
  ...LEDGER_OPERATIONS,
  ...kept,
  ...operation,
} satisfies Readonly<Record<string, PathItem>>

/** The coordinator's OpenAPI document. This module is imported by the first request for it. */
export const DOCUMENT: Document = createDocument({
  title: 'vouch coordinator',
  description:
    'Asks every replica for a file by name, compares the copies by SHA-256, and answers with the result.',
  schemas: {
    Manifest: manifests.manifest,
    Version: manifests.version,
    ReplicaReport: manifests.replicaReport,
    MergedListing: listings.mergedListing,
    ReplicaStates: health.replicaStates,
    AuditLine: audits.auditLine,
    AuditSummary: audits.auditSummary,
    TreesLine: listings.treesLine,
    KeptTrees: listings.keptTrees,
    EstimateLine: estimates.estimateLine,
    Estimate: estimates.estimate,
    Calls: audits.calls,
    VerifyRequest: ledger.verifyRequest,
    Run: ledger.run,
    Status: ledger.status,
    Differences: ledger.differences,
    History: ledger.history,
    ReadsRequest: reads.readsRequest,
    PlanRequest: plans.planRequest,
    Rule: policies.rule,
    Policy: policies.policy,
    Plan: plans.plan,
    PlanStep: plans.planStep,
    MadePlan: plans.madePlan,
    PlanSummary: plans.planSummary,
    ApplyLine: plans.applyLine,
    KeptListing: replicas.keptListing,
    RestoreRequest: restoreOnRequest,
    Restored: replicas.restored,
    Health: health.health,
    Readiness: health.coordinatorReadiness,
  },
  operations: OPERATIONS,
})
