import { changedWhileReadError, closedError } from '../../../functions/wire/errors.ts'
import type { Synced } from '../digests/belief.ts'
import { MAX_ATTEMPTS, MAX_THREADS, QUEUE_PROGRESS_MS } from '../limits.ts'
import { createThread, type Thread } from '../threads/thread.ts'
import type { Content, HashOrder, HashProgress, HashWorkerData, RootWorkerData } from './disk-messages.ts'
import { type Question, reportProgress } from './question.ts'

interface HashPoolOptions extends Pick<RootWorkerData, 'root'> {
  readonly now: () => number
  /** The last sync that has ended. */
  readonly synced: () => Synced | null
  /** Takes back a question, with `hashed` set, to ask it again: the answer is what a later stat shows. */
  readonly onReturn: (question: Question) => void
}

/**
 * One file to be hashed. Questions that come before the hash begins share it. Later ones cannot: the bytes
 * may have been read before the question, and in a file that is not settled no stat shows a change since.
 * They wait, and are asked again after the hash. A digest that may be remembered answers those that take an
 * earlier reading: the stat rules out a change. The others share a job that begins after all of them. So a
 * question waits for one such end and one hash of its own, or `MAX_ATTEMPTS` of them if its file changes.
 */
interface Job {
  readonly name: string
  /** By `performance.now()`. */
  begunAt: number
  bytes: number
  readonly asked: Set<Question>
  readonly later: Set<Question>
}

interface HashThread {
  readonly thread: Thread<HashOrder, Content | null>
  /** See `HashWorkerData`. */
  readonly stop: Int32Array<SharedArrayBuffer>
  job: Job | null
}

/** Hashes files in the order of their questions, one a thread at a time. Launches threads when needed. */
export function createHashPool({ root, now, synced, onReturn }: HashPoolOptions) {
  const queued = new Map<string, Job>()
  const threads: HashThread[] = []
  let count = 0
  let isClosed = false
  const reportRead = createReadReport(queued)

  function join(question: Question): void {
    const { name } = question
    question.isHashing = true
    const running = threads.find(({ job }) => job?.name === name)?.job
    if (running) {
      const questions = question.askedAt < running.begunAt ? running.asked : running.later
      return void questions.add(question)
    }
    const job = queued.get(name) ?? { name, begunAt: 0, bytes: 0, asked: new Set(), later: new Set() }
    queued.set(name, job)
    job.asked.add(question)
    startNext()
  }

  function startNext(): void {
    for (let job = pick(); job !== undefined; job = pick()) {
      queued.delete(job.name)
      void run(threads.find((thread) => thread.job === null) ?? addThread(), job)
    }
  }

  /** The next job for which a thread is free; the background leaves one thread to others. */
  function pick(): Job | undefined {
    const running = threads.flatMap(({ job }) => job ?? [])
    if (isClosed || running.length >= MAX_THREADS) return undefined
    const jobs = [...queued.values()]
    const room = running.filter(isBackground).length < MAX_THREADS - 1
    return jobs.find((job) => !isBackground(job)) ?? (room ? jobs[0] : undefined)
  }

  function addThread(): HashThread {
    const thread = createHashThread(root, reportRead)
    threads.push(thread)
    return thread
  }

  async function run(thread: HashThread, job: Job): Promise<void> {
    thread.job = job
    job.begunAt = performance.now()
    Atomics.store(thread.stop, 0, 0)
    try {
      const content = await thread.thread.ask({ name: job.name, now: now(), synced: synced() })
      thread.job = null
      if (content !== null) count++
      noteHashed(job, content)
      for (const question of [...job.asked, ...job.later]) onReturn(question)
    } catch (error) {
      thread.job = null
      for (const question of job.asked) question.reject(error)
      noteHashed({ asked: new Set(), later: job.later }, null)
      for (const question of job.later) onReturn(question)
    }
    startNext()
  }

  return {
    /** Has the file of a question hashed. The question then comes back by `onReturn`, or is rejected. */
    add(question: Question): void {
      if (isClosed) question.reject(closedError())
      else if (question.attempts >= MAX_ATTEMPTS) question.reject(changedWhileReadError())
      else join(question)
    },
    /** Takes back a question that has ended. A file without any other question is hashed no further. */
    remove(question: Question): void {
      const waiting = queued.get(question.name)
      if (waiting?.asked.delete(question) && waiting.asked.size === 0) queued.delete(waiting.name)
      for (const { job, stop } of threads) {
        if (!job?.asked.delete(question) && !job?.later.delete(question)) continue
        if (job.asked.size + job.later.size === 0) Atomics.store(stop, 0, 1)
      }
    },
    /** How many files were hashed to their end. */
    count: () => count,
    /** Rejects the questions that wait here, and ends the threads. */
    async close(): Promise<void> {
      isClosed = true
      const jobs = [...queued.values(), ...threads.flatMap(({ job }) => job ?? [])]
      for (const { asked, later } of jobs)
        for (const question of [...asked, ...later]) question.reject(closedError())
      for (const { stop } of threads) Atomics.store(stop, 0, 1)
      await Promise.all(threads.map(({ thread }) => thread.close()))
    },
  }
}

function createHashThread(root: string, onRead: (job: Job, progress: HashProgress) => void): HashThread {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const hashThread: HashThread = {
    stop,
    job: null,
    thread: createThread<HashOrder, Content | null, HashProgress>('hash-worker', {
      data: { root, stop } satisfies HashWorkerData,
      onEvent: (progress) => hashThread.job && onRead(hashThread.job, progress),
    }),
  }
  return hashThread
}

/** Reports what was read of a job to its own questions, and now and then to those that wait in `queued`. */
function createReadReport(queued: ReadonlyMap<string, Job>): (job: Job, progress: HashProgress) => void {
  let reportedAt = 0
  return (job, { bytes, size }) => {
    const work = { done: bytes - job.bytes, reading: { name: job.name, bytes, size } }
    job.bytes = bytes
    reportProgress([...job.asked, ...job.later], work)
    if (performance.now() - reportedAt < QUEUE_PROGRESS_MS) return
    reportedAt = performance.now()
    const waiting = [...queued.values()].flatMap(({ asked }) => [...asked])
    reportProgress(waiting, work)
  }
}

/** Notes in the questions of a job what was found for them. */
function noteHashed({ asked, later }: Pick<Job, 'asked' | 'later'>, content: Content | null): void {
  for (const question of asked) {
    question.isHashing = false
    question.attempts++
    question.hashed = content === null ? undefined : { ...content, isEarlier: false }
  }
  for (const question of later) {
    question.isHashing = false
    const serves = content !== null && content.systemId !== null && question.extra?.maxAge !== 0
    question.hashed = serves ? { ...content, isEarlier: true } : undefined
  }
}

function isBackground({ asked, later }: Job): boolean {
  return [...asked, ...later].every(({ options }) => options.background)
}
