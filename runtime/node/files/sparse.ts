import type { FileHandle } from 'node:fs/promises'

/** The block of most file systems, and the smallest hole. */
const BLOCK_BYTES = 4096
const ZEROS = Buffer.alloc(BLOCK_BYTES)

/** Writes `chunk` at or past the file's end, blocks of zeros as holes. `finishSparse` sets the length. */
export async function writeSparse(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (const { start, end } of findData(chunk, position)) {
    for (let done = start; done < end; ) {
      const { bytesWritten } = await handle.write(chunk, done, end - done, position + done)
      done += bytesWritten
    }
  }
}

/** Sets the length of a file that `writeSparse` wrote, in bytes. */
export async function finishSparse(handle: FileHandle, size: number): Promise<void> {
  if ((await handle.stat()).size < size) await handle.truncate(size)
}

/** The parts of `chunk` that contain more than zeros, divided at blocks of the file. */
function* findData(chunk: Uint8Array, position: number): Generator<{ start: number; end: number }> {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
  let start = 0
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(at + BLOCK_BYTES - ((position + at) % BLOCK_BYTES), bytes.length)
    if (isZero(bytes, at, next)) {
      if (start < at) yield { start, end: at }
      start = next
    }
    at = next
  }
  if (start < bytes.length) yield { start, end: bytes.length }
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  // The first or the last byte of nearly every other block is not zero.
  if (bytes[start] !== 0 || bytes[end - 1] !== 0) return false
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0
}
