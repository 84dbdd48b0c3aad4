import type { Context } from 'hono'
import { readParsedBody } from '../storage/json-body.ts'
import { parseName } from '../storage/names.ts'
import { toStream } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import type { Limit } from '../wire/limit.ts'
import { MAX_PLAN_BYTES } from '../wire/limits.ts'
import { type Plan, parsePlan } from '../wire/plan-schemas.ts'
import { createProblem } from '../wire/problems.ts'
import { type ApplyContext, apply } from './apply.ts'
import { streamLines } from './text-stream.ts'

/** `POST /apply`: the lines of `apply` as they come. A client that goes away ends it after the steps under way. */
export async function answerApply(
  c: Context<AppEnv>,
  { limit, ...context }: Pick<ApplyContext, 'members' | 'toRead'> & { readonly limit: Limit },
): Promise<Response> {
  return await limit.run(() => takePlan(c, context))
}

async function takePlan(
  c: Context<AppEnv>,
  context: Pick<ApplyContext, 'members' | 'toRead'>,
): Promise<Response> {
  const body = await readParsedBody(c, parsePlan, {
    limit: MAX_PLAN_BYTES,
    takes: 'a plan as POST /plan makes it: its replicas and steps, each with name, to, digest, size and seen',
  })
  if (body instanceof Response) return body
  const wrong = findWrong(
    body,
    context.members.map(({ id }) => id),
  )
  if (wrong !== undefined) return createProblem('invalid-body', wrong)
  const lines = streamLines((tell, signal) => apply(body, { ...context, tell, signal }))
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  return createAnswer(200, fields, toStream(lines))
}

/** What is wrong with a plan, beside its shape, for these replicas; undefined for nothing. */
function findWrong({ replicas, steps }: Plan, ids: readonly string[]): string | undefined {
  if (replicas.length !== ids.length || replicas.some((id) => !ids.includes(id))) {
    return `the plan is for ${replicas.join(', ')}; the replicas here are ${ids.join(', ')}`
  }
  const written = new Set<string>()
  for (const { name, to, seen } of steps) {
    if (written.size === written.add(`${to}/${name}`).size) return `the plan writes ${name} to ${to} twice`
    if (parseName(name) === null) return `the plan has a step for '${name}', which is no name of a file`
    if (!ids.includes(to)) return `the plan writes ${name} to ${to}, which is no replica here`
    const unseen = ids.find((id) => !Object.hasOwn(seen, id))
    if (unseen !== undefined) return `the plan does not say what ${unseen} held of ${name}`
  }
  return undefined
}
