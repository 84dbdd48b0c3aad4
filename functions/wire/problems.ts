import { createAnswer } from './answer.ts'
import { OVERLOAD_RETRY_SECONDS, RETRY_AFTER_SECONDS } from './limits.ts'
import type { Manifest, Problem } from './schemas.ts'
import type { StorageError, TroubleCode } from './trouble.ts'

/** Every problem that vouch answers with: its `type` (RFC 9457 §3.1.1), status and title. */
export const PROBLEMS = {
  'changed-while-reading': [503, 'A copy kept changing while it was read'],
  conflict: [409, 'The copies differ'],
  'cross-site': [403, 'A page of another site asked for this'],
  'existence-unknown': [503, 'It cannot be said whether the file exists'],
  incomplete: [409, 'Not every replica holds the file'],
  'integrity-failure': [502, 'The bytes contradict their digest'],
  'internal-error': [500, 'The server failed'],
  'invalid-body': [400, 'The body is not what this resource takes'],
  'invalid-name': [400, 'The name is no name of a file'],
  'invalid-parameter': [400, 'A query parameter is not what this resource takes'],
  'length-required': [411, 'The length of the body must be said'],
  'method-not-allowed': [405, 'This resource does not take that method'],
  misdirected: [421, 'The request is for another host'],
  'no-such-resource': [404, 'There is no resource at this path'],
  'not-a-file': [403, 'What has this name is never served'],
  'not-acceptable': [406, 'This resource has no form that was accepted'],
  'not-found': [404, 'There is no such file'],
  'not-kept': [404, 'No such content is kept'],
  overloaded: [503, 'Too many requests are being answered'],
  'precondition-failed': [412, 'A condition of the request does not hold'],
  'precondition-required': [428, 'A write must say what it replaces'],
  'fields-too-large': [431, 'The fields of the request are too large'],
  'malformed-request': [400, 'The request is not HTTP'],
  'range-not-satisfiable': [416, 'The range lies outside the file'],
  'read-only': [403, 'This server does not take writes'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'too-few-answers': [503, 'Fewer replicas answered than were required'],
  'too-large': [413, 'The body is too large'],
  unauthorized: [401, 'The request shows no token that opens this server'],
  unreachable: [502, 'The store could not be reached'],
  unreadable: [502, 'The store could not read or write the file'],
  'unsupported-media-type': [415, 'The body is of a type this resource does not take'],
  'uri-too-long': [414, 'The address is too long'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemType = keyof typeof PROBLEMS

/** The types of the table above, for schemas. */
export const PROBLEM_TYPES = Object.keys(PROBLEMS) as ProblemType[] // Object.keys is typed string[]

/** How a storage's trouble is answered by the server in front of it. */
const OF_TROUBLE = {
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
} as const satisfies Record<TroubleCode, ProblemType>

export interface ProblemOptions {
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** The comparison, when the problem is about a file. */
  readonly manifest?: Manifest | undefined
}

/** A problem document (RFC 9457) with its status, and with `Retry-After` when that is 503. `detail` is for people: what was wrong, and what would be right. */
export function createProblem(type: ProblemType, detail: string, options: ProblemOptions = {}): Response {
  const [status, title] = PROBLEMS[type]
  const document = { type, title, status, detail, ...options.manifest } satisfies Problem
  const body = new TextEncoder().encode(JSON.stringify(document))
  const fields = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(body.length),
    'Cache-Control': 'no-store',
    ...(status === 503 && { 'Retry-After': String(toRetryAfter(type)) }),
    ...options.fields,
  }
  return createAnswer(status, fields, body)
}

function toRetryAfter(type: ProblemType): number {
  return type === 'overloaded' ? OVERLOAD_RETRY_SECONDS : RETRY_AFTER_SECONDS
}

/** A storage's error as a problem document. */
export function toProblem(error: StorageError, options: ProblemOptions = {}): Response {
  return createProblem(OF_TROUBLE[error.code], error.message, options)
}

/** The trouble that a problem `type` stands for; null for one that stands for none. */
export function toTrouble(type: string): TroubleCode | null {
  const codes = Object.keys(OF_TROUBLE) as TroubleCode[] // Object.keys is typed string[]
  return codes.find((code) => OF_TROUBLE[code] === type) ?? null
}
