import { close } from 'node:fs'
import type { Pace } from '../../../functions/bytes/pace.ts'
import type { DescribeOptions, Work } from '../../../functions/storage/storage.ts'
import { MAX_BATCH_NAMES, QUEUE_PROGRESS_MS } from '../limits.ts'
import type { Located } from '../mounts/located.ts'
import type { RootLook } from '../mounts/root-guard.ts'
import type { Extra, Hashed, Held } from './disk-messages.ts'

/** What is asked of one valid name: facts, and `extra`. */
export interface Wanted {
  readonly name: string
  readonly extra?: Extra | undefined
}

/** An answer; null for no such file. */
export type Answered = Held | Located | RootLook | null

/** Options of all questions that were asked at once. */
export interface AskOptions {
  readonly signal?: AbortSignal | undefined
  /** Called now and then while one of them is worked on, or waits for others. */
  readonly onProgress?: DescribeOptions['onProgress']
  /** Whether they give way to all others. */
  readonly background?: boolean | undefined
  /** As in `DescribeOptions`, for large files; whoever asks for small ones waits after each. */
  readonly pace?: Pace | undefined
}

/** One question. It ends once: answered, rejected or withdrawn. */
export interface Question extends Wanted {
  readonly options: AskOptions
  /** By `performance.now()`. */
  readonly askedAt: number
  /** How many times its file was hashed for it. */
  attempts: number
  /** What the last hashing found, to compare with the file as it is now. */
  hashed: Hashed | undefined
  isHashing: boolean
  isEnded: boolean
  /** Closes what was opened for it when it has ended already. */
  resolve(answer: Answered): void
  reject(error: unknown): void
}

/** Creates questions and promises. Aborting rejects the open ones with its reason. Calls `onEnd` for each. */
export function createQuestions<T extends Answered>(
  wanted: readonly Wanted[],
  options: AskOptions,
  onEnd: (question: Question) => void,
): { readonly questions: readonly Question[]; readonly promises: Promise<T>[] } {
  const { signal } = options
  const questions: Question[] = []
  let open = wanted.length

  function withdraw(): void {
    for (const question of questions) question.reject(signal?.reason)
  }

  function end(question: Question): void {
    if (--open === 0) signal?.removeEventListener('abort', withdraw)
    onEnd(question)
  }

  const promises = wanted.map((one) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    // The kind of question decides the kind of answer.
    const settle = (answer: Answered) => resolve(answer as T)
    questions.push(createQuestion(one, options, { resolve: settle, reject, end }))
    return promise
  })
  if (signal?.aborted) withdraw()
  else if (open > 0) signal?.addEventListener('abort', withdraw)
  return { questions, promises }
}

interface Settle extends Pick<Question, 'resolve' | 'reject'> {
  end(question: Question): void
}

function createQuestion(wanted: Wanted, options: AskOptions, settle: Settle): Question {
  function end(): boolean {
    if (question.isEnded) return false
    question.isEnded = true
    settle.end(question)
    return true
  }

  const question: Question = {
    ...wanted,
    options,
    askedAt: performance.now(),
    attempts: 0,
    hashed: undefined,
    isHashing: false,
    isEnded: false,
    resolve(answer) {
      if (end()) settle.resolve(answer)
      else closeOpened(answer)
    },
    reject(error) {
      if (end()) settle.reject(error)
    },
  }
  return question
}

export function closeOpened(answer: Answered): void {
  if (answer !== null && 'opened' in answer && answer.opened) close(answer.opened.fd)
}

/** Reports work that the store has done to each call of these questions, once. */
export function reportProgress(questions: Iterable<Question>, work: Work): void {
  const calls = new Set<AskOptions>()
  for (const { options, isEnded } of questions) if (!isEnded) calls.add(options)
  for (const { onProgress } of calls) onProgress?.(work)
}

export type QuestionQueue = ReturnType<typeof createQuestionQueue>

/** Questions that are not on their way yet, those of the background last. */
export function createQuestionQueue() {
  let foreground: Question[] = []
  let background: Question[] = []
  let reportedAt = 0
  let done = 0

  return {
    add: (question: Question) => void (question.options.background ? background : foreground).push(question),
    /** The next batch, all of the background or none; empty when no question waits. */
    take(): Question[] {
      for (const queue of [foreground, background]) {
        while (queue.length > 0) {
          const open = queue.splice(0, MAX_BATCH_NAMES).filter(({ isEnded }) => !isEnded)
          if (open.length > 0) return open
        }
      }
      return []
    },
    takeAll(): Question[] {
      const all = [...foreground, ...background]
      foreground = []
      background = []
      return all
    },
    /** Reports to the callers that wait how many questions before theirs were answered, now and then. */
    reportAnswered(count: number): void {
      done += count
      if (foreground.length === 0 || performance.now() - reportedAt < QUEUE_PROGRESS_MS) return
      reportedAt = performance.now()
      reportProgress(foreground, { done })
      done = 0
    },
  }
}

export function createOpenCount() {
  let open = 0
  let idle = Promise.withResolvers<void>()

  return {
    add(count: number): void {
      open += count
    },
    remove(): void {
      if (--open > 0) return
      idle.resolve()
      idle = Promise.withResolvers()
    },
    /** Resolves when no question is open. */
    async quiet(): Promise<void> {
      if (open > 0) await idle.promise
    },
  }
}
