import type { Context } from 'hono'
import * as v from 'valibot'
import { toStream } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import type { Limit } from '../wire/limit.ts'
import { MAX_GLOBS } from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { globs } from '../wire/schemas.ts'
import { type AuditContext, type AuditRequest, audit } from './audit.ts'
import type { Member } from './gather.ts'
import { streamLines } from './text-stream.ts'

export interface AuditOptions extends Pick<AuditContext, 'deadlines' | 'createHasher'> {
  readonly members: readonly Member[]
  readonly limit: Limit
}

/** `GET /audit`: the lines of `audit` as they come. */
export function answerAudit(c: Context<AppEnv>, { members, limit, ...context }: AuditOptions): Response {
  const request = parseAuditRequest(new URL(c.req.url, 'http://localhost').searchParams)
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  if (typeof request === 'string') return createProblem('invalid-parameter', request)
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  const refused = limit.begin()
  if (refused !== null) return refused
  const { trace } = c.var
  const body = streamLines((tell, signal) =>
    audit(members, request, { ...context, trace, tell, signal }).finally(limit.end),
  )
  return createAnswer(200, fields, toStream(body))
}

/** What the query asks; a sentence on what is wrong with it otherwise. */
function parseAuditRequest(query: URLSearchParams): AuditRequest | string {
  const known = ['prefix', 'all', 'deep', 'match', 'exclude']
  const unknown = [...query.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) return `an audit takes ${known.join(', ')}, got '${unknown}'`
  const wrong = ['all', 'deep'].find((flag) => !['', 'true', null].includes(query.get(flag)))
  if (wrong !== undefined) return `${wrong} takes true, got '${query.get(wrong)}'`
  const [match, exclude] = [query.getAll('match'), query.getAll('exclude')]
  if (!v.is(globs, match) || !v.is(globs, exclude)) {
    return `match and exclude take up to ${MAX_GLOBS} globs each, none longer than a name`
  }
  return { prefix: query.get('prefix') ?? '', all: query.has('all'), deep: query.has('deep'), match, exclude }
}
