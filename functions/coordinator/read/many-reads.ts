import type { Context } from 'hono'
import { toStream } from '../../bytes/chunks.ts'
import { streamBytes, type WriteBytes } from '../../bytes/line-writer.ts'
import { createAnswer } from '../../http/answer.ts'
import type { AppEnv } from '../../http/app.ts'
import { PIPELINE_TYPE, writeMessage } from '../../http/pipeline.ts'
import { createProblem } from '../../http/problems.ts'
import { readJsonBody } from '../../http/request-body.ts'
import { NAME_RULE, parseName } from '../../storage/names.ts'
import type { Digest } from '../../wire/digest.ts'
import { toEtag } from '../../wire/fields/fields.ts'
import { toFilePath } from '../../wire/fields/routes.ts'
import { MAX_DESCRIBE_BYTES, MAX_NAMES_PER_DESCRIBE, MAX_READS_AHEAD } from '../../wire/limits.ts'
import { readsRequest } from '../../wire/schemas/reads.ts'
import type { CoordinatorContext } from '../context.ts'
import { answerName, parseReads } from './reads.ts'

/**
 * `POST /reads`: the answers to `GET /files/{name}` for many names, in their order, as a pipeline of
 * responses. Each is answered as a request of its own, with the query of this one and the fields of `PASSED`,
 * `MAX_READS_AHEAD` at a time. The pipeline breaks off where the body of an answer does.
 */
export async function answerReads(
  c: Context<AppEnv>,
  context: CoordinatorContext,
  required: number,
): Promise<Response> {
  const question = await readJsonBody(c, readsRequest, { limit: MAX_DESCRIBE_BYTES, takes: QUESTION })
  if (question instanceof Response) return question
  const { origin, search } = new URL(c.req.url)
  const { names } = question
  const have = new Map(Object.entries(question.have ?? {}))
  const passed = new Headers()
  for (const field of PASSED) {
    const value = c.req.header(field)
    if (value !== undefined) passed.set(field, value)
  }
  const answerPart = c.get('answerPart')

  function answerAll(write: WriteBytes, signal: AbortSignal): Promise<void> {
    const reads = parseReads(context, {
      required,
      base: '/files/',
      query: c.req.query(),
      accept: undefined,
      prefer: c.req.header('Prefer'),
      trace: c.get('trace'),
      getSignal: () => signal,
    })

    async function read(name: string): Promise<Response> {
      if (parseName(name) === null) return createProblem('invalid-name', NAME_RULE)
      const url = origin + toFilePath(name) + search
      return await answerPart(url, passed, async () => {
        if (typeof reads === 'string') return createProblem('invalid-parameter', reads)
        return await answerName({ method: 'GET', url, headers: toCondition(have.get(name)) }, reads, name)
      })
    }

    return writeAnswers(
      names.map((name) => () => read(name)),
      write,
      signal,
    )
  }

  const body = streamBytes(answerAll)
  return createAnswer(200, { 'Content-Type': PIPELINE_TYPE, 'Cache-Control': 'no-store' }, toStream(body))
}

const QUESTION = `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}, and have, an object with a SHA-256 in lower-case hex for each name that the client has`

/** The fields by which the answer depends on the file that the client has. */
function toCondition(held: Digest | undefined): Headers {
  return held === undefined ? NO_FIELDS : new Headers({ 'If-None-Match': toEtag(held) })
}

const NO_FIELDS = new Headers()

/** The fields of a request that hold for each of its reads. */
const PASSED = ['Authorization', 'Prefer', 'traceparent']

/**
 * Writes the answers in order, and begins with later ones meanwhile. It waits for room only when there is
 * none, so that small answers leave together. None is left open.
 */
async function writeAnswers(
  reads: readonly (() => Promise<Response>)[],
  write: WriteBytes,
  signal: AbortSignal,
): Promise<void> {
  const waiting = reads.slice(0, MAX_READS_AHEAD).map((read) => read())
  let next = waiting.length
  try {
    for (let answer = waiting[0]; answer !== undefined; answer = waiting[0]) {
      const written = writeMessage(await answer, write, signal)
      if (written !== undefined) await written
      waiting.shift()
      const read = reads[next++]
      if (read !== undefined) waiting.push(read())
    }
  } finally {
    for (const answer of waiting) answer.then(({ body }) => body?.cancel()).catch(() => {})
  }
}
