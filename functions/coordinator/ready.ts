import { PROBE } from '../storage/probe.ts'
import { toJson } from '../wire/app.ts'
import { READY_OTHERS_MS } from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import type { CoordinatorReadiness } from '../wire/schemas.ts'
import { StorageError } from '../wire/trouble.ts'
import { within } from '../wire/within.ts'
import type { Answer } from './compare.ts'
import { toFailures } from './failures.ts'
import type { AskOptions, Member } from './gather.ts'

/**
 * `GET /readyz`: 200 as soon as `required` replicas have answered a question like every read's, with those that failed
 * within `READY_OTHERS_MS`, as one does at once that refuses a token; 503 once they no longer can. Costs what one read
 * costs.
 */
export async function answerReadiness(
  members: readonly Member[],
  required: number,
  asker: AskOptions,
): Promise<Response> {
  const answers = await gatherEnough(members, required, asker)
  const answered = answers.filter(({ said }) => !(said instanceof StorageError)).length
  const of = members.length
  if (answered >= required) {
    const failed = answers.flatMap(({ id, said }) =>
      said instanceof StorageError ? { id, error: said.reason, detail: said.message } : [],
    )
    return toJson({ status: 'ready', required, of, failed } satisfies CoordinatorReadiness)
  }
  const detail = `${answered} of ${of} replicas answered, ${required} must; ${toFailures(answers)}`
  return createProblem('too-few-answers', detail)
}

/** The answers that came, in the order of `members`: all, or at least `enough` that are no failures. */
async function gatherEnough(
  members: readonly Member[],
  enough: number,
  asker: AskOptions,
): Promise<Answer[]> {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const answers: (Answer | undefined)[] = members.map(() => undefined)
  let answered = 0
  const all = Promise.all(
    members.map(async ({ ask }, i) => {
      const answer = await ask(PROBE, asker)
      answers[i] = answer
      if (!(answer.said instanceof StorageError) && ++answered >= enough) resolve()
    }),
  )
  await Promise.race([reached, all])
  await within(READY_OTHERS_MS, all)
  return answers.filter((answer) => answer !== undefined)
}
