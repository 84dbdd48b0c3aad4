import type { Writable } from 'node:stream'
import { MAX_WAITING_LINES_LENGTH } from './limits.ts'

/** Writes lines to a stream whose reader may fall behind, or stand still. */
export interface LineWriter {
  /** Takes a line with its end. It is dropped, and counted, when too much waits already. */
  write(line: string): void
  /** Hands what waits to the stream, as far as the stream takes it. */
  flush(): void
  /** Flushes, and resolves when the stream has taken everything, or has ended, or after `ms`. */
  settle(ms: number): Promise<void>
}

/**
 * Lines written in one turn of the loop go out at once. Once there is room again after lines were dropped, `toDropped`
 * makes the line that says how many.
 */
export function createLineWriter(stream: Writable, toDropped: (count: number) => string): LineWriter {
  let waiting = ''
  let dropped = 0
  let isScheduled = false
  let full: PromiseWithResolvers<void> | null = null

  function flush(): void {
    isScheduled = false
    if (full !== null || (waiting === '' && dropped === 0)) return
    const lines = dropped === 0 ? waiting : waiting + toDropped(dropped)
    waiting = ''
    dropped = 0
    if (stream.write(lines)) return
    full = Promise.withResolvers()
    stream.once('drain', onDrain)
  }

  function onDrain(): void {
    full?.resolve()
    full = null
    flush()
  }

  return {
    write(line) {
      if (waiting.length + line.length > MAX_WAITING_LINES_LENGTH) dropped++
      else waiting += line
      if (isScheduled) return
      isScheduled = true
      setImmediate(flush)
    },
    flush,
    async settle(ms) {
      const over = Promise.withResolvers<void>()
      const timer = setTimeout(over.resolve, ms)
      stream.once('close', over.resolve).once('error', over.resolve)
      const drained = async () => {
        for (flush(); full !== null; ) await full.promise
      }
      try {
        await Promise.race([drained(), over.promise])
      } finally {
        clearTimeout(timer)
        stream.off('close', over.resolve).off('error', over.resolve)
      }
    },
  }
}
