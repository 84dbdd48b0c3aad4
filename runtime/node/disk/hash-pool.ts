import type { Pace } from '../../../functions/bytes/pace.ts'
import type { Work } from '../../../functions/storage/storage.ts'
import { changedWhileReadError, closedError } from '../../../functions/wire/errors.ts'
import type { Synced } from '../digests/belief.ts'
import { getMaxThreads, MAX_ATTEMPTS, QUEUE_PROGRESS_MS } from '../limits.ts'
import { createThread, type Thread } from '../threads/thread.ts'
import type { Content, HashOrder, HashProgress, HashWorkerData, RootWorkerData } from './disk-messages.ts'
import { createHashControl, type HashControl } from './hash-control.ts'
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
  readonly control: HashControl
  job: Job | null
}

/** Hashes files in the order of their questions, one a thread at a time. Launches threads when needed. */
export function createHashPool({ root, now, synced, onReturn }: HashPoolOptions) {
  const queued = new Map<string, Job>()
  const threads: HashThread[] = []
  let count = 0
  let isClosed = false
  const report = createReport(queued)

  function join(question: Question): void {
    const { name } = question
    question.isHashing = true
    const { job: running, control } = threads.find(({ job }) => job?.name === name) ?? {}
    if (running) {
      const questions = question.askedAt < running.begunAt ? running.asked : running.later
      questions.add(question)
      if (findPace(running) === undefined) control?.setPaced(false)
      return
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

  function pick(): Job | undefined {
    if (isClosed) return undefined
    return pickJob(
      [...queued.values()],
      threads.flatMap(({ job }) => job ?? []),
    )
  }

  function addThread(): HashThread {
    const thread = createHashThread(root, report)
    threads.push(thread)
    return thread
  }

  async function run(thread: HashThread, job: Job): Promise<void> {
    thread.job = job
    job.begunAt = performance.now()
    thread.control.setPaced(findPace(job) !== undefined)
    thread.control.begin()
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
      for (const { job, control } of threads) {
        if (!job?.asked.delete(question) && !job?.later.delete(question)) continue
        if (job.asked.size + job.later.size === 0) control.stop()
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
      for (const { control } of threads) control.stop()
      await Promise.all(threads.map(({ thread }) => thread.close()))
    },
  }
}

function createHashThread(root: string, report: (job: Job, work: Work) => void): HashThread {
  const control = createHashControl()
  const hashThread: HashThread = {
    control,
    job: null,
    thread: createThread<HashOrder, Content | null, HashProgress>('hash-worker', {
      data: { root, control: control.memory } satisfies HashWorkerData,
      onEvent({ bytes, size }) {
        const { job } = hashThread
        if (job === null) return
        const [{ name }, done] = [job, bytes - job.bytes]
        job.bytes = bytes
        const onDone = (done: number) => report(job, { done, reading: { name, bytes, size } })
        onDone(done)
        const pace = findPace(job)
        control.setPaced(pace !== undefined)
        // An aborted pace is that of a question that has ended, whose end stops the thread.
        pace?.wait(done, onDone).then(control.go, () => {})
      },
    }),
  }
  return hashThread
}

/**
 * The next job for which a thread is free; the background leaves one thread to others. Jobs with a pace,
 * which may take days, have as many threads of their own.
 */
function pickJob(queued: readonly Job[], underWay: readonly Job[]): Job | undefined {
  const max = getMaxThreads()
  const isPaced = (job: Job) => findPace(job) !== undefined
  const [paced, running] = partition(underWay, isPaced)
  const [pacedJobs, jobs] = partition(queued, isPaced)
  if (pacedJobs.length > 0 && paced.length < max) return pacedJobs[0]
  if (running.length >= max) return undefined
  const room = running.filter(isBackground).length < max - 1
  return jobs.find((job) => !isBackground(job)) ?? (room ? jobs[0] : undefined)
}

/** The pace of a job; undefined if any of its questions has none. */
function findPace({ asked, later }: Pick<Job, 'asked' | 'later'>): Pace | undefined {
  const paces = [...asked, ...later].map(({ options }) => options.pace)
  return paces.includes(undefined) ? undefined : paces[0]
}

/** Those for which `is` holds, and the others. */
function partition(jobs: readonly Job[], is: (job: Job) => boolean): [Job[], Job[]] {
  return [jobs.filter(is), jobs.filter((job) => !is(job))]
}

/** Reports what was done for a job to its own questions, and now and then to those that wait in `queued`. */
function createReport(queued: ReadonlyMap<string, Job>): (job: Job, work: Work) => void {
  let reportedAt = 0
  return (job, work) => {
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
