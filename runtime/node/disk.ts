import { StorageError } from '../../functions/wire/trouble.ts'
import {
  type Answer,
  type Answers,
  type DiskWorkerData,
  type Extra,
  fromTrouble,
  type Held,
} from './disk-messages.ts'
import { createDiskThread } from './disk-thread.ts'
import type { Looked } from './file-system.ts'
import { createHashPool } from './hash-pool.ts'
import type { IndexNotice } from './index-file.ts'
import { BACKGROUND_BATCH_MS, BATCH_MS, MAX_BATCHES } from './limits.ts'
import type { Located } from './located.ts'
import {
  type Answered,
  type AskOptions,
  createQuestions,
  type Question,
  tellProgress,
  type Wanted,
} from './question.ts'
import type { RootLook } from './root-guard.ts'
import type { Syncs } from './syncs.ts'
import { createQueue, createWaiting } from './waiting.ts'

/** How many digests were computed by hashing, and how many the index knew, since the start. */
export interface Counts {
  readonly computed: number
  readonly known: number
}

/**
 * The files of one root, read by other threads. One thread owns the digest index and does all that is quick, batch by
 * batch; others hash what is large. Every answer rests on a stat or a read that was made after its question.
 */
export interface Disk {
  /**
   * One promise for each name, which must be valid: what it holds, or null. Rejects with a `StorageError`, or with the
   * reason of the signal. Who asked to open a file closes the descriptor that comes back.
   */
  ask(wanted: readonly Wanted[], options?: AskOptions): Promise<Held | null>[]
  /** Where this valid name is to be written, '' being the root. Rejects as `ask` does. */
  locate(name: string): Promise<Located>
  /** The root, whatever is remembered of it. Rejects with what `requireReadable` throws. */
  look(): Promise<RootLook>
  /** Resolves when the thread runs that looks. */
  started(): Promise<void>
  counts(): Counts
  /** Starts its first thread, for questions that are about to come. */
  warm(): void
  /** Resolves when nobody waits for an answer but the background. */
  quiet(): Promise<void>
  /** Refuses what still waits, writes the index and ends all threads. */
  close(): Promise<void>
  /** Refuses all that was asked, what a thread is working on too. */
  abandon(): void
}

export interface DiskOptions extends DiskWorkerData {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called when that changes: whether the index can be used. */
  readonly onIndex: (notice: IndexNotice) => void
  /** Called when that changes: what the root's file system is. */
  readonly onLooked: (looked: Looked) => void
  readonly syncs: Pick<Syncs, 'last' | 'request'>
}

/** Starts threads when they are first needed. While nobody waits for an answer no thread keeps the process alive. */
export function createDisk({ root, indexFile, now, onIndex, onLooked, syncs }: DiskOptions): Disk {
  const queue = createQueue()
  const sent = new Map<number, readonly Question[]>()
  const waiting = createWaiting()
  const pool = createHashPool({ root, now, synced: syncs.last, onReturn: enqueue })
  const thread = createDiskThread({ root, indexFile }, { onAnswers, onIndex, onLooked, onCrash })
  let computed = 0
  let known = 0
  let batches = 0
  let isScheduled = false
  let closing: Promise<void> | undefined

  function put<T extends Answered>(wanted: readonly Wanted[], options: AskOptions = {}): Promise<T>[] {
    waiting.add(options, wanted.length)
    thread.ref()
    const { questions, promises } = createQuestions<T>(wanted, options, onEnd)
    for (const question of questions) {
      if (closing) question.reject(toClosed())
      else enqueue(question)
    }
    return promises
  }

  async function putOne<T extends Answered>(wanted: Wanted): Promise<T> {
    const [promise] = put<T>([wanted])
    if (promise === undefined) throw new Error('one name has one answer')
    return await promise
  }

  function onEnd(question: Question): void {
    if (question.isHashing) pool.remove(question)
    if (waiting.remove(question.options) === 0) thread.unref()
  }

  function enqueue(question: Question): void {
    if (question.isEnded) return
    queue.add(question)
    schedule()
  }

  /** After all that came in with the same turn of the event loop, so that it goes in one message. */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(flush)
  }

  function flush(): void {
    isScheduled = false
    while (sent.size < MAX_BATCHES) {
      const questions = queue.take()
      if (questions.length === 0) return
      send(questions)
    }
  }

  function send(questions: readonly Question[]): void {
    const id = batches++
    sent.set(id, questions)
    const patience = questions[0]?.options.background ? BACKGROUND_BATCH_MS : BATCH_MS
    const names = questions.map(({ name }) => name)
    const extras = collectExtras(questions)
    thread.send({ id, now: now(), synced: syncs.last(), patience, names, extras })
  }

  function onAnswers(reply: Answers): void {
    const questions = sent.get(reply.id) ?? []
    sent.delete(reply.id)
    computed += reply.computed
    known += reply.known
    if (reply.wantsSync) syncs.request()
    if (reply.computed > 0) tellProgress(questions, { done: reply.computed })
    queue.tell(reply.answers.length)
    for (const [i, question] of questions.entries()) settle(question, reply.answers[i] ?? null)
    flush()
  }

  function settle(question: Question, answer: Answer): void {
    if (answer === null) question.resolve(null)
    else if (answer === 'slow') pool.add(question)
    else if (answer === 'later') enqueue(question)
    else if ('trouble' in answer) question.reject(fromTrouble(answer.trouble))
    else question.resolve(answer)
  }

  function onCrash(error: unknown): void {
    refuseSent(error)
    schedule()
  }

  function refuseSent(error: unknown): void {
    const lost = [...sent.values()].flat()
    sent.clear()
    for (const question of lost) question.reject(error)
  }

  async function end(): Promise<void> {
    for (const question of queue.takeAll()) question.reject(toClosed())
    await Promise.all([pool.close(toClosed()), thread.close()])
  }

  return {
    ask: put<Held | null>,
    locate: (name) => putOne<Located>({ name, locate: true }),
    started: thread.started,
    look: () => putOne<RootLook>({ name: '', look: true }),
    counts: () => ({ computed: computed + pool.count(), known }),
    warm: thread.start,
    quiet: waiting.quiet,
    close: () => (closing ??= end()),
    abandon() {
      closing ??= end()
      refuseSent(toClosed())
    },
  }
}

function collectExtras(questions: readonly Question[]): Map<number, Extra> {
  const extras = new Map<number, Extra>()
  for (const [i, { open, locate, look, own, maxAge, hashed }] of questions.entries())
    if (open || locate || look || own || maxAge !== undefined || hashed)
      extras.set(i, { open, locate, look, own, maxAge, hashed })
  return extras
}

function toClosed(): StorageError {
  return new StorageError('unreachable', 'the storage was closed')
}
