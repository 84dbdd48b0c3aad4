import { Worker } from 'node:worker_threads'
import type { Answers, Batch, DiskMessage, DiskReply, DiskWorkerData } from './disk-messages.ts'
import type { Looked } from './file-system.ts'
import type { IndexNotice } from './index-file.ts'
import { THREAD_LIMITS } from './limits.ts'
import { toThreadProgram } from './thread-program.ts'

/** The thread that owns the index; it starts when it is first sent something, and anew after a crash. It keeps a process alive while `ref`ed. */
export interface DiskThread {
  send(batch: Batch): void
  start(): void
  /** Resolves when it runs, and has touched nothing of the root yet. */
  started(): Promise<void>
  ref(): void
  unref(): void
  /** Has it answer what it was sent, write the index, and end. */
  close(): Promise<void>
}

export interface DiskThreadOptions {
  readonly onAnswers: (answers: Answers) => void
  readonly onIndex: (notice: IndexNotice) => void
  readonly onLooked: (looked: Looked) => void
  /** What was sent will not be answered. */
  readonly onCrash: (error: unknown) => void
}

export function createDiskThread(data: DiskWorkerData, options: DiskThreadOptions): DiskThread {
  let worker: Worker | null = null
  const running = Promise.withResolvers<void>()
  let isReffed = false
  let isClosing = false

  function launch(): Worker {
    const started = new Worker(toThreadProgram('disk-worker'), {
      workerData: data,
      // Not those of the process, some of which (--input-type) are none for a thread.
      execArgv: [],
      resourceLimits: THREAD_LIMITS,
      // What it opens for others is theirs to close, whenever it ends.
      trackUnmanagedFds: false,
    })
    started.on('message', (reply: DiskReply) => {
      if (reply === 'started') running.resolve()
      else if ('notice' in reply) options.onIndex(reply)
      else if ('looked' in reply) options.onLooked(reply.looked)
      else options.onAnswers(reply)
    })
    if (!isReffed) started.unref()
    started.on('error', (error) => {
      worker = null
      options.onCrash(error)
    })
    return started
  }

  function start(): void {
    if (!isClosing) worker ??= launch()
  }

  function post(message: DiskMessage): void {
    start()
    worker?.postMessage(message)
  }

  async function close(): Promise<void> {
    isClosing = true
    if (worker === null) return
    const ended = worker
    ended.ref()
    const gone = new Promise((resolve) => ended.once('exit', resolve))
    post('close')
    await gone
  }

  function ref(): void {
    isReffed = true
    worker?.ref()
  }

  function unref(): void {
    isReffed = false
    if (!isClosing) worker?.unref()
  }

  return { send: post, start, started: () => running.promise, ref, unref, close }
}
