import { close } from 'node:fs'
import type { Chunks } from '../../../functions/bytes/chunks.ts'
import { allowFreeing } from '../../../functions/bytes/freeing.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { getMaxThreads } from '../limits.ts'
import { fromTrouble } from '../threads/messages.ts'
import type { Source, StreamAnswer, StreamQuestion } from '../threads/stream-worker.ts'
import { createThread, type Thread } from '../threads/thread.ts'

/** Bytes of a file; `digestSoFar` is the digest of those before an error, null where it is not known. */
interface Reading extends Chunks {
  digestSoFar(): Digest | null
}

export type Streams = ReturnType<typeof createStreams>

interface StreamThread {
  readonly thread: Thread<StreamQuestion, StreamAnswer>
  /** The open readings; called with the error when the thread crashes. */
  readonly open: Set<(error: unknown) => void>
}

/** Threads that are launched when they are needed, `getMaxThreads()` at most. */
function createThreads() {
  const threads: StreamThread[] = []
  let isClosed = false

  function add(): StreamThread {
    const open: StreamThread['open'] = new Set()
    const onCrash = (error: unknown) => {
      for (const fail of open) fail(error)
    }
    const thread: StreamThread = {
      open,
      thread: createThread('stream-worker', { sharesDescriptors: true, onCrash }),
    }
    threads.push(thread)
    return thread
  }

  /** Once `close` was called, ends the threads that read nothing. */
  function endIdle(): void {
    for (const { thread, open } of threads) if (isClosed && open.size === 0) void thread.close()
  }

  return {
    endIdle,
    /** The thread for one more reading: an idle or a new one, or that with the fewest. */
    pick(): StreamThread {
      const [least] = threads.toSorted((a, b) => a.open.size - b.open.size)
      return least === undefined || (least.open.size > 0 && threads.length < getMaxThreads()) ? add() : least
    },
    close(): void {
      isClosed = true
      endIdle()
    },
  }
}

/** Reads large files on threads of their own, launched when first needed, which hash what they read. */
export function createStreams() {
  const threads = createThreads()
  let readings = 0

  /**
   * Reads `source`, whose descriptor is closed at the end, on an error and on cancellation. From the second
   * chunk on, the thread reads one ahead of the reader, who may free each (`freeing.ts`). The last bytes come
   * only when the file still has the content of `source`: it errors with `changed` otherwise, and with
   * `integrity` when the bytes differ though the file shows no change.
   */
  function read(source: Source): Reading {
    const id = readings++
    const { thread, open } = threads.pick()
    let digest: Digest | null = null
    let isBegun = false
    /** The answer to the reader's next question. */
    let ahead: Promise<StreamAnswer> | undefined
    let failure: { readonly error: unknown } | undefined
    /** Bytes that are still to come; at 0 the thread has closed the descriptor. */
    let left = source.range.length
    open.add(fail)

    /** After a crash. A descriptor that the thread has closed may be that of another file by now. */
    function fail(error: unknown): void {
      failure = { error }
      if (left > 0) close(source.fd)
      end()
    }

    function end(): void {
      open.delete(fail)
      threads.endIdle()
    }

    function ask(question: StreamQuestion): Promise<StreamAnswer> {
      const asking = thread.ask(question)
      // The reader may never wait for an answer that was asked for ahead.
      asking.then(note, () => {})
      return asking
    }

    function note(answer: StreamAnswer): void {
      const isEnd = !('bytes' in answer) || answer.bytes === null
      left = isEnd ? 0 : left - answer.bytes.length
    }

    return {
      digestSoFar: () => digest,
      async next() {
        if (failure !== undefined) throw failure.error
        if (!open.has(fail)) return { done: true, value: undefined }
        const asking = ahead ?? ask(isBegun ? { id, next: true } : { id, begin: source })
        // A client that takes nothing of the first chunk costs no second.
        if (isBegun) ahead = ask({ id, next: true })
        isBegun = true
        const answer = await asking
        if ('bytes' in answer && answer.bytes !== null) {
          allowFreeing(answer.bytes)
          return { done: false, value: answer.bytes }
        }
        end()
        if (!('trouble' in answer)) return { done: true, value: undefined }
        digest = answer.digestSoFar
        throw fromTrouble(answer.trouble)
      },
      async cancel() {
        if (!open.has(fail)) return
        // The answer to a `next` under way is ignored.
        const ended = isBegun ? thread.ask({ id, end: true }) : close(source.fd)
        end()
        await ended
      },
    }
  }

  /** `close` ends each thread once nothing is read from it. */
  return { read, close: threads.close }
}
