import * as v from 'valibot'
import type { Facts, Storage } from '../storage/storage.ts'
import { toTimestamp } from '../wire/dates.ts'
import { HEARTBEAT_MS, MAX_DESCRIBE_BYTES, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { createProblem, SECURITY_FIELDS } from '../wire/problems.ts'
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
  const text = await readText(request.body, MAX_DESCRIBE_BYTES)
  if (text === null) return createProblem('too-large', `describe takes at most ${MAX_DESCRIBE_BYTES} bytes`)
  const names = parseNames(text)
  if (names === null) {
    return createProblem(
      'invalid-body',
      `describe takes {"names": [at most ${MAX_NAMES_PER_DESCRIBE} strings]}`,
    )
  }
  return new Response(streamLines(storage, names), {
    headers: { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store', ...SECURITY_FIELDS },
  })
}

/** The body as text; null when it is longer than `limit` bytes. */
async function readText(body: ReadableStream<Uint8Array> | null, limit: number): Promise<string | null> {
  if (body === null) return ''
  const decoder = new TextDecoder()
  let length = 0
  let text = ''
  for await (const chunk of body) {
    length += chunk.length
    if (length > limit) return null
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parseNames(text: string): string[] | null {
  try {
    const body = v.safeParse(describeRequest, JSON.parse(text))
    return body.success ? [...new Set(body.output.names)] : null
  } catch {
    return null
  }
}

function streamLines(storage: Storage, names: readonly string[]): ReadableStream<Uint8Array> {
  const abort = new AbortController()
  let heartbeat: ReturnType<typeof setInterval> | undefined

  async function start(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    let open = names.length
    let alive = true
    const write = (line: DescribeLine) => {
      if (!abort.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
    }
    const onProgress = () => {
      alive = true
    }
    heartbeat = setInterval(() => {
      if (alive) write({ working: open })
      alive = false
    }, HEARTBEAT_MS)
    const answers = storage.describe(names, { signal: abort.signal, onProgress })
    await Promise.all(
      names.map(async (name, i) => {
        write(await toLine(name, answers[i]))
        open--
      }),
    )
    stop()
    if (!abort.signal.aborted) controller.close()
  }

  function stop(): void {
    clearInterval(heartbeat)
  }

  return new ReadableStream({
    start(controller) {
      // Not awaited: a pending start would hold back what is already written.
      start(controller)
        .catch((error) => controller.error(error))
        .finally(stop)
    },
    cancel(reason) {
      stop()
      abort.abort(reason)
    },
  })
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
