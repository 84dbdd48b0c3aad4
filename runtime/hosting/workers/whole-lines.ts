import { Writable } from 'node:stream'
import { WHOLE_WRITE_BYTES } from '../limits.ts'

/**
 * Writes to `stream`, which other processes write to as well, in pieces that the system takes whole or not at
 * all: a slow reader gets no line with another inside it, unless the line is longer than such a piece.
 */
export function keepLinesWhole(stream: Writable): Writable {
  const whole = new Writable({
    // `write` returns false until the system has taken everything.
    highWaterMark: 1,
    write: (data: Buffer, _encoding, done) => writePieces(stream, data, done),
  })
  stream.on('error', (error) => whole.destroy(error))
  whole.on('error', () => {})
  return whole
}

function writePieces(stream: Writable, data: Buffer, done: (error?: Error | null) => void): void {
  const length = findPiece(data)
  if (length === data.length) return void stream.write(data, done)
  stream.write(data.subarray(0, length), (error) =>
    error ? done(error) : writePieces(stream, data.subarray(length), done),
  )
}

/** The length of the whole lines at the start of `data` that fit in one piece; of one line at least. */
function findPiece(data: Buffer): number {
  if (data.length <= WHOLE_WRITE_BYTES) return data.length
  const end = data.lastIndexOf('\n', WHOLE_WRITE_BYTES - 1) + 1
  if (end > 0) return end
  const first = data.indexOf('\n') + 1
  return first > 0 ? first : data.length
}
