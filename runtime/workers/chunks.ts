import { StorageError } from '../../functions/wire/trouble.ts'

/** A plain read of workerd's own streams gives 4 KiB; at this size what each chunk costs hardly counts. */
const CHUNK_BYTES = 256 * 1024

/**
 * The bytes of one of workerd's own streams in large chunks, each the caller's; none of null. Leaving early cancels
 * the stream.
 */
export async function* readChunks(
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array, void, void> {
  if (body === null) return
  const reader = body.getReader({ mode: 'byob' })
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(CHUNK_BYTES))
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}

/** One of workerd's own streams in large chunks, each given as soon as there are bytes. */
export function inLargeChunks(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return toStream(readChunks(body), body)
}

/** What `chunks` yields, which it reads from `source`; an error of either errors the stream, cancelling it ends both. */
export function toStream(
  chunks: AsyncGenerator<Uint8Array, void, void>,
  source: ReadableStream<Uint8Array> | null,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel(reason) {
        await chunks.return()
        // A generator that was never started runs no `finally`.
        if (source?.locked === false) await source.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** A body that is as long as it is said to be, for whom takes none of unknown length. */
export interface FixedBody {
  readonly readable: ReadableStream<Uint8Array>
  /**
   * Cancels what has not passed yet. Resolves with why whoever read it failed: the error of the body itself where that
   * was a StorageError, whatever else is said of it, and `error` otherwise.
   */
  stop(error: unknown): Promise<unknown>
}

/** `body` through a stream of fixed length; a body of another length fails it, and an aborted `signal` cancels both. */
export function toFixedBody(
  body: ReadableStream<Uint8Array>,
  length: number,
  signal?: AbortSignal | undefined,
): FixedBody {
  const { readable, writable } = new FixedLengthStream(length)
  const abort = new AbortController()
  const either = AbortSignal.any(signal === undefined ? [abort.signal] : [abort.signal, signal])
  const failure = body.pipeTo(writable, { signal: either }).then(
    () => null,
    (error: unknown) => error,
  )
  return {
    readable,
    async stop(error) {
      abort.abort(error)
      const cause = await failure
      return cause instanceof StorageError ? cause : error
    },
  }
}
