import type { Context } from 'hono'
import type { AppEnv } from '../http/app.ts'
import { readJsonBody } from '../http/request-body.ts'
import { toHeldLine } from '../storage/remote/wire-lines.ts'
import type { Storage } from '../storage/storage.ts'
import type { DescribeSums } from '../storage/sums.ts'
import { MAX_AGE_SECONDS, MAX_DESCRIBE_BYTES, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { describeRequest } from '../wire/schemas.ts'
import { SUM_ALGORITHMS } from '../wire/sums.ts'
import { formatNumber } from '../wire/text.ts'
import { answerNames } from './answer-names.ts'

/** `POST /describe`: the facts of each name. */
export async function answerDescribe(
  storage: Storage,
  describeSums: DescribeSums | null,
  c: Context<AppEnv>,
): Promise<Response> {
  const question = await readJsonBody(c, describeRequest, { limit: MAX_DESCRIBE_BYTES, takes: QUESTION })
  if (question instanceof Response) return question
  const { names, sums } = question
  const maxAge = question.maxAge ?? undefined
  return await answerNames(
    names,
    (names, options) =>
      sums === undefined || describeSums === null
        ? storage.describe(names, { ...options, maxAge })
        : describeSums(storage, names, { ...options, maxAge, sums }),
    toHeldLine,
  )
}

const QUESTION = `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}, and maxAge in seconds from 0 to ${formatNumber(MAX_AGE_SECONDS)}, or null; and sums, of ${SUM_ALGORITHMS.join(', ')}`
