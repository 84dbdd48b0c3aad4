import type { Context } from 'hono'
import { toStream } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import type { Limit } from '../wire/limit.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, MAX_GLOBS_LENGTH } from '../wire/limits.ts'
import { parseMaxAge } from '../wire/max-age.ts'
import { isValid } from '../wire/parse.ts'
import { createProblem } from '../wire/problems.ts'
import { type AuditSummary, globs } from '../wire/schemas.ts'
import { type AuditContext, type AuditRequest, audit } from './audit.ts'
import type { Member } from './gather.ts'
import type { Observer } from './observer.ts'
import { streamLines } from './text-stream.ts'

export interface AuditOptions extends Pick<AuditContext, 'deadlines' | 'createHasher' | 'suspects'> {
  readonly members: readonly Member[]
  readonly limit: Limit
  readonly observer: Observer
}

/** `GET /audit`: the lines of `audit` as they come. */
export async function answerAudit(c: Context<AppEnv>, options: AuditOptions): Promise<Response> {
  const request = parseAuditRequest(new URL(c.req.url, 'http://localhost').searchParams)
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  if (typeof request === 'string') return createProblem('invalid-parameter', request)
  if (c.req.method === 'HEAD') return createAnswer(200, fields, null)
  const { trace } = c.var
  return await options.limit.run(() => {
    const body = streamLines((tell, signal) => auditObserved(request, options, { trace, tell, signal }))
    return createAnswer(200, fields, toStream(body))
  })
}

/** An audit, of whose end the observer hears, however it comes. */
async function auditObserved(
  request: AuditRequest,
  { members, observer, deadlines, createHasher, suspects }: AuditOptions,
  { trace, tell, signal }: Pick<AuditContext, 'trace' | 'tell' | 'signal'>,
): Promise<void> {
  const { prefix, match, exclude } = request
  const isWhole = prefix === '' && match.length === 0 && exclude.length === 0
  const start = performance.now()
  let summary: AuditSummary | null = null
  const tellObserved: typeof tell = async (line) => {
    await tell(line)
    if ('summary' in line) summary = line.summary
  }
  try {
    await audit(members, request, {
      trace,
      signal,
      deadlines,
      createHasher,
      suspects,
      tell: tellObserved,
    })
  } finally {
    observer.onAudited({ isWhole, summary, ms: performance.now() - start })
  }
}

/** What the query asks; a sentence on what is wrong with it otherwise. */
function parseAuditRequest(query: URLSearchParams): AuditRequest | string {
  const known = ['prefix', 'all', 'max-age', 'deep', 'match', 'exclude']
  const unknown = [...query.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) return `an audit takes ${known.join(', ')}, got '${unknown}'`
  const wrong = ['all', 'deep'].find((flag) => !['', 'true', null].includes(query.get(flag)))
  if (wrong !== undefined) return `${wrong} takes true, got '${query.get(wrong)}'`
  const [match, exclude] = [query.getAll('match'), query.getAll('exclude')]
  if (!isValid(globs, match) || !isValid(globs, exclude)) {
    return `match and exclude take up to ${MAX_GLOBS} globs each, of ${MAX_GLOB_LENGTH} characters at most and ${MAX_GLOBS_LENGTH} together`
  }
  const age = parseMaxAge(query.get('max-age'))
  if (typeof age === 'string') return age
  // `deep` is another word for 0.
  const maxAge = query.has('deep') ? 0 : age
  return { prefix: query.get('prefix') ?? '', all: query.has('all'), maxAge, match, exclude }
}
