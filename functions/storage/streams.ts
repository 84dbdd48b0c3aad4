import type { CreateHasher, Digest } from '../wire/digest.ts'
import { StorageError } from '../wire/trouble.ts'

/**
 * What `step` makes of the chunks of `body`. Cancelling it cancels `body` at once, even while a chunk is waited for;
 * an error of `step` cancels `body` too.
 */
export function through(
  body: ReadableStream<Uint8Array>,
  step: (chunks: AsyncGenerator<Uint8Array>) => AsyncGenerator<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return fromChunks(step(readChunks(reader)), (reason) => reader.cancel(reason))
}

/** A stream that asks `chunks` for one chunk at a time; `cancel` frees what they come from, after an error too. */
export function fromChunks(
  chunks: Pick<AsyncIterator<Uint8Array, unknown>, 'next'>,
  cancel: (reason: unknown) => Promise<unknown>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          cancel(error).catch(() => {})
          throw error
        }
      },
      cancel: async (reason) => void (await cancel(reason)),
    },
    { highWaterMark: 0 },
  )
}

async function* readChunks(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // After the end, and after an error, there is nothing left to cancel.
    reader.cancel().catch(() => {})
  }
}

/** Checks the bytes of a stream as they pass, and may throw. */
interface Check {
  pass(chunk: Uint8Array): void | Promise<void>
  end(): void | Promise<void>
}

/** `body` one chunk behind: the last is given out only after `end`, so whoever got every byte knows the check held. */
function checked(body: ReadableStream<Uint8Array>, check: Check): ReadableStream<Uint8Array> {
  return through(body, async function* (chunks) {
    let held: Uint8Array | undefined
    for await (const chunk of chunks) {
      await check.pass(chunk)
      if (held !== undefined) yield held
      held = chunk
    }
    await check.end()
    if (held !== undefined) yield held
  })
}

/** Counts bytes: more than `length` of them, or fewer at the end, is an error. */
function createCount(length: number, createError: () => StorageError): Check {
  let passed = 0
  return {
    pass(chunk) {
      passed += chunk.length
      if (passed > length) throw createError()
    },
    end() {
      if (passed !== length) throw createError()
    },
  }
}

/** `body` when it is exactly `length` bytes; otherwise it errors with `unreachable` before its last chunk. */
export function exactly(body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> {
  const incomplete = () =>
    new StorageError('unreachable', 'the copy broke off', { reason: 'http_response_incomplete' })
  return checked(body, createCount(length, incomplete))
}

/** What a whole content must prove to be. */
export interface Proof {
  readonly size: number
  readonly digest: Digest
  readonly createHasher: CreateHasher
}

/**
 * `body` when it is `size` bytes of `digest`; otherwise it errors with `integrity` before its last chunk, so that
 * other bytes never end cleanly.
 */
export function verified(body: ReadableStream<Uint8Array>, proof: Proof): ReadableStream<Uint8Array> {
  const lie = () => new StorageError('integrity', 'the bytes contradict their digest')
  const size = createCount(proof.size, lie)
  const hasher = proof.createHasher()
  return checked(body, {
    pass(chunk) {
      size.pass(chunk)
      return hasher.update(chunk)
    },
    async end() {
      size.end()
      if ((await hasher.digest()) !== proof.digest) throw lie()
    },
  })
}

/**
 * `body` with its first chunk already read, so that a copy that cannot be read at all fails here, while another can
 * still be asked, and not after an answer has begun.
 */
export async function primed(body: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
  const reader = body.getReader()
  const chunks = readChunks(reader)
  const first = await chunks.next()

  async function* resume(): AsyncGenerator<Uint8Array> {
    if (first.done) return
    yield first.value
    yield* chunks
  }
  return fromChunks(resume(), (reason) => reader.cancel(reason))
}

/** `body`, which errors with the reason of `signal`, and is cancelled, once that is aborted. */
export function abortable(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  if (signal === undefined) return body
  const reader = body.getReader()
  let abort = () => {}
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        abort = () => {
          controller.error(signal.reason)
          reader.cancel(signal.reason).catch(() => {})
        }
        if (signal.aborted) abort()
        else signal.addEventListener('abort', abort, { once: true })
      },
      async pull(controller) {
        const { done, value } = await reader.read()
        if (signal.aborted) return
        if (done) {
          signal.removeEventListener('abort', abort)
          controller.close()
        } else controller.enqueue(value)
      },
      cancel(reason) {
        signal.removeEventListener('abort', abort)
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** A stream of these bytes, whole. */
export function toStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}

/** `body` as text; null, and it is cancelled, when it is longer than `limit` bytes. */
export async function readText(body: ReadableStream<Uint8Array>, limit: number): Promise<string | null> {
  const decoder = new TextDecoder()
  let size = 0
  let text = ''
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) return null
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** All the bytes of `body`: for contents known to be small. */
export async function readAll(body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(body).arrayBuffer())
}
