import { type BigIntStats, close, fstat, read } from 'node:fs'
import { promisify } from 'node:util'

const readAsync = promisify(read)
const statAsync: (fd: number, options: { bigint: true }) => Promise<BigIntStats> = promisify(fstat)
const closeAsync = promisify(close)

/** An open file to be read, as a FileHandle is. */
export interface FileSource {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
  stat(options: { readonly bigint: true }): Promise<BigIntStats>
  /** After the read under way; however often it is called. */
  close(): Promise<void>
}

/** The file behind a descriptor that another thread opened; it owns the descriptor. */
export function createFileSource(fd: number): FileSource {
  let reading: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined

  async function end(): Promise<void> {
    // Once it is closed, its number may be another file's.
    await reading.catch(() => {})
    await closeAsync(fd)
  }

  function keep<T>(work: Promise<T>): Promise<T> {
    reading = work
    return work
  }

  return {
    read: (...span) => keep(readAsync(fd, ...span)),
    stat: (options) => keep(statAsync(fd, options)),
    close: () => (closing ??= end()),
  }
}
