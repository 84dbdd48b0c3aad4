import type { Context } from 'hono'
import { toJson } from '../http/answer.ts'
import { type AppEnv, toCaller } from '../http/app.ts'
import { createProblem } from '../http/problems.ts'
import { PROBE } from '../storage/probe.ts'
import { withTimeout } from '../wire/limit.ts'
import { READY_OTHERS_MS } from '../wire/limits.ts'
import type { CoordinatorReadiness, ReplicaStates } from '../wire/schemas/health.ts'
import { StorageError } from '../wire/storage-error.ts'
import { gather } from './ask/gather.ts'
import type { AskOptions, Member } from './ask/member.ts'
import type { Answer } from './compare/compare.ts'
import { toFailures } from './compare/report.ts'
import type { CoordinatorContext } from './context.ts'
import { accepts } from './read/accept.ts'

export type ReplicaState = ReplicaStates['replicas'][number]

export async function answerReplicas(c: Context<AppEnv>, context: CoordinatorContext): Promise<Response> {
  if (!accepts(c.req.raw, 'application/json'))
    return createProblem('not-acceptable', 'this resource is application/json')
  const replicas = await readReplicaStates(context, toCaller(c))
  return toJson({ replicas } satisfies ReplicaStates)
}

/** Asks each replica for its state now; returns them in order. */
export async function readReplicaStates(
  { members, corruptCopies }: Pick<CoordinatorContext, 'members' | 'corruptCopies'>,
  caller: AskOptions,
): Promise<ReplicaState[]> {
  const answers = await gather({ ...caller, members, corruptCopies, name: PROBE })
  return members.map(({ id, breaker, listings }, i) => {
    const said = answers[i]?.said
    const state =
      said instanceof StorageError
        ? ({ state: 'error', error: said.reason, detail: said.message } as const)
        : ({ state: 'ok' } as const)
    return {
      id,
      ...state,
      breaker: breaker.state(),
      listings: listings.state(),
      corrupt: corruptCopies.count(id),
    }
  })
}

/**
 * `GET /readyz`: 200 as soon as `required` replicas have answered a question like a read's, with those that
 * failed within `READY_OTHERS_MS`, as by refusing a token; 503 once too few can. Costs as much as a read.
 */
export async function answerReadiness(
  c: Context<AppEnv>,
  { members }: CoordinatorContext,
  required: number,
): Promise<Response> {
  const answers = await gatherEnough(members, required, toCaller(c))
  const answered = answers.filter(({ said }) => !(said instanceof StorageError)).length
  const of = members.length
  if (answered < required) {
    const detail = `${answered} of ${of} replicas answered, but ${required} must; ${toFailures(answers)}`
    return createProblem('too-few-answers', detail)
  }
  const failed = answers.flatMap(({ id, said }) =>
    said instanceof StorageError ? { id, error: said.reason, detail: said.message } : [],
  )
  return toJson({ status: 'ready', required, of, failed } satisfies CoordinatorReadiness)
}

/** The answers that have arrived, in `members`' order: all, or at least `enough` that are not failures. */
async function gatherEnough(
  members: readonly Member[],
  enough: number,
  caller: AskOptions,
): Promise<Answer[]> {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const answers: (Answer | undefined)[] = members.map(() => undefined)
  let answered = 0
  const all = Promise.all(
    members.map(async ({ ask }, i) => {
      const answer = await ask(PROBE, caller)
      answers[i] = answer
      if (!(answer.said instanceof StorageError) && ++answered >= enough) resolve()
    }),
  )
  await Promise.race([reached, all])
  await withTimeout(READY_OTHERS_MS, all)
  return answers.filter((answer) => answer !== undefined)
}
