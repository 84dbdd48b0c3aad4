import type { Context } from 'hono'
import type { AppEnv } from '../http/app.ts'
import { readJsonBody } from '../http/request-body.ts'
import type { SignFacts } from '../proof/sign-facts.ts'
import type { Facts } from '../storage/facts.ts'
import { toHeldLine } from '../storage/remote/wire-lines.ts'
import type { DescribeOptions, Storage } from '../storage/storage.ts'
import type { DescribeSums } from '../storage/sums.ts'
import { MAX_AGE_SECONDS, MAX_DESCRIBE_BYTES, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { type DescribeLine, describeRequest } from '../wire/schemas/replica.ts'
import { SUM_ALGORITHMS } from '../wire/sums.ts'
import { formatNumber } from '../wire/text.ts'
import { answerNames } from './answer-names.ts'

/** What a replica needs to answer with more than facts; null for what it does not have. */
export interface DescribeAbilities {
  readonly describeSums: DescribeSums | null
  readonly signFacts: SignFacts | null
}

/** `POST /describe`: the facts of each name. */
export async function answerDescribe(
  storage: Storage,
  { describeSums, signFacts }: DescribeAbilities,
  c: Context<AppEnv>,
): Promise<Response> {
  const question = await readJsonBody(c, describeRequest, { limit: MAX_DESCRIBE_BYTES, takes: QUESTION })
  if (question instanceof Response) return question
  const { names, sums, sign } = question
  const maxAge = question.maxAge ?? undefined
  const describe: Storage['describe'] = (names, options) =>
    sums === undefined || describeSums === null
      ? storage.describe(names, { ...options, maxAge })
      : describeSums(storage, names, { ...options, maxAge, sums })
  const describeSigned = (names: readonly string[], options: DescribeOptions) =>
    describe(names, options).map(async (answer, i) => {
      const facts = await answer
      return facts && { ...facts, signatures: await signFacts?.(names[i] ?? '', facts) }
    })
  return await answerNames(names, sign && signFacts !== null ? describeSigned : describe, toLine)
}

function toLine(name: string, facts: Facts): DescribeLine {
  const line = toHeldLine(name, facts)
  return facts.signatures === undefined ? line : { ...line, signatures: [...facts.signatures] }
}

const QUESTION = `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}, and maxAge in seconds from 0 to ${formatNumber(MAX_AGE_SECONDS)}, or null; sums, of ${SUM_ALGORITHMS.join(', ')}; and sign, true or false`
