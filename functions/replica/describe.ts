import type { Context } from 'hono'
import { createChannel } from '../bytes/channel.ts'
import { toStream } from '../bytes/chunks.ts'
import { withHeartbeat } from '../bytes/heartbeat.ts'
import { createAnswer, LINES } from '../http/answer.ts'
import type { AppEnv } from '../http/app.ts'
import { readJsonBody } from '../http/request-body.ts'
import type { SignFacts } from '../proof/sign-facts.ts'
import type { Facts } from '../storage/facts.ts'
import { toFailedLine, toHeldLine } from '../storage/remote/wire-lines.ts'
import type { Reading, Storage, Work } from '../storage/storage.ts'
import type { DescribeSums } from '../storage/sums.ts'
import { withTimeout } from '../wire/limit.ts'
import {
  FIRST_ANSWERS_MS,
  MAX_AGE_SECONDS,
  MAX_DESCRIBE_BYTES,
  MAX_NAMES_PER_DESCRIBE,
} from '../wire/limits.ts'
import { type DescribeLine, describeRequest } from '../wire/schemas.ts'
import { toStorageError } from '../wire/storage-error.ts'
import { SUM_ALGORITHMS } from '../wire/sums.ts'
import { formatNumber } from '../wire/text.ts'

/** What a host lends a replica for more than facts; null where it does not. */
export interface DescribeAbilities {
  readonly describeSums: DescribeSums | null
  readonly signFacts: SignFacts | null
}

/**
 * `POST /describe`: a line of JSON for each name once it is known, so that a long hash delays no other; every
 * `HEARTBEAT_MS` a line on the work done, if any. Answers that are known soon are sent in one piece.
 */
export async function answerDescribe(
  storage: Storage,
  { describeSums, signFacts }: DescribeAbilities,
  c: Context<AppEnv>,
): Promise<Response> {
  const question = await readJsonBody(c, describeRequest, { limit: MAX_DESCRIBE_BYTES, takes: QUESTION })
  if (question instanceof Response) return question
  const names = [...new Set(question.names)]
  const { maxAge, sums, sign } = question
  const describe: Storage['describe'] = (names, options) =>
    sums === undefined || describeSums === null
      ? storage.describe(names, options)
      : describeSums(storage, names, { ...options, sums })
  const { done, next, cancel } = describeNames(describe, names, {
    maxAge: maxAge ?? undefined,
    signFacts: sign ? signFacts : null,
  })
  const soon = done.then(() => true)
  const isSoon = await withTimeout(FIRST_ANSWERS_MS, soon)
  if (!isSoon) return createAnswer(200, LINES, toStream({ next, cancel }))
  const { value: body = new Uint8Array() } = await next()
  return createAnswer(200, { ...LINES, 'Content-Length': String(body.length) }, body)
}

const QUESTION = `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}, and maxAge in seconds from 0 to ${formatNumber(MAX_AGE_SECONDS)}, or null; sums, of ${SUM_ALGORITHMS.join(', ')}; and sign, true or false`

const encoder = new TextEncoder()

/** The lines as chunks, each of all that became known since the last; `done` resolves when all are known. */
function describeNames(
  describe: Storage['describe'],
  names: readonly string[],
  { maxAge, signFacts }: { readonly maxAge: number | undefined; readonly signFacts: SignFacts | null },
) {
  const abort = new AbortController()
  const channel = createChannel<string>(Number.POSITIVE_INFINITY)
  let working = names.length
  let work = 0
  let reported = 0
  let reading: Reading | undefined

  function write(line: DescribeLine): void {
    channel.add(`${JSON.stringify(line)}\n`)
  }

  function beat(): void {
    if (work > reported) write({ working, work, reading })
    reported = work
  }

  const onProgress = (now: Work) => {
    work += now.done
    reading = now.reading
  }
  const answers = describe(names, { signal: abort.signal, maxAge, onProgress })
  const writeAll = names.map(async (name, i) => {
    const line = await toLine(name, answers[i], signFacts)
    working--
    write(line)
  })
  return {
    done: withHeartbeat(beat, () => Promise.all(writeAll), abort.signal).then(() => channel.end()),
    async next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
      const lines = await channel.take()
      if (lines.length === 0) return { done: true, value: undefined }
      return { done: false, value: encoder.encode(lines.join('')) }
    },
    async cancel(reason?: unknown): Promise<void> {
      abort.abort(reason)
      channel.cancel(reason)
    },
  }
}

async function toLine(
  name: string,
  answer: Promise<Facts | null> | undefined,
  signFacts: SignFacts | null,
): Promise<DescribeLine> {
  try {
    const facts = (await answer) ?? null
    if (facts === null) return { name, absent: true }
    const line = toHeldLine(name, facts)
    return signFacts === null ? line : { ...line, signatures: [...(await signFacts(name, facts))] }
  } catch (error) {
    return toFailedLine(name, toStorageError(error))
  }
}
