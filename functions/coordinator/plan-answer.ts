import type { Context } from 'hono'
import { readJsonBody } from '../storage/json-body.ts'
import { toStream } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import type { Limit } from '../wire/limit.ts'
import { MAX_RULES, MAX_SURVEY_BYTES } from '../wire/limits.ts'
import { parseMaxAge } from '../wire/max-age.ts'
import { addCounts } from '../wire/passed.ts'
import { type MadePlan, type PlanRequest, type PlanSummary, planRequest } from '../wire/plan-schemas.ts'
import { createProblem } from '../wire/problems.ts'
import type { AuditSummary } from '../wire/schemas.ts'
import { type AuditContext, audit } from './audit.ts'
import type { Member } from './gather.ts'
import { planName } from './plan.ts'
import { streamText, type WriteText } from './text-stream.ts'

export interface PlanOptions extends Pick<AuditContext, 'deadlines' | 'createHasher' | 'suspects'> {
  readonly members: readonly Member[]
  readonly limit: Limit
}

/**
 * `POST /plan`, with `?max-age=` as for an audit: the writes that would put right what an audit finds. The JSON of `plan`
 * in wire/plan-schemas.ts, with each step in a line of its own and the summary in the last line but one. It is not
 * valid JSON when the audit breaks off.
 */
export async function answerPlan(c: Context<AppEnv>, options: PlanOptions): Promise<Response> {
  const maxAge = parseMaxAge(c.req.query('max-age'))
  if (typeof maxAge === 'string') return createProblem('invalid-parameter', maxAge)
  const request = await readJsonBody(c, planRequest, {
    limit: MAX_SURVEY_BYTES,
    takes: `a prefix, globs in match and exclude, and up to ${MAX_RULES} rules, each a prefix and a policy (fill-missing, newest, majority, or {"keep": ID})`,
  })
  if (request instanceof Response) return request
  const ids = options.members.map(({ id }) => id)
  const stranger = request.rules.find(
    ({ policy }) => typeof policy === 'object' && !ids.includes(policy.keep),
  )
  if (stranger) return createProblem('invalid-body', `keep takes one of ${ids.join(', ')}`)
  const { trace } = c.var
  const fields = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
  return await options.limit.run(() => {
    const body = streamText((write, signal) =>
      writePlan(request, { ...options, maxAge, trace, signal, write }),
    )
    return createAnswer(200, fields, toStream(body))
  })
}

interface Writing extends PlanOptions, Pick<AuditContext, 'trace' | 'signal'> {
  readonly write: WriteText
  /** As in `AuditRequest`. */
  readonly maxAge: number | null
}

async function writePlan(
  request: PlanRequest,
  { write, members, maxAge, ...context }: Writing,
): Promise<void> {
  const { rules, ...names } = request
  const head = {
    vouch: 'plan',
    version: 1,
    made: new Date().toISOString(),
    replicas: members.map(({ id }) => id),
    ...request,
  } satisfies Omit<MadePlan, 'steps' | 'summary'>
  let [steps, bytes, left] = [0, 0, 0]
  let summary: AuditSummary | undefined
  await write(`${JSON.stringify(head).slice(0, -1)},\n"steps": [`)
  await audit(
    members,
    { ...names, all: false, maxAge },
    {
      ...context,
      async tell(line) {
        if ('summary' in line) summary = line.summary
        // A blank line means nothing in JSON, and shows that the work goes on.
        if ('progress' in line) await write('\n')
        if (!('versions' in line)) return
        const planned = planName(line, rules)
        if (planned === null) left++
        for (const step of planned ?? []) {
          await write(`${steps++ === 0 ? '' : ','}\n${JSON.stringify(step)}`)
          bytes = addCounts(bytes, step.size)
        }
      },
    },
  )
  if (summary === undefined) throw new Error('an audit ends with its summary')
  await write(
    `\n],\n"summary": ${JSON.stringify({ steps, bytes, left, audit: summary } satisfies PlanSummary)}\n}\n`,
  )
}
