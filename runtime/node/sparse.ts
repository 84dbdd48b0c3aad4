import type { FileHandle } from 'node:fs/promises'

/** The block of most file systems: a hole is as fine as that. */
const BLOCK_BYTES = 4096
const ZEROS = Buffer.alloc(BLOCK_BYTES)

/**
 * Writes `chunk` at `position` of a file that has no bytes from there on, but for blocks of zeros, which stay holes.
 * Where the chunk ends in zeros the file is shorter than what was written: `finishSparse` makes up for it.
 */
export async function writeSparse(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (const { start, end } of findData(chunk, position)) {
    for (let done = start; done < end; ) {
      const { bytesWritten } = await handle.write(chunk, done, end - done, position + done)
      done += bytesWritten
    }
  }
}

/** Gives a file that `writeSparse` wrote its whole length, in bytes. */
export async function finishSparse(handle: FileHandle, size: number): Promise<void> {
  if ((await handle.stat()).size < size) await handle.truncate(size)
}

/** The parts of `chunk` that are not only zeros, as blocks of the file cut it. */
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
  // Its first and last byte tell of nearly every block that is not.
  if (bytes[start] !== 0 || bytes[end - 1] !== 0) return false
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0
}
