import { createChannel } from '../bytes/channel.ts'
import { toStream } from '../bytes/chunks.ts'
import { withHeartbeat } from '../bytes/heartbeat.ts'
import { createAnswer, LINES } from '../http/answer.ts'
import { toFailedLine } from '../storage/remote/wire-lines.ts'
import type { DescribeOptions, Reading, Work } from '../storage/storage.ts'
import { withTimeout } from '../wire/limit.ts'
import { FIRST_ANSWERS_MS } from '../wire/limits.ts'
import { toStorageError } from '../wire/storage-error.ts'

/** Asks the storage about many names, as `Storage.describe` does. */
export type AskNames<T> = (
  names: readonly string[],
  options: Pick<DescribeOptions, 'signal' | 'onProgress'>,
) => readonly Promise<T | null>[]

const encoder = new TextEncoder()

/**
 * A line of JSON for each name once it is known, so that long work on one delays no other; every
 * `HEARTBEAT_MS` a line on the work done, if any. Answers that are known soon are sent in one piece.
 */
export async function answerNames<T>(
  asked: readonly string[],
  ask: AskNames<T>,
  toHeld: (name: string, held: T) => object,
): Promise<Response> {
  const { soon, stream, next } = askNames([...new Set(asked)], ask, toHeld)
  const isSoon = await withTimeout(FIRST_ANSWERS_MS, soon)
  if (!isSoon) return createAnswer(200, LINES, toStream(stream()))
  const { value: body = new Uint8Array() } = await next()
  return createAnswer(200, { ...LINES, 'Content-Length': String(body.length) }, body)
}

/** The lines as chunks, each of all that became known since the last; `soon` resolves when all are known. */
function askNames<T>(names: readonly string[], ask: AskNames<T>, toHeld: (name: string, held: T) => object) {
  const abort = new AbortController()
  const channel = createChannel<string>(Number.POSITIVE_INFINITY)
  let working = names.length
  let work = 0
  let reported = 0
  let reading: Reading | undefined

  function write(line: object): void {
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
  const answers = ask(names, { signal: abort.signal, onProgress })
  const writeAll = names.map(async (name, i) => {
    const line = await toLine(name, answers[i], toHeld)
    working--
    write(line)
  })
  const all = Promise.all(writeAll).then(() => channel.end())

  async function next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    const lines = await channel.take()
    if (lines.length === 0) return { done: true, value: undefined }
    return { done: false, value: encoder.encode(lines.join('')) }
  }

  async function cancel(reason?: unknown): Promise<void> {
    abort.abort(reason)
    channel.cancel(reason)
  }

  return {
    soon: all.then(() => true),
    next,
    stream() {
      withHeartbeat(beat, () => all, abort.signal)
      return { next, cancel }
    },
  }
}

async function toLine<T>(
  name: string,
  answer: Promise<T | null> | undefined,
  toHeld: (name: string, held: T) => object,
): Promise<object> {
  try {
    const held = (await answer) ?? null
    return held === null ? { name, absent: true } : toHeld(name, held)
  } catch (error) {
    return toFailedLine(name, toStorageError(error))
  }
}
