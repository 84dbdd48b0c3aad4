import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Synced } from './belief.ts'
import {
  type Content,
  fromTrouble,
  type HashMessage,
  type HashReply,
  type HashWorkerData,
} from './disk-messages.ts'
import { changed } from './file-digest.ts'
import { MAX_ATTEMPTS, QUEUE_PROGRESS_MS } from './limits.ts'
import { type Question, tellProgress } from './question.ts'
import { toThreadProgram } from './thread-program.ts'

/** Hashes files for questions, one file a thread at a time, in the order in which they were asked for. */
export interface HashPool {
  /** Has the file of a question hashed. It then comes back by `onReturn`, or is refused. */
  add(question: Question): void
  /** Takes back a question that has ended; a file for which nobody waits any more is left. */
  remove(question: Question): void
  /** How many files were hashed to their end. */
  count(): number
  /** Stops and ends the threads; the questions that wait here are refused with `error`. */
  close(error: Error): Promise<void>
}

export interface HashPoolOptions {
  /** As in `DiskWorkerData`. */
  readonly root: string
  readonly now: () => number
  /** The last sync that has ended. */
  readonly synced: () => Synced | null
  /**
   * Takes a question back, with what was found in `hashed`. The question is then put once more: what is answered is
   * what a stat made after it still shows.
   */
  readonly onReturn: (question: Question) => void
}

/**
 * One file to be hashed. Questions that come before the hash begins share it. Later questions cannot: the bytes may have
 * been read before the question, and in a file that is not settled no stat shows a change since. They wait, and are put
 * once more when the hash is done. A digest that may be remembered then answers those that take an earlier reading, since
 * the stat rules out a change. The others share a job that begins after all of them. So a question waits for at most one
 * such end and one hash of its own, except after changes, which `MAX_ATTEMPTS` limits.
 */
interface Job {
  readonly name: string
  /** By `performance.now()`. */
  begunAt: number
  /** That were read so far. */
  bytes: number
  readonly asked: Set<Question>
  readonly later: Set<Question>
}

type HashProgress = Extract<HashReply, { bytes: number }>

interface Thread {
  readonly worker: Worker
  readonly stop: Int32Array<SharedArrayBuffer>
  job: Job | null
}

/** At least two, so that one large file never has all of them. */
const MAX_THREADS = Math.max(2, availableParallelism())

/** Threads start when they are first needed, and keep no process alive while they have nothing to do. */
export function createHashPool({ root, now, synced, onReturn }: HashPoolOptions): HashPool {
  const queued = new Map<string, Job>()
  const threads = new Set<Thread>()
  let count = 0
  let told = 0
  let closed = false

  function findRunning(name: string): Job | undefined {
    for (const { job } of threads) if (job?.name === name) return job
    return undefined
  }

  function add(question: Question): void {
    if (question.attempts >= MAX_ATTEMPTS) question.reject(changed())
    else join(question, findRunning(question.name))
  }

  function join(question: Question, running: Job | undefined): void {
    const { name } = question
    question.isHashing = true
    if (running !== undefined) {
      const { asked, later } = running
      const waiters = question.askedAt < running.begunAt ? asked : later
      waiters.add(question)
      return
    }
    const job = queued.get(name) ?? { name, begunAt: 0, bytes: 0, asked: new Set(), later: new Set() }
    queued.set(name, job)
    job.asked.add(question)
    startNext()
  }

  function remove(question: Question): void {
    const job = queued.get(question.name)
    if (job?.asked.delete(question) && job.asked.size === 0) queued.delete(job.name)
    for (const { job, stop } of threads) {
      if (!job?.asked.delete(question) && !job?.later.delete(question)) continue
      if (job.asked.size + job.later.size === 0) Atomics.store(stop, 0, 1)
    }
  }

  function startNext(): void {
    for (let job = pick(); job !== undefined; job = pick()) {
      const thread = [...threads].find((thread) => thread.job === null) ?? startThread()
      queued.delete(job.name)
      thread.job = job
      job.begunAt = performance.now()
      Atomics.store(thread.stop, 0, 0)
      thread.worker.ref()
      const message: HashMessage = { name: job.name, now: now(), synced: synced() }
      thread.worker.postMessage(message)
    }
  }

  /** The job whose turn it is, if a thread is free for it; the background leaves one thread to the others. */
  function pick(): Job | undefined {
    const running = [...threads].flatMap(({ job }) => job ?? [])
    if (closed || running.length >= MAX_THREADS) return undefined
    const jobs = [...queued.values()]
    const room = running.filter(isBackground).length < MAX_THREADS - 1
    return jobs.find((job) => !isBackground(job)) ?? (room ? jobs[0] : undefined)
  }

  function startThread(): Thread {
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const data: HashWorkerData = { root, stop }
    const worker = new Worker(toThreadProgram('hash-worker'), {
      workerData: data,
      execArgv: [],
    })
    const thread: Thread = { worker, stop, job: null }
    worker.on('message', (reply: HashReply) => {
      if ('bytes' in reply) onRead(thread, reply)
      else onEnd(thread, reply)
    })
    worker.on('error', (error) => {
      threads.delete(thread)
      fail(thread.job, error)
      startNext()
    })
    threads.add(thread)
    return thread
  }

  function onRead({ job }: Thread, { bytes, size }: HashProgress): void {
    if (job === null) return
    const work = { done: bytes - job.bytes, reading: { name: job.name, bytes, size } }
    job.bytes = bytes
    tellProgress([...job.asked, ...job.later], work)
    if (performance.now() - told < QUEUE_PROGRESS_MS) return
    told = performance.now()
    tellProgress(
      [...queued.values()].flatMap(({ asked }) => [...asked]),
      work,
    )
  }

  function onEnd(thread: Thread, reply: Exclude<HashReply, HashProgress>): void {
    const { job } = thread
    thread.job = null
    // Whoever closes the pool waits for the thread to end, which a process without it would not.
    if (!closed) thread.worker.unref()
    if (job === null) return
    if ('trouble' in reply) fail(job, fromTrouble(reply.trouble))
    else giveBack(job, reply.content)
    startNext()
  }

  function giveBack({ asked, later }: Job, content: Content | null): void {
    if (content !== null) count++
    for (const question of asked) {
      question.attempts++
      returnOne(question, content, false)
    }
    for (const question of later) {
      const serves = content !== null && content.systemId !== null && question.maxAge !== 0
      returnOne(question, serves ? content : null, true)
    }
  }

  function returnOne(question: Question, content: Content | null, isEarlier: boolean): void {
    question.isHashing = false
    question.hashed = content === null ? undefined : { ...content, isEarlier }
    onReturn(question)
  }

  function fail(job: Job | null, error: Error): void {
    for (const question of job?.asked ?? []) question.reject(error)
    for (const question of job?.later ?? []) returnOne(question, null, true)
  }

  async function close(error: Error): Promise<void> {
    closed = true
    const jobs = [...queued.values(), ...[...threads].flatMap(({ job }) => job ?? [])]
    for (const { asked, later } of jobs) for (const question of [...asked, ...later]) question.reject(error)
    await Promise.all([...threads].map(endThread))
  }

  return { add, remove, count: () => count, close }
}

function isBackground({ asked, later }: Job): boolean {
  return [...asked, ...later].every(({ options }) => options.background)
}

async function endThread({ worker, stop }: Thread): Promise<void> {
  worker.ref()
  const gone = new Promise((resolve) => worker.once('exit', resolve))
  Atomics.store(stop, 0, 1)
  const message: HashMessage = 'close'
  worker.postMessage(message)
  await gone
}
