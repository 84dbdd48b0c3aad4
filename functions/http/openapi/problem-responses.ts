import * as v from 'valibot'
import { manifest, type problem } from '../../wire/schemas/manifest.ts'
import { PROBLEM_TYPES, PROBLEMS, type ProblemType } from '../problems.ts'
import { type HeaderName, toHeaders } from './headers.ts'
import type { Content, Ref, Reply, ReplyObject, Schema } from './types.ts'

const own = v.object({
  type: v.picklist(PROBLEM_TYPES),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
} satisfies { [K in keyof Omit<typeof problem.entries, keyof typeof manifest.entries>]: v.GenericSchema })

/** A problem document, and one that carries the comparison of a file. */
export const problemSchemas = { Problem: own, FileProblem: v.object({ ...own.entries, ...manifest.entries }) }

/** A problem with which an operation may answer. */
export interface OperationProblem {
  readonly type: ProblemType
  readonly schema: keyof typeof problemSchemas
  /** Fields beside those of every problem of its status. */
  readonly headers: readonly HeaderName[]
}

/** Problems that any request may get. */
const SHARED = [
  'malformed-request',
  'misdirected',
  'unauthorized',
  'request-timeout',
  'uri-too-long',
  'fields-too-large',
  'internal-error',
  'overloaded',
] as const satisfies readonly ProblemType[]

/** Fields that a problem has by its status. */
const OF_STATUS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  503: ['Retry-After'],
}

/** These problems, with these fields beside those of every problem. */
export function problems(
  types: readonly ProblemType[],
  headers: readonly HeaderName[] = [],
): OperationProblem[] {
  return types.map((type) => ({ type, schema: 'Problem', headers }))
}

/** These problems, each with the comparison of the file and the states of the replicas. */
export function fileProblems(
  types: readonly ProblemType[],
  headers: readonly HeaderName[] = [],
): OperationProblem[] {
  const said = ['Replica-Status', 'Replica-Agreement'] as const
  return types.map((type) => ({ type, schema: 'FileProblem', headers: [...said, ...headers] }))
}

/** The responses for these problems and for those of any request, by status. */
export function toProblemResponses(...all: OperationProblem[]): Record<string, Reply> {
  const groups = Map.groupBy([...all, ...problems(SHARED)], ({ type }) => PROBLEMS[type][0])
  return Object.fromEntries([...groups].map(([status, group]) => [String(status), toResponse(group)]))
}

/** The response for each problem alone, by type. */
export const PROBLEM_RESPONSES: Readonly<Record<string, ReplyObject>> = Object.fromEntries(
  PROBLEM_TYPES.map((type) => [type, toOwnResponse(problems([type]))]),
)

function toResponse(group: readonly OperationProblem[]): ReplyObject | Ref {
  const [only, other] = group
  const isPlain = only && !other && only.schema === 'Problem' && only.headers.length === 0
  return isPlain ? { $ref: `#/components/responses/${only.type}` } : toOwnResponse(group)
}

function toOwnResponse(group: readonly OperationProblem[]): ReplyObject {
  const types = [...new Set(group.map(({ type }) => type))]
  return {
    description: types.map((type) => `${type}: ${PROBLEMS[type][1]}.`).join(' '),
    headers: toFields(group),
    content: { 'application/problem+json': toContent(group) },
  }
}

/** A field is required when all of the group have it. */
function toFields(group: readonly OperationProblem[]) {
  const [status] = group.map(({ type }) => PROBLEMS[type][0])
  const all = [...new Set(group.flatMap(({ headers }) => headers))]
  const has = all.filter((name) => group.every(({ headers }) => headers.includes(name)))
  const may = all.filter((name) => !has.includes(name))
  return toHeaders(['Content-Length', 'Cache-Control', ...(OF_STATUS[status ?? 0] ?? []), ...has], may)
}

function toContent(group: readonly OperationProblem[]): Content {
  const bySchema = Map.groupBy(group, ({ schema }) => schema)
  const forms = [...bySchema].map(([schema, of]) => toForm(schema, of))
  const [form = {}, other] = forms
  return { schema: other === undefined ? form : { anyOf: forms } }
}

function toForm(schema: OperationProblem['schema'], group: readonly OperationProblem[]): Schema {
  const types = [...new Set(group.map(({ type }) => type))]
  const [status] = types.map((type) => PROBLEMS[type][0])
  const narrow = { properties: { type: { enum: types }, status: { const: status } } }
  return { allOf: [{ $ref: `#/components/schemas/${schema}` }, narrow] }
}
