import type { Chunks } from '../storage/streams.ts'

/** Takes a value that becomes a line of JSON; resolves when there is room for the next. */
export type Tell = (line: unknown) => Promise<void>

const encoder = new TextEncoder()

/** Bytes of lines that may wait for their reader. */
const ROOM = 64 * 1024

/**
 * What `work` tells, as lines of JSON. It starts at once; its error is the stream's. Cancelling aborts its signal, and
 * whoever waits for room is then rejected.
 */
export function streamLines(work: (tell: Tell, signal: AbortSignal) => Promise<void>): Chunks {
  const abort = new AbortController()
  let text = ''
  let isDone = false
  let news = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  room.promise.catch(() => {})

  async function tell(line: unknown): Promise<void> {
    abort.signal.throwIfAborted()
    text += `${JSON.stringify(line)}\n`
    news.resolve()
    if (text.length >= ROOM) await room.promise
  }

  const working = work(tell, abort.signal).finally(() => {
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
      room.reject(reason)
      news.resolve()
    },
  }
}
