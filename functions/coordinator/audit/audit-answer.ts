import type { Context } from 'hono'
import { answerLines, createAnswer, LINES } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { createProblem } from '../../http/problems.ts'
import { parseMaxAge } from '../../wire/fields/query.ts'
import { MAX_SEED_LENGTH } from '../../wire/limits.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { CoordinatorContext } from '../context.ts'
import { auditRecorded } from '../ledger/record-audit.ts'
import type { AuditContext, AuditLimit, AuditRequest, Challenge } from './audit-request.ts'
import { findExcess, toMore } from './exclude.ts'
import { findRangeFault } from './range.ts'

/** `GET /audit`: the lines of `audit` as they are found. */
export async function answerAudit(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const request = parseAuditRequest(new URL(c.req.url, 'http://localhost').searchParams, context)
  if (typeof request === 'string') return createProblem('invalid-parameter', request)
  if (c.req.method === 'HEAD') return createAnswer(200, LINES, null)
  const { trace } = c.var
  return await context.limits.audits.run(() =>
    answerLines((writeLine, signal) => auditObserved(request, { ...context, trace, writeLine, signal })),
  )
}

/**
 * An audit that is recorded in the ledger, if there is one, and whose end is reported to the observer,
 * however it ends.
 */
export async function auditObserved(
  request: AuditRequest,
  { observer, ...context }: AuditContext & Pick<CoordinatorContext, 'observer' | 'ledger' | 'onLedgerFailed'>,
): Promise<void> {
  const { prefix, match, exclude, after = '', until, limit } = request
  const isRange = after !== '' || until !== undefined || limit !== undefined
  const isWhole = prefix === '' && match.length === 0 && exclude.length === 0 && !isRange
  const start = performance.now()
  let summary: AuditSummary | null = null
  const writeLine: AuditContext['writeLine'] = async (line) => {
    await context.writeLine(line)
    if ('summary' in line) summary = line.summary
  }
  try {
    await auditRecorded(request, { ...context, writeLine })
  } finally {
    observer?.onAudited({ isWhole, summary, ms: performance.now() - start })
  }
}

/** The request in the query, or a message when it is not valid. */
function parseAuditRequest(
  query: URLSearchParams,
  context: Pick<CoordinatorContext, 'exclude'>,
): AuditRequest | string {
  const known = [
    ...['prefix', 'all', 'max-age', 'deep', 'match', 'exclude', 'after', 'until', 'prove', 'seed'],
    ...BUDGETS,
  ]
  const unknown = [...query.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) return `an audit takes ${known.join(', ')}, got '${unknown}'`
  const wrong = ['all', 'deep'].find((flag) => !['', 'true', null].includes(query.get(flag)))
  if (wrong !== undefined) return `${wrong} takes true, got '${query.get(wrong)}'`
  const [match, exclude] = [query.getAll('match'), query.getAll('exclude')]
  const excess = findExcess(context, { match, exclude })
  if (excess !== null) return excess
  const more = toMore(context, exclude)
  const age = parseMaxAge(query.get('max-age'))
  if (typeof age === 'string') return age
  const maxAge = query.has('deep') ? 0 : age
  const range = parseRange(query)
  if (typeof range === 'string') return range
  const challenge = parseChallenge(query)
  if (typeof challenge === 'string') return challenge
  const prefix = query.get('prefix') ?? ''
  return { ...range, challenge, prefix, all: query.has('all'), maxAge, match, exclude: more }
}

/** Which part of the names the audit compares, or a message when it is not valid. */
function parseRange(query: URLSearchParams): Pick<AuditRequest, 'after' | 'until' | 'limit'> | string {
  const [after, until] = [query.get('after') ?? undefined, query.get('until') ?? undefined]
  const wrong = findRangeFault({ after, until })
  if (wrong !== null) return wrong
  const limit = parseBudgets(query)
  return typeof limit === 'string' ? limit : { after, until, limit }
}

/** What is to be proved, or a message when it is not valid; undefined when nothing is. */
function parseChallenge(query: URLSearchParams): Challenge | undefined | string {
  const [text, seed] = [query.get('prove'), query.get('seed')]
  if (text === null) return seed === null ? undefined : "seed chooses the names of 'prove', which is absent"
  const share = parseShare(text)
  if (share === null)
    return `prove takes a share of names above 0 and at most 1, or how sure it is to meet which share of bad names, as in 0.99,0.001; got '${text}'`
  if (seed !== null && seed.length > MAX_SEED_LENGTH)
    return `seed takes at most ${MAX_SEED_LENGTH} characters, got ${seed.length}`
  return { share, seed: seed ?? crypto.randomUUID() }
}

function parseShare(text: string): Challenge['share'] | null {
  if (text === '1') return 1
  const [, first = '', second] = /^(0\.\d{1,12})(?:,(0\.\d{1,12}))?$/.exec(text) ?? []
  if (Number(first) === 0 || Number(second ?? 1) === 0) return null
  return second === undefined ? Number(first) : { sure: Number(first), bad: Number(second) }
}

/** What an audit may take at most, each a whole number from 1 up. */
const BUDGETS = ['names', 'bytes', 'seconds'] as const

/** Ends an audit behind the first name at which one of the budgets is used up; undefined without any. */
function parseBudgets(query: URLSearchParams): AuditLimit | undefined | string {
  const given: Partial<Record<(typeof BUDGETS)[number], number>> = {}
  for (const key of BUDGETS) {
    const text = query.get(key)
    if (text === null) continue
    if (!/^[1-9]\d{0,14}$/.test(text)) return `${key} takes a whole number from 1 up, got '${text}'`
    given[key] = Number(text)
  }
  const { names = Infinity, bytes = Infinity, seconds = Infinity } = given
  if (Math.min(names, bytes, seconds) === Infinity) return undefined
  const end = performance.now() + 1000 * seconds
  return {
    isReached: (compared) => compared.names >= names || compared.bytes >= bytes || performance.now() >= end,
  }
}
