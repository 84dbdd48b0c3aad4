import { type Chunks, fromBytes } from '../../functions/bytes/chunks.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'

/** A plain read of workerd's own streams returns 4 KiB; at this size the cost of a chunk hardly matters. */
const CHUNK_BYTES = 256 * 1024

/** One of workerd's own streams in large chunks, each as soon as there are bytes; no chunk for null. */
export function toLargeChunks(body: ReadableStream<Uint8Array> | null): Chunks {
  if (body === null) return fromBytes(new Uint8Array())
  const reader = body.getReader({ mode: 'byob' })
  return {
    next: () => reader.read(new Uint8Array(CHUNK_BYTES)),
    cancel: (reason) => reader.cancel(reason),
  }
}

/** A body of fixed length, for a receiver that does not accept one of unknown length. */
export interface FixedBody {
  readonly readable: ReadableStream<Uint8Array>
  /**
   * Cancels the rest of the body. Resolves with the reason for the failure of its reader: the error of the
   * body itself where that was a StorageError, otherwise `error`.
   */
  stop(error: unknown): Promise<unknown>
}

/** `body` through a stream of fixed length, which another length fails; an aborted `signal` cancels both. */
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
