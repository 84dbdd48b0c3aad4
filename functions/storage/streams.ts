import type { CreateHasher, Digest } from '../wire/digest.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'

/** Bytes, chunk by chunk. Who holds it reads it to its end or cancels it. */
export interface Chunks {
  next(): Promise<IteratorResult<Uint8Array, unknown>>
  /** Frees what lies beneath at once, even while a chunk is waited for. After the end, or an error, it does nothing. */
  cancel(reason?: unknown): Promise<void>
}

/** What one read after the other of `body` gives; a stream is nobody else's to read from then on. */
export function toChunks(body: ReadableStream<Uint8Array> | Chunks): Chunks {
  if (!(body instanceof ReadableStream)) return body
  const reader = body.getReader()
  return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason) }
}

/**
 * What `step` makes of `chunks`. Cancelling it cancels `chunks` at once, even while one is waited for; an error of
 * `step` cancels them too.
 */
export function through(
  chunks: Chunks,
  step: (chunks: AsyncGenerator<Uint8Array>) => AsyncGenerator<Uint8Array>,
): Chunks {
  const made = step(readChunks(chunks))
  return { next: () => made.next(), cancel: (reason) => chunks.cancel(reason) }
}

/** `chunks` for a `for await`, which frees them however it ends. */
export async function* readChunks(chunks: Chunks): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await chunks.next()
      if (done) return
      yield value
    }
  } finally {
    // After the end, and after an error, there is nothing left to cancel.
    chunks.cancel().catch(() => {})
  }
}

/**
 * A stream that asks `chunks` for one chunk at a time, and frees them when it is cancelled or fails. Once `signal` is
 * aborted it errors with its reason.
 */
export function toStream(chunks: Chunks, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let stop = () => {}
  const release = () => signal?.removeEventListener('abort', stop)
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = () => {
          controller.error(signal?.reason)
          chunks.cancel(signal?.reason).catch(() => {})
        }
        if (signal?.aborted) stop()
        else signal?.addEventListener('abort', stop, { once: true })
      },
      async pull(controller) {
        try {
          const { done, value } = await chunks.next()
          // An aborted stream takes no more.
          if (signal?.aborted) return
          if (!done) return controller.enqueue(value)
        } catch (error) {
          release()
          chunks.cancel(error).catch(() => {})
          throw error
        }
        release()
        controller.close()
      },
      async cancel(reason) {
        release()
        await chunks.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** `bytes` in one chunk, or none. */
export function fromBytes(bytes: Uint8Array): Chunks {
  let left = bytes.length > 0
  return {
    async next() {
      if (!left) return { done: true, value: undefined }
      left = false
      return { done: false, value: bytes }
    },
    async cancel() {
      left = false
    },
  }
}

/**
 * What `write` makes of several chunks, one after the other: those it reads by `use`. Cancelling it cancels those that
 * it reads, or is about to.
 */
export function generate(
  write: (use: (chunks: Chunks) => AsyncGenerator<Uint8Array>) => AsyncGenerator<Uint8Array>,
): Chunks {
  let current: Chunks | undefined
  let isGone = false

  function use(chunks: Chunks): AsyncGenerator<Uint8Array> {
    current = chunks
    if (isGone) chunks.cancel().catch(() => {})
    return readChunks(chunks)
  }

  const made = write(use)
  return {
    next: () => made.next(),
    async cancel(reason) {
      isGone = true
      await current?.cancel(reason)
    },
  }
}

/** Checks the bytes of a stream as they pass, and may throw. */
interface Check {
  pass(chunk: Uint8Array): void | Promise<void>
  end(): void | Promise<void>
}

/** `body` one chunk behind: the last is given out only after `end`, so whoever got every byte knows the check held. */
function checked(body: Chunks, check: Check): Chunks {
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

/**
 * `body` when it is exactly `length` bytes; otherwise it errors before its last chunk, with `unreachable` where
 * `createError` says nothing else.
 */
export function exactly(body: Chunks, length: number, createError = createBreak): Chunks {
  return checked(body, createCount(length, createError))
}

function createBreak(): StorageError {
  return new StorageError('unreachable', 'the copy broke off', { reason: 'http_response_incomplete' })
}

/** The bytes of `range` out of a whole `body`, which is read to its end all the same, and whose errors are its own. */
export function sliced(body: Chunks, { offset, length }: ByteRange): Chunks {
  return through(body, async function* (chunks) {
    let position = 0
    for await (const chunk of chunks) {
      const part = chunk.subarray(Math.max(0, offset - position), Math.max(0, offset + length - position))
      position += chunk.length
      if (part.length > 0) yield part
    }
  })
}

/** What a whole content must prove to be. */
export interface Proof {
  readonly size: number
  readonly digest: Digest
  readonly createHasher: CreateHasher
}

/**
 * `body` when it is `size` bytes of `digest`; otherwise it errors before its last chunk, with `integrity` where
 * `createError` says nothing else, so that other bytes never end cleanly.
 */
export function verified(body: Chunks, proof: Proof, createError = createLie): Chunks {
  const size = createCount(proof.size, createError)
  const hasher = proof.createHasher()
  return checked(body, {
    pass(chunk) {
      size.pass(chunk)
      return hasher.update(chunk)
    },
    async end() {
      size.end()
      if ((await hasher.digest()) !== proof.digest) throw createError()
    },
  })
}

/** The error for bytes that are not those that were said to come. */
export function createLie(): StorageError {
  return new StorageError('integrity', 'the bytes contradict their digest')
}

/** `body`, which does `work` once all of it has come, before the last chunk is given out; errors as `work` does. */
export function beforeEnd(body: Chunks, work: () => Promise<void>): Chunks {
  return checked(body, { pass() {}, end: work })
}

/**
 * `body` with its first chunk already read, so that a copy that cannot be read at all fails here, while another can
 * still be asked, and not after an answer has begun.
 */
export async function primed(body: Chunks): Promise<Chunks> {
  let first: IteratorResult<Uint8Array, unknown> | null = await body.next()
  return {
    async next() {
      const next = first ?? (await body.next())
      first = null
      return next
    },
    cancel: (reason) => body.cancel(reason),
  }
}

/** `body` as text, decoded from UTF-8 unless `decode` says otherwise; null, and it is cancelled, beyond `limit` bytes. */
export async function readText(
  body: Chunks,
  limit: number,
  decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes),
): Promise<string | null> {
  const bytes = await readUpTo(body, limit)
  return bytes && decode(bytes)
}

/** All the bytes of `body`: for contents known to be small. */
export async function readAll(body: Chunks): Promise<Uint8Array<ArrayBuffer>> {
  return (await readUpTo(body, Number.POSITIVE_INFINITY)) ?? new Uint8Array()
}

async function readUpTo(body: Chunks, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of readChunks(body)) {
    size += chunk.length
    if (size > limit) return null
    chunks.push(chunk)
  }
  const all = new Uint8Array(size)
  let position = 0
  for (const chunk of chunks) {
    all.set(chunk, position)
    position += chunk.length
  }
  return all
}
