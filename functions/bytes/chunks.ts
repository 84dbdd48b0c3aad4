import type { CreateHasher, Digest } from '../wire/digest.ts'
import { integrityError } from '../wire/errors.ts'
import type { ByteRange } from '../wire/fields/ranges.ts'
import { StorageError } from '../wire/storage-error.ts'
import { forbidFreeing } from './freeing.ts'

/** Bytes, chunk by chunk. The holder reads it to its end or cancels it. */
export interface Chunks {
  next(): Promise<IteratorResult<Uint8Array, unknown>>
  /** Releases the source at once, even during a wait for a chunk; does nothing after the end or an error. */
  cancel(reason?: unknown): Promise<void>
  /** All the bytes, if the end has arrived already, so that nothing is left to read; null otherwise. */
  takeWhole?(): Uint8Array | null
}

/** Streams that `toChunks` reads. */
const readHere = new WeakSet<ReadableStream>()

/**
 * The chunks of `body`; a stream is locked from then on. A caller that passes a chunk on does not use it
 * again: its last reader may free it (`freeing.ts`).
 */
export function toChunks(body: ReadableStream<Uint8Array> | Chunks): Chunks {
  if (!(body instanceof ReadableStream)) return body
  const reader = body.getReader()
  readHere.add(body)
  return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason) }
}

/**
 * `chunks` as `step` transforms them. Cancelling, even during a wait, or an error of `step` cancels them. The
 * generator that `step` calls is a declared function: V8 gives each function expression of that kind a hidden
 * class in its old generation, which holds what the function refers to until the next full collection.
 */
export function through(
  chunks: Chunks,
  step: (chunks: AsyncGenerator<Uint8Array>) => AsyncGenerator<Uint8Array>,
): Chunks {
  const made = step(readChunks(chunks))
  return { next: () => made.next(), cancel: (reason) => chunks.cancel(reason) }
}

/** `chunks` for a `for await`, which releases them however it ends. */
export async function* readChunks(chunks: Chunks): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await chunks.next()
      if (done) return
      yield value
    }
  } finally {
    // Does nothing after the end or an error.
    chunks.cancel().catch(() => {})
  }
}

/**
 * `chunks` as a stream, released when it is cancelled or fails; an abort errors it with `signal`'s reason.
 */
export function toStream(chunks: Chunks, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let stop = () => {}
  const release = () => signal?.removeEventListener('abort', stop)
  const stream = new ReadableStream<Uint8Array>(
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
          // An aborted stream accepts no more chunks.
          if (signal?.aborted) return
          if (!done) {
            if (!readHere.has(stream)) forbidFreeing(value)
            return controller.enqueue(value)
          }
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
  return stream
}

/** `bytes` in one chunk; no chunk for no bytes. */
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

/** Reads a source for what is generated from it. */
export type Use = (chunks: Chunks) => AsyncGenerator<Uint8Array>

/**
 * What `write` yields from sources that it reads by `use`; cancelling cancels the current and later ones.
 * `write` calls a declared generator, see `through`.
 */
export function generate(write: (use: Use) => AsyncGenerator<Uint8Array>): Chunks {
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

/** Checks the bytes of a stream as they pass; throws to refuse them. */
interface Check {
  pass(chunk: Uint8Array): void | Promise<void>
  end(): void | Promise<void>
}

/** `body`, its last chunk held until `end`: a reader that has every byte knows that the check passed. */
export function checked(body: Chunks, check: Check): Chunks {
  return through(body, (chunks) => passChecked(chunks, check))
}

async function* passChecked(chunks: AsyncGenerator<Uint8Array>, check: Check): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined
  for await (const chunk of chunks) {
    await check.pass(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  await check.end()
  if (held !== undefined) yield held
}

/** Checks the number of bytes, which must be `length`. */
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

/** `body` if it is exactly `length` bytes; else it errors before its last chunk, by default `unreachable`. */
export function exactly(body: Chunks, length: number, createError = createBreak): Chunks {
  return checked(body, createCount(length, createError))
}

function createBreak(): StorageError {
  return new StorageError('unreachable', 'the copy broke off', { reason: 'http_response_incomplete' })
}

/** The bytes of `range` in a whole `body`, which is read to its end, so that its errors are passed on. */
export function sliced(body: Chunks, range: ByteRange): Chunks {
  return through(body, (chunks) => passSlice(chunks, range))
}

async function* passSlice(
  chunks: AsyncGenerator<Uint8Array>,
  { offset, length }: ByteRange,
): AsyncGenerator<Uint8Array> {
  let position = 0
  for await (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, offset - position), Math.max(0, offset + length - position))
    position += chunk.length
    if (part.length > 0) yield part
  }
}

/** `body` if it is `size` bytes of `digest`; else it errors before its last chunk, by default `integrity`. */
export function verified(
  body: Chunks,
  proof: { readonly size: number; readonly digest: Digest; readonly createHasher: CreateHasher },
  createError = integrityError,
): Chunks {
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

/** `body`; runs `work` after its end and before its last chunk is passed on, and errors as `work` does. */
export function beforeEnd(body: Chunks, work: () => Promise<void>): Chunks {
  return checked(body, { pass() {}, end: work })
}

/** `body`, its first chunk read: a copy that cannot be read fails here, while another can still be asked. */
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

/** `body` as text, by default from UTF-8; null, and cancelled, when it has more than `limit` bytes. */
export async function readText(
  body: Chunks,
  limit: number,
  decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes),
): Promise<string | null> {
  const bytes = await readUpTo(body, limit)
  return bytes && decode(bytes)
}

/** All the bytes of `body`, which must be known to be small. */
export async function readAll(body: Chunks): Promise<Uint8Array<ArrayBuffer>> {
  return (await readUpTo(body, Number.POSITIVE_INFINITY)) ?? new Uint8Array()
}

/** All the bytes of `body`; null, and cancelled, when it has more than `limit`. */
export async function readUpTo(body: Chunks, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of readChunks(body)) {
    size += chunk.length
    if (size > limit) return null
    chunks.push(chunk)
  }
  return concatenate(chunks)
}

/** The bytes of all `parts`, in order. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const part of parts) {
    all.set(part, position)
    position += part.length
  }
  return all
}
