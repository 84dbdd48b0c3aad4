import type { Chunks } from '../storage/streams.ts'

/** Takes a piece of text; resolves when there is room for the next. */
export type WriteText = (text: string) => Promise<void>

/** Takes a value that becomes a line of JSON; likewise. */
export type Tell = (line: unknown) => Promise<void>

const encoder = new TextEncoder()

/** Characters that may wait for their reader. */
const ROOM = 64 * 1024

/** What `work` tells, as lines of JSON; otherwise as `streamText`. */
export function streamLines(work: (tell: Tell, signal: AbortSignal) => Promise<void>): Chunks {
  return streamText((write, signal) => work((line) => write(`${JSON.stringify(line)}\n`), signal))
}

/**
 * What `work` writes. It starts at once; its error is the stream's. Cancelling aborts its signal, rejects a write that
 * waits for room, and resolves when the work has ended.
 */
export function streamText(work: (write: WriteText, signal: AbortSignal) => Promise<void>): Chunks {
  const abort = new AbortController()
  let text = ''
  let isDone = false
  let news = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  room.promise.catch(() => {})

  async function write(more: string): Promise<void> {
    abort.signal.throwIfAborted()
    text += more
    news.resolve()
    if (text.length >= ROOM) await room.promise
  }

  const working = work(write, abort.signal).finally(() => {
    isDone = true
    news.resolve()
  })
  working.catch(() => {})

  return {
    async next() {
      if (text === '' && !isDone) await news.promise
      if (text === '') {
        await working
        return { done: true, value: undefined }
      }
      const value = encoder.encode(text)
      text = ''
      news = Promise.withResolvers()
      room.resolve()
      room = Promise.withResolvers()
      room.promise.catch(() => {})
      if (isDone) news.resolve()
      return { done: false, value }
    },
    async cancel(reason) {
      abort.abort(reason)
      room.reject(abort.signal.reason)
      news.resolve()
      await working.catch(() => {})
    },
  }
}
