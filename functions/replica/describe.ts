import type { Context } from 'hono'
import { readJsonBody } from '../storage/json-body.ts'
import type { Facts, Reading, Storage, Work } from '../storage/storage.ts'
import { toFailedLine, toHeldLine } from '../storage/wire-lines.ts'
import { createAnswer } from '../wire/answer.ts'
import type { AppEnv } from '../wire/app.ts'
import { toGrouped } from '../wire/grouped.ts'
import {
  FIRST_ANSWERS_MS,
  HEARTBEAT_MS,
  MAX_AGE_SECONDS,
  MAX_DESCRIBE_BYTES,
  MAX_NAMES_PER_DESCRIBE,
} from '../wire/limits.ts'
import { type DescribeLine, describeRequest } from '../wire/schemas.ts'
import { toStorageError } from '../wire/trouble.ts'
import { within } from '../wire/within.ts'

const encoder = new TextEncoder()

/**
 * `POST /describe`: a line of JSON for each name, in the order in which they are ready, so that one long hash keeps
 * no other answer waiting; while more and more is being done, a sign of life every `HEARTBEAT_MS`, which says how much.
 */
export async function answerDescribe(storage: Storage, c: Context<AppEnv>): Promise<Response> {
  const question = await readJsonBody(c, describeRequest, {
    limit: MAX_DESCRIBE_BYTES,
    takes: `{"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}, and maxAge in seconds from 0 to ${toGrouped(MAX_AGE_SECONDS)}, or null`,
  })
  if (question instanceof Response) return question
  const names = [...new Set(question.names)]
  const body = await toBody(startLines(storage, names, question.maxAge ?? undefined))
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  const length = body instanceof Uint8Array ? { 'Content-Length': String(body.length) } : {}
  return createAnswer(200, { ...fields, ...length }, body)
}

/** The lines of an answer under way, as they become ready. */
interface Lines {
  /** Resolves once every name has its line. */
  readonly done: Promise<void>
  /** The lines that became ready since it was last asked; the empty string at the end. Waits for one otherwise. */
  take(): Promise<string>
  /** Gives the work up. */
  stop(reason: unknown): void
}

function startLines(storage: Storage, names: readonly string[], maxAge: number | undefined): Lines {
  const abort = new AbortController()
  let ready = ''
  let open = names.length
  let work = 0
  let told = 0
  let reading: Reading | undefined
  let news = Promise.withResolvers<void>()

  function write(line: DescribeLine): void {
    ready += `${JSON.stringify(line)}\n`
    news.resolve()
  }

  async function answer(name: string, facts: Promise<Facts | null> | undefined): Promise<void> {
    const line = await toLine(name, facts)
    open--
    write(line)
  }

  async function take(): Promise<string> {
    if (ready === '' && open > 0) await news.promise
    const lines = ready
    ready = ''
    news = Promise.withResolvers<void>()
    return lines
  }

  const heartbeat = setInterval(() => {
    if (work > told) write({ working: open, work, reading })
    told = work
  }, HEARTBEAT_MS)
  const onProgress = (now: Work) => {
    work += now.done
    reading = now.reading
  }
  const answers = storage.describe(names, { signal: abort.signal, maxAge, onProgress })
  const all = Promise.all(names.map((name, i) => answer(name, answers[i])))
  const done = all.then(() => {
    clearInterval(heartbeat)
    news.resolve()
  })
  return {
    done,
    take,
    stop(reason) {
      clearInterval(heartbeat)
      abort.abort(reason)
    },
  }
}

/** All lines in one piece when they are ready soon; else a stream of them. */
async function toBody(lines: Lines): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const isSoon = await within(
    FIRST_ANSWERS_MS,
    lines.done.then(() => true),
  )
  if (isSoon) return encoder.encode(await lines.take())
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = await lines.take()
        if (text === '') controller.close()
        else controller.enqueue(encoder.encode(text))
      },
      cancel: (reason) => lines.stop(reason),
    },
    { highWaterMark: 0 },
  )
}

async function toLine(name: string, answer: Promise<Facts | null> | undefined): Promise<DescribeLine> {
  try {
    const facts = (await answer) ?? null
    if (facts === null) return { name, absent: true }
    return toHeldLine(name, facts)
  } catch (error) {
    return toFailedLine(name, toStorageError(error))
  }
}
