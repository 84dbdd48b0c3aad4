import { createChannel } from './channel.ts'
import type { Chunks } from './chunks.ts'

/** Writes text; resolves when there is room for more. */
export type WriteText = (text: string) => Promise<void>

/** Takes a value that becomes a line of JSON; likewise. */
export type WriteLine = (line: unknown) => Promise<void>

const encoder = new TextEncoder()

/** Characters that may wait for the reader. */
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
  const abort = new AbortController()
  const channel = createChannel<string>(ROOM, (text) => text.length)

  async function write(text: string): Promise<void> {
    abort.signal.throwIfAborted()
    channel.add(text)
    await channel.whenRoom()
  }

  const working = work(write, abort.signal).then(() => channel.end(), channel.end)
  return {
    async next() {
      const texts = await channel.take()
      if (texts.length === 0) return { done: true, value: undefined }
      return { done: false, value: encoder.encode(texts.join('')) }
    },
    async cancel(reason) {
      abort.abort(reason)
      channel.cancel(abort.signal.reason)
      await working
    },
  }
}
