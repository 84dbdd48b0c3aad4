import * as v from 'valibot'
import { MAX_NAME_BYTES, MAX_PLAN_STEPS, MAX_REPLICAS, MAX_RULES, MAX_STEP_LENGTH } from './limits.ts'
import { boundedArray, type Parsed, toWrongText } from './parse.ts'
import { parseJsonWithItems } from './parse-items.ts'
import { auditSummary, digest, globs, replicaId, size, unkept } from './schemas.ts'

/** Which version of a name is to be everywhere: none is chosen, the latest, that of most replicas, or one replica's. */
export const policy = v.union([
  v.picklist(['fill-missing', 'newest', 'majority']),
  v.object({ keep: replicaId }),
])
export type Policy = v.InferOutput<typeof policy>

/** What holds for names that start with `prefix`; of several the one with the longest. */
export const rule = v.object({ prefix: v.pipe(v.string(), v.maxLength(MAX_NAME_BYTES)), policy })
export type Rule = v.InferOutput<typeof rule>

/** Body of `POST /plan`. */
export const planRequest = v.object({
  prefix: v.string(),
  match: globs,
  exclude: globs,
  rules: boundedArray(rule, MAX_RULES),
})
export type PlanRequest = v.InferOutput<typeof planRequest>

/** One write: `digest` to be what `to` holds of `name`. */
export const planStep = v.object({
  name: v.string(),
  to: replicaId,
  digest,
  size,
  /** What each replica held, null for nothing: the step is done only where that is still so. */
  seen: v.record(replicaId, v.nullable(digest)),
})
export type PlanStep = v.InferOutput<typeof planStep>

/** What a plan begins with, and its steps: what `POST /apply` takes. More members are let be. */
export const plan = v.object({
  vouch: v.literal('plan'),
  version: v.literal(1),
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  steps: boundedArray(planStep, MAX_PLAN_STEPS),
})
export type Plan = v.InferOutput<typeof plan>

/** The plan that a text of JSON is, which may be long: its steps are read one by one. */
export async function parsePlan(text: string): Promise<Parsed<Plan>> {
  const limits = { items: MAX_PLAN_STEPS, length: MAX_STEP_LENGTH }
  const read = await parseJsonWithItems(plan, 'steps', planStep, text, limits)
  if (!read.success) return read
  const { whole, items } = read.output
  if (whole.steps.length > 0) return toWrongText('the plan has its steps twice')
  return { success: true, output: { ...whole, steps: items } }
}

/** What a plan ends with. */
export const planSummary = v.object({
  steps: size,
  /** Bytes to be written. */
  bytes: size,
  /** Names whose copies are not the same, and of which no rule says which to keep. */
  left: size,
  /** Of the audit that the plan was made from. */
  audit: auditSummary,
})
export type PlanSummary = v.InferOutput<typeof planSummary>

/** Answer to `POST /plan`: when and from what question it was made, the plan, and what it comes to. */
export const madePlan = v.object({
  ...plan.entries,
  /** RFC 3339 in UTC with milliseconds. */
  made: v.string(),
  ...planRequest.entries,
  summary: planSummary,
})
export type MadePlan = v.InferOutput<typeof madePlan>

/** What became of one step: written; there already; left alone, since a copy is not what the plan saw; not possible. */
export const STEP_OUTCOMES = ['done', 'already', 'skipped', 'failed'] as const

/** A line of the answer to `POST /apply`: a step, now and then how many are over, or at the end how many came to what. */
export const applyLine = v.union([
  v.object({
    name: v.string(),
    to: replicaId,
    outcome: v.picklist(STEP_OUTCOMES),
    detail: v.optional(v.string()),
    /** Of a step that was done: what the file could not keep or take beside its bytes. */
    unkept,
  }),
  v.object({ progress: v.object({ steps: size, of: size }) }),
  v.object({ summary: v.object({ done: size, already: size, skipped: size, failed: size }) }),
])
export type ApplyLine = v.InferOutput<typeof applyLine>
