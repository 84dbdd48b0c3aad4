import { closedError } from '../../../functions/wire/errors.ts'
import type { IndexNotice } from '../digests/index-file.ts'
import { BACKGROUND_BATCH_MS, BATCH_MS, MAX_BATCHES } from '../limits.ts'
import type { Looked } from '../mounts/file-system.ts'
import type { Located } from '../mounts/located.ts'
import type { RootLook } from '../mounts/root-guard.ts'
import type { Syncs } from '../mounts/syncs.ts'
import { fromTrouble } from '../threads/messages.ts'
import { createThread } from '../threads/thread.ts'
import type { Answers, Batch, DiskEvent, Extra, Held, RootWorkerData } from './disk-messages.ts'
import { createHashPool } from './hash-pool.ts'
import {
  type Answered,
  type AskOptions,
  createOpenCount,
  createQuestionQueue,
  createQuestions,
  type Question,
  type QuestionQueue,
  reportProgress,
  type Wanted,
} from './question.ts'

/** Digests since the start: how many were hashed, and how many the index had. */
export interface Counts {
  readonly computed: number
  readonly known: number
}

export type Disk = ReturnType<typeof createDisk>

export interface DiskOptions extends RootWorkerData {
  /** Whether the calling thread does the work, but for hashing large files. */
  readonly here: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called when the state of the index changes. */
  readonly onIndex: (notice: IndexNotice) => void
  /** Called when the root's file system changes. */
  readonly onLooked: (looked: Looked) => void
  readonly syncs: Pick<Syncs, 'last' | 'request'>
}

/**
 * Reads the files of one root on other threads. One owns the digest index and does all that is quick, batch
 * by batch; others hash large files. Every answer rests on a stat or a read made after its question. Threads
 * start when they are first needed, and keep the process alive only while they have a question.
 */
export function createDisk({ root, indexFile, shared, here, now, onIndex, onLooked, syncs }: DiskOptions) {
  const queue = createQuestionQueue()
  const open = createOpenCount()
  const pool = createHashPool({ root, now, synced: syncs.last, onReturn: enqueue })
  const running = Promise.withResolvers<void>()
  const thread = createThread<Batch, Answers, DiskEvent, RootWorkerData>('disk-worker', {
    data: { root, indexFile, opensLate: here, shared },
    here: here ? async () => (await import('./disk-program.ts')).createDiskProgram : undefined,
    sharesDescriptors: true,
    onEvent,
  })
  let [computed, known] = [0, 0]
  const scheduleBatches = createBatches(queue, send)
  let closing: Promise<void> | undefined

  function onEvent(event: DiskEvent): void {
    if (event === 'started') running.resolve()
    else if ('looked' in event) onLooked(event.looked)
    else onIndex(event)
  }

  function put<T extends Answered>(wanted: readonly Wanted[], options: AskOptions = {}): Promise<T>[] {
    if (!options.background) open.add(wanted.length)
    const { questions, promises } = createQuestions<T>(wanted, options, onEnd)
    for (const question of questions) enqueue(question)
    return promises
  }

  const putOne = async <T extends Answered>(wanted: Wanted) => (await put<T>([wanted])[0]) as T // one name has one answer

  function onEnd(question: Question): void {
    if (question.isHashing) pool.remove(question)
    if (!question.options.background) open.remove()
  }

  function enqueue(question: Question): void {
    if (closing) question.reject(closedError())
    if (question.isEnded) return
    queue.add(question)
    scheduleBatches()
  }

  async function send(questions: readonly Question[]): Promise<void> {
    try {
      onAnswers(questions, await thread.ask({ now: now(), synced: syncs.last(), ...toBatch(questions) }))
    } catch (error) {
      for (const question of questions) question.reject(error)
    }
  }

  function onAnswers(questions: readonly Question[], reply: Answers): void {
    computed += reply.computed
    known += reply.known
    if (reply.wantsSync) syncs.request()
    if (reply.computed > 0) reportProgress(questions, { done: reply.computed })
    queue.reportAnswered(questions.length)
    for (const [i, question] of questions.entries()) {
      const answer = reply.answers[i] ?? null
      if (answer === 'slow') pool.add(question)
      else if (answer === 'later') enqueue(question)
      else if (answer !== null && 'trouble' in answer) question.reject(fromTrouble(answer.trouble))
      else question.resolve(answer)
    }
  }

  /** Rejects the questions that wait, writes the index and ends all threads. */
  const close = (): Promise<void> => (closing ??= end())

  async function end(): Promise<void> {
    for (const question of queue.takeAll()) question.reject(closedError())
    await Promise.all([pool.close(), thread.close()])
  }

  return {
    /**
     * Returns one promise for each name, which must be valid: the file, or null. Rejects with a
     * `StorageError`, or with the reason of the signal. A caller that opens a file closes the descriptor.
     */
    ask: put<Held | null>,
    /** Finds where this valid name is to be written; '' is the root. Rejects as `ask` does. */
    locate: (name: string) => putOne<Located>({ name, extra: { locate: true } }),
    /** Resolves when the thread that looks has started. */
    started: () => running.promise,
    /** Looks at the root, whatever is remembered of it. Rejects with what `requireReadable` throws. */
    look: () => putOne<RootLook>({ name: '', extra: { look: true } }),
    counts: (): Counts => ({ computed: computed + pool.count(), known }),
    /** Launches the first thread, for questions that are about to come. */
    warm: thread.start,
    /** Resolves when no question is open but those of the background. */
    quiet: open.quiet,
    close,
    /** Closes the disk, and rejects the questions that a thread works on too. */
    abandon(): void {
      void close()
      thread.refuse(closedError())
    },
  }
}

/** Returns a function that takes batches from `queue` and has `send` send them, `MAX_BATCHES` at a time. */
function createBatches(queue: QuestionQueue, send: (questions: readonly Question[]) => Promise<void>) {
  let underWay = 0
  let isScheduled = false

  function flush(): void {
    isScheduled = false
    while (underWay < MAX_BATCHES) {
      const questions = queue.take()
      if (questions.length === 0) return
      underWay++
      send(questions).finally(() => {
        underWay--
        flush()
      })
    }
  }

  return () => {
    // After this turn of the event loop, so that all questions of the turn go in one message.
    if (!isScheduled) setImmediate(flush)
    isScheduled = true
  }
}

function toBatch(questions: readonly Question[]): Pick<Batch, 'patience' | 'names' | 'extras'> {
  const extras = new Map<number, Extra>()
  for (const [i, { extra, hashed }] of questions.entries())
    if (extra || hashed) extras.set(i, { ...extra, hashed })
  const patience = questions[0]?.options.background ? BACKGROUND_BATCH_MS : BATCH_MS
  return { patience, names: questions.map(({ name }) => name), extras }
}
