import type { FileHandle } from 'node:fs/promises'
import type { ByteRange } from '../../functions/wire/ranges.ts'
import { toIoError } from './errno.ts'
import { type Content, changed } from './file-digest.ts'
import { createHasher } from './hasher.ts'
import { readIdentity, toKey } from './identity.ts'
import { READ_BYTES } from './limits.ts'

/**
 * A part of an open file, one read a pull, nothing ahead. It errors with `changed` before its last chunk when the
 * file is no longer `content`. It owns `handle`, and closes it at its end, on an error, when cancelled or aborted.
 */
export function createBody(
  handle: FileHandle,
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
    if (toKey(await readIdentity(handle)) !== toKey(content.identity)) throw changed()
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
async function readExactly(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Not zeroed and not from Node's pool; it is handed on only when it is full.
  const chunk = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(chunk, filled, length - filled, position + filled)
    if (bytesRead === 0) throw changed()
    filled += bytesRead
  }
  return chunk
}
