import * as v from 'valibot'
import { type HeaderName, toHeaders } from './openapi-headers.ts'
import type { Content, Ref, Reply, ReplyObject, Schema } from './openapi-types.ts'
import { PROBLEM_TYPES, PROBLEMS, type ProblemType } from './problems.ts'
import { manifest, type problem } from './schemas.ts'

const own = v.object({
  type: v.picklist(PROBLEM_TYPES),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
} satisfies { [K in keyof Omit<typeof problem.entries, keyof typeof manifest.entries>]: v.GenericSchema })

/** A problem document, and one that carries the comparison of a file. */
export const problemSchemas = { Problem: own, FileProblem: v.object({ ...own.entries, ...manifest.entries }) }

/** A problem with which an operation may answer. */
export interface Refusal {
  readonly type: ProblemType
  readonly schema: keyof typeof problemSchemas
  /** Fields beside those of every problem of its status. */
  readonly headers: readonly HeaderName[]
}

/** Problems that may come of every request: by whom, how long, how many and how badly made. */
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
export function refuse(types: readonly ProblemType[], headers: readonly HeaderName[] = []): Refusal[] {
  return types.map((type) => ({ type, schema: 'Problem', headers }))
}

/** These problems, each with the comparison of the file and what the replicas said. */
export function refuseFile(types: readonly ProblemType[], headers: readonly HeaderName[] = []): Refusal[] {
  const said = ['Replica-Status', 'Replica-Agreement'] as const
  return types.map((type) => ({ type, schema: 'FileProblem', headers: [...said, ...headers] }))
}

/** The responses for these problems and for those that every request may meet, by status. */
export function toProblems(...refusals: Refusal[]): Record<string, Reply> {
  const groups = Map.groupBy([...refusals, ...refuse(SHARED)], ({ type }) => PROBLEMS[type][0])
  return Object.fromEntries([...groups].map(([status, group]) => [String(status), toResponse(group)]))
}

/** Every problem as the response that it is alone, by type. */
export const PROBLEM_RESPONSES: Readonly<Record<string, ReplyObject>> = Object.fromEntries(
  PROBLEM_TYPES.map((type) => [type, toOwnResponse(refuse([type]))]),
)

function toResponse(group: readonly Refusal[]): ReplyObject | Ref {
  const [only, other] = group
  const isPlain = only && !other && only.schema === 'Problem' && only.headers.length === 0
  return isPlain ? { $ref: `#/components/responses/${only.type}` } : toOwnResponse(group)
}

function toOwnResponse(group: readonly Refusal[]): ReplyObject {
  const types = [...new Set(group.map(({ type }) => type))]
  return {
    description: types.map((type) => `${type}: ${PROBLEMS[type][1]}.`).join(' '),
    headers: toFields(group),
    content: { 'application/problem+json': toContent(group) },
  }
}

/** What all of the group have is there always, the rest only sometimes. */
function toFields(group: readonly Refusal[]) {
  const [status] = group.map(({ type }) => PROBLEMS[type][0])
  const all = [...new Set(group.flatMap(({ headers }) => headers))]
  const has = all.filter((name) => group.every(({ headers }) => headers.includes(name)))
  const may = all.filter((name) => !has.includes(name))
  return toHeaders(['Content-Length', 'Cache-Control', ...(OF_STATUS[status ?? 0] ?? []), ...has], may)
}

function toContent(group: readonly Refusal[]): Content {
  const bySchema = Map.groupBy(group, ({ schema }) => schema)
  const forms = [...bySchema].map(([schema, refusals]) => toForm(schema, refusals))
  const [form = {}, other] = forms
  return { schema: other === undefined ? form : { anyOf: forms } }
}

function toForm(schema: Refusal['schema'], refusals: readonly Refusal[]): Schema {
  const types = [...new Set(refusals.map(({ type }) => type))]
  const [status] = types.map((type) => PROBLEMS[type][0])
  const narrow = { properties: { type: { enum: types }, status: { const: status } } }
  return { allOf: [{ $ref: `#/components/schemas/${schema}` }, narrow] }
}
