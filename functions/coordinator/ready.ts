import { PROBE } from '../storage/probe.ts'
import { toJson } from '../wire/app.ts'
import { createProblem } from '../wire/problems.ts'
import { StorageError } from '../wire/trouble.ts'
import type { AskOptions, Member } from './gather.ts'

/**
 * `GET /readyz`: 200 as soon as `required` replicas have answered a question like every read's, without a wait for the
 * others; 503 once they no longer can. Costs what one read costs.
 */
export async function answerReadiness(
  members: readonly Member[],
  required: number,
  asker: AskOptions,
): Promise<Response> {
  const answered = await countAnswers(members, required, asker)
  if (answered >= required) return toJson({ status: 'ready', required, of: members.length })
  const detail = `${answered} of ${members.length} replicas answered, ${required} must`
  return createProblem('too-few-answers', detail)
}

/** How many answered, counted no further than `enough`. */
async function countAnswers(members: readonly Member[], enough: number, asker: AskOptions): Promise<number> {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  let answered = 0
  const all = members.map(async ({ ask }) => {
    const { said } = await ask(PROBE, asker)
    if (!(said instanceof StorageError) && ++answered >= enough) resolve()
  })
  await Promise.race([reached, Promise.all(all)])
  return answered
}
