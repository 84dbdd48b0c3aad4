import * as v from 'valibot'
import { boundedArray, type Parsed, toWrongText } from '../json/parse.ts'
import { parseJsonWithItems } from '../json/parse-items.ts'
import { MAX_PLAN_STEPS, MAX_REPLICAS, MAX_RULES, MAX_STEP_LENGTH } from '../limits.ts'
import { auditSummary } from './audit.ts'
import { rule } from './policy.ts'
import { unkept } from './replica.ts'
import { contentDigest, digest, globs, replicaId, size } from './values.ts'

/** Body of `POST /plan`. */
export const planRequest = v.object({
  prefix: v.string(),
  match: globs,
  exclude: globs,
  /** Only names after this one in byte order. */
  after: v.optional(v.string()),
  /** Only names up to this one. */
  until: v.optional(v.string()),
  rules: boundedArray(rule, MAX_RULES),
  /** Whether files that were renamed on some replicas are moved on the others, instead of copied. */
  moves: v.optional(v.boolean()),
})
export type PlanRequest = v.InferOutput<typeof planRequest>

/** One write or move: replica `to` shall hold `digest` under `name`. */
export const planStep = v.object({
  name: v.string(),
  /**
   * Of a move, the name under which `to` holds the content now, and shall no longer; absent for a write.
   * Every replica holds it under exactly one of the two names.
   */
  from: v.optional(v.string()),
  to: replicaId,
  digest,
  size,
  /** What each replica held, null for nothing: the step is done only while that is unchanged. */
  seen: v.record(replicaId, v.nullable(contentDigest)),
})
export type PlanStep = v.InferOutput<typeof planStep>

/** A plan, as `POST /apply` takes it. Other members are ignored. */
export const plan = v.object({
  vouch: v.literal('plan'),
  version: v.literal(1),
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  steps: boundedArray(planStep, MAX_PLAN_STEPS),
})
export type Plan = v.InferOutput<typeof plan>

/** Parses a plan in JSON, which may be long, step by step. */
export async function parsePlan(text: string): Promise<Parsed<Plan>> {
  const limits = { items: MAX_PLAN_STEPS, length: MAX_STEP_LENGTH }
  const read = await parseJsonWithItems(plan, 'steps', planStep, text, limits)
  if (!read.success) return read
  const { whole, items } = read.output
  if (whole.steps.length > 0) return toWrongText('the plan has the member steps twice')
  return { success: true, output: { ...whole, steps: items } }
}

/** The end of a plan. */
export const planSummary = v.object({
  steps: size,
  /** How many of the steps move a file; absent when moves were not asked for. */
  moves: v.optional(size),
  /** Names missing somewhere that were too many to be looked at for moves; absent for none. */
  unpaired: v.optional(size),
  /** Bytes to be written. */
  bytes: size,
  /** Names for which nothing is planned: no rule chooses a version, or there is nothing to copy from. */
  left: size,
  /**
   * Those of `left` that are missing somewhere, and of which only lists know the content; absent for none.
   */
  recorded: v.optional(size),
  /** The summary of the audit behind the plan. */
  audit: auditSummary,
})
export type PlanSummary = v.InferOutput<typeof planSummary>

/** Answer to `POST /plan`: the plan, when and from which request it was made, and its summary. */
export const madePlan = v.object({
  ...plan.entries,
  /** RFC 3339 in UTC with milliseconds. */
  made: v.string(),
  ...planRequest.entries,
  summary: planSummary,
})
export type MadePlan = v.InferOutput<typeof madePlan>

/** The outcome of a step: written; already there; skipped, because a copy changed since the plan; failed. */
const STEP_OUTCOMES = ['done', 'already', 'skipped', 'failed'] as const

/** A line of the answer to `POST /apply`: a step's outcome, the progress, or last the number of outcomes. */
export const applyLine = v.union([
  v.object({
    name: v.string(),
    /** Of a move, the name that the file had. */
    from: v.optional(v.string()),
    to: replicaId,
    outcome: v.picklist(STEP_OUTCOMES),
    detail: v.optional(v.string()),
    /** Of a step that was done: the attributes that the file could not keep or take. */
    unkept,
  }),
  v.object({ progress: v.object({ steps: size, of: size }) }),
  v.object({ summary: v.object({ done: size, already: size, skipped: size, failed: size }) }),
])
export type ApplyLine = v.InferOutput<typeof applyLine>
