import { Worker } from 'node:worker_threads'
import { StorageError } from '../../functions/wire/trouble.ts'
import { fromTrouble } from './disk-messages.ts'
import type { Looked } from './file-system.ts'
import type { IndexNotice } from './index-file.ts'
import { TREE_THREAD_LIMITS } from './limits.ts'
import { toThreadProgram } from './thread-program.ts'
import type { TreeAnswer, TreeMessage, TreeQuestion, TreeReply, TreeWorkerData } from './tree-messages.ts'

/** The thread that goes through a tree. It starts when it is first told something, and anew after a crash. */
export interface TreeThread {
  /**
   * Keeps the process alive until it is answered. Rejects with a `StorageError` when the tree cannot be read, and with
   * the reason of `signal` when that aborts: the thread then stops working on it.
   */
  ask(question: TreeQuestion, signal?: AbortSignal): Promise<TreeAnswer>
  tell(message: TreeMessage): void
  start(): void
  /** Refuses what is asked, and ends. */
  close(): Promise<void>
}

export interface TreeThreadOptions {
  /** Called when that changes: whether the index can be used. */
  readonly onIndex: (notice: IndexNotice) => void
  /** Called when that changes: what the root's file system is. */
  readonly onLooked: (looked: Looked) => void
}

export function createTreeThread(data: TreeWorkerData, { onIndex, onLooked }: TreeThreadOptions): TreeThread {
  const asked = new Map<number, PromiseWithResolvers<TreeAnswer>>()
  let questions = 0
  let worker: Worker | null = null
  let closing: Promise<void> | undefined

  function launch(): Worker {
    const started = new Worker(toThreadProgram('tree-worker'), {
      workerData: data,
      // Not those of the process, some of which (--input-type) are none for a thread.
      execArgv: [],
      resourceLimits: TREE_THREAD_LIMITS,
    })
    started.on('message', (reply: TreeReply) => {
      if ('notice' in reply) return onIndex(reply)
      if ('looked' in reply) return onLooked(reply.looked)
      const question = take(reply.id)
      if ('trouble' in reply) question?.reject(fromTrouble(reply.trouble))
      else question?.resolve(reply.answer)
    })
    started.on('error', (error) => {
      worker = null
      refuse(error)
    })
    started.unref()
    return started
  }

  /** A question that ends; undefined when it has ended already. */
  function take(id: number): PromiseWithResolvers<TreeAnswer> | undefined {
    const question = asked.get(id)
    asked.delete(id)
    if (asked.size === 0 && !closing) worker?.unref()
    return question
  }

  function refuse(error: unknown): void {
    for (const id of [...asked.keys()]) take(id)?.reject(error)
  }

  function start(): Worker {
    worker ??= launch()
    return worker
  }

  function tell(message: TreeMessage): void {
    start().postMessage(message)
  }

  async function ask(question: TreeQuestion, signal?: AbortSignal): Promise<TreeAnswer> {
    if (closing) throw toClosed()
    signal?.throwIfAborted()
    const answer = Promise.withResolvers<TreeAnswer>()
    const id = questions++
    asked.set(id, answer)
    tell({ id, question })
    worker?.ref()
    const cancel = () => {
      if (take(id) === undefined) return
      worker?.postMessage({ cancel: id } satisfies TreeMessage)
      answer.reject(signal?.reason)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await answer.promise
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  async function end(): Promise<void> {
    refuse(toClosed())
    if (worker === null) return
    const ended = worker
    ended.ref()
    const gone = new Promise((resolve) => ended.once('exit', resolve))
    tell('close')
    await gone
  }

  return {
    ask,
    tell: (message) => (closing ? undefined : tell(message)),
    start: () => void (closing ?? start()),
    close: () => (closing ??= end()),
  }
}

function toClosed(): StorageError {
  return new StorageError('unreachable', 'the storage was closed')
}
