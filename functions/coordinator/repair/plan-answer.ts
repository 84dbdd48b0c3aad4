import type { Context } from 'hono'
import { withBlankLines } from '../../bytes/heartbeat.ts'
import type { WriteText } from '../../bytes/line-writer.ts'
import { answerText } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { createProblem } from '../../http/problems.ts'
import { readJsonBody } from '../../http/request-body.ts'
import { parseMaxAge } from '../../wire/fields/query.ts'
import { MAX_RULES, MAX_SURVEY_BYTES } from '../../wire/limits.ts'
import { addCounts } from '../../wire/passed.ts'
import type { AuditSummary } from '../../wire/schemas/audit.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import {
  type MadePlan,
  type PlanRequest,
  type PlanStep,
  type PlanSummary,
  planRequest,
} from '../../wire/schemas/plan.ts'
import type { Rule } from '../../wire/schemas/policy.ts'
import { audit } from '../audit/audit.ts'
import type { AuditContext } from '../audit/audit-request.ts'
import { findExcess, toMore } from '../audit/exclude.ts'
import { findRangeFault } from '../audit/range.ts'
import type { CoordinatorContext } from '../context.ts'
import { withKnownRot } from '../ledger/ledger.ts'
import { auditRecorded } from '../ledger/record-audit.ts'
import { createMoves } from './moves.ts'
import { findPolicy, findRecords, isOnlyRecorded, planName } from './plan.ts'

const FIELDS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' } as const

/**
 * `POST /plan?max-age=`: the writes that would repair what an audit finds, as the JSON of `madePlan`: each
 * step on a line of its own, the summary on the last but one; not valid JSON when the audit breaks off.
 */
export async function answerPlan(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  const maxAge = parseMaxAge(c.req.query('max-age'))
  if (typeof maxAge === 'string') return createProblem('invalid-parameter', maxAge)
  const request = await readJsonBody(c, planRequest, {
    limit: MAX_SURVEY_BYTES,
    takes: `a prefix, globs in match and exclude, and up to ${MAX_RULES} rules, each a prefix and a policy (fill-missing, newest, majority, repair, or {"keep": ID}); and moves, true or false, after and until, names, or none of these`,
  })
  if (request instanceof Response) return request
  const ids = context.members.map(({ id }) => id)
  const kept = request.rules.flatMap(({ policy }) => (typeof policy === 'object' ? policy.keep : []))
  const unknown = kept.find((id) => !ids.includes(id))
  if (unknown !== undefined)
    return createProblem('invalid-body', `keep names no replica '${unknown}'; there is: ${ids.join(', ')}`)
  const excess = findRangeFault(request) ?? findExcess(context, request)
  if (excess !== null) return createProblem('invalid-body', excess)
  const { trace } = c.var
  return await context.limits.audits.run(() =>
    answerText(FIELDS, (write, signal) => writePlan(request, maxAge, write, { ...context, trace, signal })),
  )
}

type PlanContext = Omit<AuditContext, 'writeLine'> & Pick<CoordinatorContext, 'ledger' | 'onLedgerFailed'>

async function writePlan(
  request: PlanRequest,
  maxAge: number | null,
  write: WriteText,
  context: PlanContext,
): Promise<void> {
  const { rules, moves: _, ...names } = request
  const records = findRecords(context.members)
  const head = {
    vouch: 'plan',
    version: 1,
    made: new Date().toISOString(),
    replicas: context.members.map(({ id }) => id),
    ...request,
  } satisfies Omit<MadePlan, 'steps' | 'summary'>
  let [steps, moved, bytes, left, recorded] = [0, 0, 0, 0, 0]
  let summary: AuditSummary | undefined
  const moves = request.moves ? createMoves({ ids: head.replicas, rules, records }) : undefined
  const writeStep = async (step: PlanStep) => {
    await write(`${steps++ === 0 ? '' : ','}\n${JSON.stringify(step)}`)
    if (step.from === undefined) bytes = addCounts(bytes, step.size)
    else moved++
  }
  await write(`${JSON.stringify(head).slice(0, -1)},\n"steps": [`)
  const writeLine: AuditContext['writeLine'] = withBlankLines(write, async (line) => {
    if ('summary' in line) {
      summary = line.summary
      return
    }
    const manifest = await withRecordedRot(line, rules, context)
    if (moves?.hold(manifest)) return
    const planned = planName(manifest, rules, records)
    if (planned === null) left++
    if (isOnlyRecorded(manifest)) recorded++
    for (const step of planned ?? []) await writeStep(step)
  })
  const exclude = toMore(context, names.exclude)
  // Rot shows once: a plan that reads bytes is recorded as any other audit.
  const run = maxAge === null ? audit : auditRecorded
  await run({ ...names, exclude, all: false, maxAge }, { ...context, writeLine })
  if (summary === undefined) throw new Error('an audit ends with its summary')
  for (const step of moves?.toSteps() ?? []) await writeStep(step)
  const unpaired = moves?.unpaired() ?? 0
  const end = {
    steps,
    ...(moves && { moves: moved }),
    ...(unpaired > 0 && { unpaired }),
    ...{ bytes, left, ...(recorded > 0 && { recorded }), audit: summary },
  } satisfies PlanSummary
  await write(`\n],\n"summary": ${JSON.stringify(end)}\n}\n`)
}

/** The manifest with the rot that audits have recorded of it, where that is to be repaired. */
async function withRecordedRot(
  manifest: Manifest,
  rules: readonly Rule[],
  { ledger, onLedgerFailed }: PlanContext,
): Promise<Manifest> {
  if (ledger === undefined || findPolicy(manifest.name, rules) !== 'repair') return manifest
  try {
    const known = await ledger.find(manifest.name)
    return known === null ? manifest : withKnownRot(manifest, known)
  } catch (error) {
    // What the plan's own audit has found remains.
    onLedgerFailed?.(error)
    return manifest
  }
}
