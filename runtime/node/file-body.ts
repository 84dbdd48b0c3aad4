import type { ByteRange } from '../../functions/wire/ranges.ts'
import type { Content } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { changed } from './file-digest.ts'
import type { FileSource } from './file-source.ts'
import { createHasher } from './hasher.ts'
import { isSame, readIdentity } from './identity.ts'
import { READ_BYTES } from './limits.ts'

/**
 * A part of an open file, one read a pull, nothing ahead. It errors with `changed` before its last chunk when the
 * file is no longer `content`. It owns `handle`, and closes it at its end, on an error, when cancelled or aborted.
 */
export function createBody(
  handle: FileSource,
  content: Content,
  range: ByteRange,
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  const end = range.offset + range.length
  // A change too quick for the clock shows in the bytes alone.
  const hasher = !content.settled && range.length === content.identity.size ? createHasher() : null
  let position = range.offset
  let stop = () => {}

  async function readNext(): Promise<Uint8Array> {
    const chunk = await readExactly(handle, position, Math.min(READ_BYTES, end - position))
    position += chunk.length
    await hasher?.update(chunk)
    if (position === end) await requireUnchanged()
    return chunk
  }

  async function requireUnchanged(): Promise<void> {
    if (!isSame(await readIdentity(handle), content.identity)) throw changed()
    if (hasher !== null && (await hasher.digest()) !== content.digest) throw changed()
  }

  async function close(): Promise<void> {
    signal?.removeEventListener('abort', stop)
    await handle.close()
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = () => {
          controller.error(signal?.reason)
          // The stream has failed already; a close that fails too has nobody left to tell.
          close().catch(() => {})
        }
        signal?.addEventListener('abort', stop)
      },
      async pull(controller) {
        let chunk: Uint8Array
        try {
          chunk = await readNext()
        } catch (error) {
          await close()
          throw toIoError(error, 'read')
        }
        if (position === end) await close()
        // On a stream cancelled or aborted meanwhile these throw, and the stream takes no notice.
        if (chunk.length > 0) controller.enqueue(chunk)
        if (position === end) controller.close()
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  )
}

/** Exactly these bytes, in a buffer of their own; `changed` when the file ends before. */
async function readExactly(handle: FileSource, position: number, length: number): Promise<Uint8Array> {
  // Not zeroed and not from Node's pool; it is handed on only when it is full.
  const chunk = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(chunk, filled, length - filled, position + filled)
    if (bytesRead === 0) throw changed()
    filled += bytesRead
  }
  return chunk
}

/** Bytes that were read already, in one chunk; an aborted signal errors it. */
export function createBytesBody(
  bytes: Uint8Array<ArrayBuffer>,
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  let stop = () => {}
  const end = () => signal?.removeEventListener('abort', stop)
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = () => controller.error(signal?.reason)
        signal?.addEventListener('abort', stop)
      },
      pull(controller) {
        end()
        if (bytes.length > 0) controller.enqueue(bytes)
        controller.close()
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
}
