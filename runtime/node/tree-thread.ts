import { Worker } from 'node:worker_threads'
import { StorageError } from '../../functions/wire/trouble.ts'
import { fromTrouble } from './disk-messages.ts'
import type { IndexNotice } from './index-file.ts'
import { TREE_THREAD_LIMITS } from './limits.ts'
import { toThreadProgram } from './thread-program.ts'
import type { TreeAnswer, TreeMessage, TreeQuestion, TreeReply, TreeWorkerData } from './tree-messages.ts'

/** The thread that goes through a tree. It starts when it is first told something, and anew after a crash. */
export interface TreeThread {
  /** Keeps the process alive until it is answered. Rejects with a `StorageError` when the tree cannot be read. */
  ask(question: TreeQuestion): Promise<TreeAnswer>
  tell(message: Exclude<TreeMessage, TreeQuestion>): void
  start(): void
  /** Refuses what is asked, and ends. */
  close(): Promise<void>
}

export function createTreeThread(data: TreeWorkerData, onIndex: (notice: IndexNotice) => void): TreeThread {
  // It answers in the order in which it is asked.
  let asked: PromiseWithResolvers<TreeAnswer>[] = []
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
      const question = asked.shift()
      if (asked.length === 0 && !closing) started.unref()
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

  function refuse(error: unknown): void {
    const refused = asked
    asked = []
    for (const { reject } of refused) reject(error)
  }

  function start(): Worker {
    worker ??= launch()
    return worker
  }

  function tell(message: TreeMessage): void {
    start().postMessage(message)
  }

  async function ask(question: TreeQuestion): Promise<TreeAnswer> {
    if (closing) throw toClosed()
    const answer = Promise.withResolvers<TreeAnswer>()
    asked.push(answer)
    tell(question)
    worker?.ref()
    return await answer.promise
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
