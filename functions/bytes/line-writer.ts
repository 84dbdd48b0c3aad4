import { createChannel } from './channel.ts'
import type { Chunks } from './chunks.ts'
import { allowFreeing } from './freeing.ts'

/** Writes text; resolves when there is room for more. */
export type WriteText = (text: string) => Promise<void>

/**
 * Writes bytes, which the writer does not use again, and text in UTF-8. Returns undefined when there is room
 * for more: what is written without a wait between reaches the reader together.
 */
export type WriteBytes = (...pieces: readonly (Uint8Array | string)[]) => Promise<void> | undefined

/** Takes a value that becomes a line of JSON; likewise. */
export type WriteLine = (line: unknown) => Promise<void>

const encoder = new TextEncoder()

/** Characters or bytes that may wait for the reader. */
const ROOM = 64 * 1024

/** The values that `work` writes, as lines of JSON; otherwise as `streamText`. */
export function streamLines(work: (writeLine: WriteLine, signal: AbortSignal) => Promise<void>): Chunks {
  return streamText((write, signal) => work((line) => write(`${JSON.stringify(line)}\n`), signal))
}

/**
 * The text that `work` writes. It starts at once, and its error is the stream's. Cancelling aborts its
 * signal, rejects a write that waits for room, and resolves after the work has ended.
 */
export function streamText(work: (write: WriteText, signal: AbortSignal) => Promise<void>): Chunks {
  return stream<string>(
    (write, signal) => work(async (text) => await write(text), signal),
    (texts) => encoder.encode(texts.join('')),
  )
}

/** The bytes that `work` writes, small pieces put together; otherwise as `streamText`. */
export function streamBytes(work: (write: WriteBytes, signal: AbortSignal) => Promise<void>): Chunks {
  return stream(work, join)
}

function join(pieces: readonly (Uint8Array | string)[]): Uint8Array {
  const [only] = pieces
  if (pieces.length === 1 && only instanceof Uint8Array) return only
  // A UTF-16 unit has at most three bytes of UTF-8.
  const most = pieces.reduce((sum, piece) => sum + piece.length * (typeof piece === 'string' ? 3 : 1), 0)
  const all = new Uint8Array(most)
  let size = 0
  for (const piece of pieces) {
    if (typeof piece === 'string') size += encoder.encodeInto(piece, all.subarray(size)).written
    else {
      all.set(piece, size)
      size += piece.length
    }
  }
  const joined = all.subarray(0, size)
  allowFreeing(joined)
  return joined
}

function stream<T extends string | Uint8Array>(
  work: (write: (...pieces: readonly T[]) => Promise<void> | undefined, signal: AbortSignal) => Promise<void>,
  join: (pieces: readonly T[]) => Uint8Array,
): Chunks {
  const abort = new AbortController()
  const channel = createChannel<T>(ROOM, ({ length }) => length)

  function write(...pieces: readonly T[]): Promise<void> | undefined {
    abort.signal.throwIfAborted()
    for (const piece of pieces) channel.add(piece)
    return channel.size() < ROOM ? undefined : channel.whenRoom()
  }

  const working = work(write, abort.signal).then(() => channel.end(), channel.end)
  return {
    async next() {
      const pieces = await channel.take()
      if (pieces.length === 0) return { done: true, value: undefined }
      return { done: false, value: join(pieces) }
    },
    async cancel(reason) {
      abort.abort(reason)
      channel.cancel(abort.signal.reason)
      await working
    },
  }
}
