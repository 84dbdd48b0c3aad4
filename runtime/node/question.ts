import { close } from 'node:fs'
import type { DescribeOptions, Work } from '../../functions/storage/storage.ts'
import type { Hashed, Held, OpenWanted } from './disk-messages.ts'
import type { Located } from './located.ts'
import type { RootLook } from './root-guard.ts'

/** What is asked of one name, which is valid: facts, or to be opened. */
export interface Wanted {
  readonly name: string
  readonly open?: OpenWanted | undefined
  /** See `Extra`. */
  readonly locate?: boolean | undefined
  readonly look?: boolean | undefined
  readonly own?: boolean | undefined
  /** As in `DescribeOptions`. */
  readonly maxAge?: number | undefined
}

/** What comes back: null for no such file. */
export type Answered = Held | Located | RootLook | null

/** What holds for all questions that were asked at once. */
export interface AskOptions {
  readonly signal?: AbortSignal | undefined
  /** Called now and then while one of them is worked on, or waits for those before it. */
  readonly onProgress?: DescribeOptions['onProgress']
  /** Whether they give way to all others. */
  readonly background?: boolean | undefined
}

/** One question on its way; it ends once, answered, refused or withdrawn. */
export interface Question extends Wanted {
  readonly options: AskOptions
  /** By `performance.now()`. */
  readonly askedAt: number
  /** How many times its file was hashed for it. */
  attempts: number
  /** What that gave the last time, to be compared with what is there now. */
  hashed: Hashed | undefined
  /** Whether it waits for its file to be hashed. */
  isHashing: boolean
  isEnded: boolean
  /** When it has ended already, this closes what was opened for it. */
  resolve(answer: Answered): void
  reject(error: unknown): void
}

/**
 * Questions, and a promise for the answer to each. When the signal aborts, those that are open are rejected with its
 * reason. `onEnd` is called once for each.
 */
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
    // What is asked of a name decides what is answered.
    const settle = (answer: Answered) => resolve(answer as T)
    questions.push(createQuestion(one, options, { resolve: settle, reject, end }))
    return promise
  })
  if (signal?.aborted) withdraw()
  else if (open > 0) signal?.addEventListener('abort', withdraw)
  return { questions, promises }
}

interface Settle {
  resolve(answer: Answered): void
  reject(error: unknown): void
  end(question: Question): void
}

function createQuestion(
  { name, open, locate, look, own, maxAge }: Wanted,
  options: AskOptions,
  settle: Settle,
): Question {
  const question: Question = {
    name,
    open,
    locate,
    look,
    own,
    maxAge,
    options,
    askedAt: performance.now(),
    attempts: 0,
    hashed: undefined,
    isHashing: false,
    isEnded: false,
    resolve(answer) {
      if (question.isEnded) return closeOpened(answer)
      question.isEnded = true
      settle.end(question)
      settle.resolve(answer)
    },
    reject(error) {
      if (question.isEnded) return
      question.isEnded = true
      settle.end(question)
      settle.reject(error)
    },
  }
  return question
}

/** Closes what was opened for somebody who does not want it any more. */
export function closeOpened(answer: Answered): void {
  if (answer !== null && 'opened' in answer && answer.opened) close(answer.opened.fd)
}

/** Reports to those who wait, to each call once, what the store has done. */
export function tellProgress(questions: Iterable<Question>, work: Work): void {
  const calls = new Set<AskOptions>()
  for (const { options, isEnded } of questions) if (!isEnded) calls.add(options)
  for (const { onProgress } of calls) onProgress?.(work)
}
