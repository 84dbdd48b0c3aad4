import * as v from 'valibot'
import type { Facts, Storage } from '../storage/storage.ts'
import { readText, toChunks } from '../storage/streams.ts'
import { createAnswer } from '../wire/answer.ts'
import { toTimestamp } from '../wire/dates.ts'
import {
  BODY_MS,
  FIRST_ANSWERS_MS,
  HEARTBEAT_MS,
  MAX_DESCRIBE_BYTES,
  MAX_NAMES_PER_DESCRIBE,
} from '../wire/limits.ts'
import { createProblem } from '../wire/problems.ts'
import { type DescribeLine, describeRequest } from '../wire/schemas.ts'
import { toStorageError } from '../wire/trouble.ts'

const encoder = new TextEncoder()

/**
 * `POST /describe`: a line of JSON for each name, in the order in which they are ready, so that one long hash keeps
 * no other answer waiting; while something is being worked on, a sign of life every `HEARTBEAT_MS`.
 */
export async function answerDescribe(storage: Storage, request: Request): Promise<Response> {
  const type = request.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    return createProblem('unsupported-media-type', `describe takes application/json, got '${type ?? ''}'`)
  }
  const text = await within(BODY_MS, readBody(request, MAX_DESCRIBE_BYTES))
  if (text === undefined)
    return createProblem('request-timeout', `a body takes at most ${BODY_MS / 1000} seconds`)
  if (text === null) return createProblem('too-large', `describe takes at most ${MAX_DESCRIBE_BYTES} bytes`)
  const names = parseNames(text)
  if (names === null) {
    return createProblem(
      'invalid-body',
      `describe takes {"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}`,
    )
  }
  const body = await toBody(startLines(storage, names))
  const fields = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  const length = body instanceof Uint8Array ? { 'Content-Length': String(body.length) } : {}
  return createAnswer(200, { ...fields, ...length }, body)
}

/** The body as text; null when it is longer than `limit` bytes. */
async function readBody(request: Request, limit: number): Promise<string | null> {
  const length = Number(request.headers.get('Content-Length') ?? Number.NaN)
  // The host holds a sender to the length it announced, and reads such a body in one go.
  if (length <= limit) return await request.text()
  if (length > limit) return null
  return request.body === null ? '' : await readText(toChunks(request.body), limit)
}

function parseNames(text: string): string[] | null {
  try {
    const body = v.safeParse(describeRequest, JSON.parse(text))
    return body.success ? [...new Set(body.output.names)] : null
  } catch {
    return null
  }
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

function startLines(storage: Storage, names: readonly string[]): Lines {
  const abort = new AbortController()
  let ready = ''
  let open = names.length
  let alive = true
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
    if (alive) write({ working: open })
    alive = false
  }, HEARTBEAT_MS)
  const onProgress = () => {
    alive = true
  }
  const answers = storage.describe(names, { signal: abort.signal, onProgress })
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

/** What `work` resolves with; undefined when that takes longer than `ms`. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

async function toLine(name: string, answer: Promise<Facts | null> | undefined): Promise<DescribeLine> {
  try {
    const facts = (await answer) ?? null
    if (facts === null) return { name, absent: true }
    const { size, digest, modified, evidence } = facts
    return { name, size, digest, modified: toTimestamp(modified), evidence }
  } catch (error) {
    const { code, reason, message } = toStorageError(error)
    return { name, error: { code, reason, detail: message } }
  }
}
