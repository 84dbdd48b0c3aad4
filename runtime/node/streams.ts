import { close } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Chunks } from '../../functions/storage/streams.ts'
import type { Digest } from '../../functions/wire/digest.ts'
import { fromTrouble } from './disk-messages.ts'
import type { Source, StreamMessage, StreamReply } from './stream-worker.ts'
import { toThreadProgram } from './thread-program.ts'

/** Bytes of a file; `given` is the digest of those that came before an error, null where it is not known. */
export interface Reading extends Chunks {
  given(): Digest | null
}

/** Reads large files on threads of their own, which hash what they read. */
export interface Streams {
  /**
   * The bytes of `source`, whose descriptor is closed at the end, on an error and when they are cancelled. The last of
   * them come only when the file still is what it was said to be; they error with `changed` otherwise, and with
   * `integrity` when the bytes are others though the file shows no change.
   */
  read(source: Source): Reading
  /** Ends the threads, each when nobody reads from it any more. */
  close(): void
}

type Answer = PromiseWithResolvers<StreamReply>

interface Thread {
  readonly worker: Worker
  /** By the ids of what is being read, the descriptors. */
  readonly reading: Map<number, number>
  /** What was asked for and has not come, in order. */
  readonly asked: Answer[]
}

/** At least two, so that one slow disk never holds up all. */
const MAX_THREADS = Math.max(2, availableParallelism())

/** Threads start when they are first needed, and keep no process alive while nobody waits for them. */
export function createStreams(): Streams {
  const threads = new Set<Thread>()
  let ids = 0
  let closed = false

  function startThread(): Thread {
    const worker = new Worker(toThreadProgram('stream-worker'), {
      execArgv: [],
      // What it reads was opened by another.
      trackUnmanagedFds: false,
    })
    const thread: Thread = { worker, reading: new Map(), asked: [] }
    worker.on('message', (reply: StreamReply) => {
      thread.asked.shift()?.resolve(reply)
      if (thread.asked.length === 0) worker.unref()
    })
    worker.on('error', (error) => {
      threads.delete(thread)
      for (const { reject } of thread.asked) reject(error)
      for (const fd of thread.reading.values()) close(fd)
      thread.reading.clear()
    })
    worker.unref()
    threads.add(thread)
    return thread
  }

  function pickThread(): Thread {
    const [least] = [...threads].sort((a, b) => a.reading.size - b.reading.size)
    return least === undefined || (least.reading.size > 0 && threads.size < MAX_THREADS)
      ? startThread()
      : least
  }

  function ask(thread: Thread, message: StreamMessage): Promise<StreamReply> {
    const answer: Answer = Promise.withResolvers()
    // One that comes after nobody reads on is nobody's.
    answer.promise.catch(() => {})
    thread.asked.push(answer)
    thread.worker.ref()
    post(thread, message)
    return answer.promise
  }

  function end(thread: Thread, id: number): void {
    thread.reading.delete(id)
    if (closed && thread.reading.size === 0) stop(thread)
  }

  function stop(thread: Thread): void {
    threads.delete(thread)
    post(thread, 'close')
  }

  function read(source: Source): Reading {
    const thread = pickThread()
    const id = ids++
    thread.reading.set(id, source.fd)
    post(thread, { id, begin: source })
    let given: Digest | null = null
    return {
      given: () => given,
      async next() {
        const reply = thread.reading.has(id) ? await ask(thread, { id, next: true }) : undefined
        if (reply !== undefined && 'bytes' in reply && reply.bytes !== null) {
          return { done: false, value: reply.bytes }
        }
        end(thread, id)
        if (reply === undefined || !('trouble' in reply)) return { done: true, value: undefined }
        given = reply.given
        throw fromTrouble(reply.trouble)
      },
      async cancel() {
        if (!thread.reading.has(id)) return
        const closed = ask(thread, { id, end: true })
        end(thread, id)
        await closed
      },
    }
  }

  return {
    read,
    close() {
      closed = true
      for (const thread of threads) if (thread.reading.size === 0) stop(thread)
    },
  }
}

function post({ worker }: Thread, message: StreamMessage): void {
  worker.postMessage(message)
}
