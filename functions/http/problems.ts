import { OVERLOAD_RETRY_SECONDS, RETRY_AFTER_SECONDS } from '../wire/limits.ts'
import type { Manifest, Problem } from '../wire/schemas/manifest.ts'
import type { StorageError, StorageErrorCode } from '../wire/storage-error.ts'
import { createAnswer } from './answer.ts'

/** Every problem that vouch answers with, by `type` (RFC 9457 §3.1.1): its status and title. */
export const PROBLEMS = {
  'changed-while-reading': [503, 'A copy kept changing while it was read'],
  conflict: [409, 'The copies differ'],
  'cross-site': [403, 'A page of another site sent this request'],
  'existence-unknown': [503, 'Whether the file exists is not known'],
  incomplete: [409, 'Not every replica holds the file'],
  'integrity-failure': [502, 'The bytes contradict their digest'],
  'internal-error': [500, 'The server failed'],
  'invalid-body': [400, 'The body is not valid'],
  'invalid-name': [400, 'The name is not a valid file name'],
  'invalid-parameter': [400, 'A query parameter is not valid'],
  'length-required': [411, 'The request has no Content-Length'],
  'method-not-allowed': [405, 'This resource does not support the method'],
  misdirected: [421, 'The request is for another host'],
  'no-ledger': [404, 'This coordinator keeps no ledger'],
  'no-such-resource': [404, 'There is no resource at this path'],
  'not-a-file': [403, 'The name is not a regular file'],
  'not-acceptable': [406, 'This resource has no representation that the client accepts'],
  'not-found': [404, 'There is no such file'],
  'not-kept': [404, 'No such content is kept'],
  overloaded: [503, 'Too many requests are being answered'],
  'precondition-failed': [412, 'A condition of the request does not hold'],
  'precondition-required': [428, 'A write must name what it replaces'],
  'fields-too-large': [431, 'The fields of the request are too large'],
  'malformed-request': [400, 'The request is not valid HTTP'],
  'range-not-satisfiable': [416, 'The range lies outside the file'],
  'read-only': [403, 'This server does not accept writes'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'too-few-answers': [503, 'Fewer replicas answered than were required'],
  'too-large': [413, 'The body is too large'],
  unauthorized: [401, 'The request carries no valid token'],
  unreachable: [502, 'The store could not be reached'],
  unreadable: [502, 'The store could not read or write the file'],
  unsigned: [404, 'Nobody signs this'],
  'unsupported-media-type': [415, 'This resource does not support the media type of the body'],
  'uri-too-long': [414, 'The address is too long'],
  'version-required': [428, 'The request must name the version of which it wants a part'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemType = keyof typeof PROBLEMS

export const PROBLEM_TYPES = Object.keys(PROBLEMS) as ProblemType[] // Object.keys is typed string[]

/** The problem for each code of a storage's error. */
const OF_CODE = {
  changed: 'changed-while-reading',
  integrity: 'integrity-failure',
  'invalid-name': 'invalid-name',
  'not-a-file': 'not-a-file',
  'not-kept': 'not-kept',
  'out-of-range': 'range-not-satisfiable',
  precondition: 'precondition-failed',
  'read-only': 'read-only',
  unreachable: 'unreachable',
  unreadable: 'unreadable',
} as const satisfies Record<StorageErrorCode, ProblemType>

/** What a problem document carries beside its type and its detail. */
export interface ProblemOptions {
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** The comparison, for a problem with a file. */
  readonly manifest?: Manifest | undefined
}

/** Creates a problem document (RFC 9457). `detail` is for people: what was wrong, and what to do. */
export function createProblem(type: ProblemType, detail: string, options: ProblemOptions = {}): Response {
  const [status, title] = PROBLEMS[type]
  const document = { type, title, status, detail, ...options.manifest } satisfies Problem
  const body = new TextEncoder().encode(JSON.stringify(document))
  const fields = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(body.length),
    'Cache-Control': 'no-store',
    ...(status === 503 && {
      'Retry-After': String(type === 'overloaded' ? OVERLOAD_RETRY_SECONDS : RETRY_AFTER_SECONDS),
    }),
    ...options.fields,
  }
  return createAnswer(status, fields, body)
}

/** Creates the problem document for a storage's error. */
export function toProblem(error: StorageError, options: ProblemOptions = {}): Response {
  return createProblem(OF_CODE[error.code], error.message, options)
}

/** The code of a storage's error that a problem `type` stands for; null without one. */
export function toErrorCode(type: string): StorageErrorCode | null {
  const codes = Object.keys(OF_CODE) as StorageErrorCode[] // Object.keys is typed string[]
  return codes.find((code) => OF_CODE[code] === type) ?? null
}
