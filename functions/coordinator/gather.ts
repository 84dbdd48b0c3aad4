import type { ListOptions, Page, Storage } from '../storage/storage.ts'
import { MAX_BATCH_WAIT_MS, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import type { Trace } from '../wire/trace.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { Answer } from './compare.ts'
import { type Observer, SILENT } from './observer.ts'
import { DEADLINES, type Deadlines, watchReplica, withDeadline } from './silence.ts'

/** One named holder of copies. */
export interface Replica {
  /** A token of RFC 9651 (see `replicaId` in wire/schemas.ts), unlike every other replica's. */
  readonly id: string
  readonly storage: Storage
}

/** Runs `work` once the host has taken in the requests that have already come: `setImmediate` in Node. */
export type Defer = (work: () => void) => void

/** A replica as the coordinator asks it. */
export interface Member extends Replica {
  /**
   * Asks it for one name. A replica that misses a deadline has not answered, and neither has one that is not asked
   * because it failed several times in a row. Never rejects.
   */
  ask(name: string, trace?: Trace): Promise<Answer>
  /** The same for many names: a promise for each, none of which rejects. They go together. */
  askAll(names: readonly string[], trace?: Trace): Promise<Answer>[]
  /** A page of what it lists, by the same rules: why it gave none is a value. Never rejects. */
  list(options: Omit<ListOptions, 'signal'>): Promise<Page | StorageError>
  readonly breaker: Pick<Breaker, 'state'>
  /** Notes that what it was asked beside that came to an error. */
  onFailed(error: StorageError): void
}

export interface MemberOptions {
  readonly deadlines?: Deadlines | undefined
  /** Lets concurrent questions go together; when absent each goes by itself, as where requests share no work (workerd). */
  readonly defer?: Defer | undefined
  /** One of its own when absent. */
  readonly breaker?: Breaker | undefined
  /** Hears how the replica answers; nobody when absent. */
  readonly observer?: Observer | undefined
}

type Questions = Map<string, Question>

interface Question extends PromiseWithResolvers<Answer> {
  readonly trace: Trace | undefined
}

/** Asks for all of them at once, and calls back when all are answered. */
type Send = (questions: Questions, onDone: () => void) => void

/** A replica as the coordinator asks it. */
export function createMember(replica: Replica, options: MemberOptions = {}): Member {
  const { deadlines = DEADLINES, defer, observer = SILENT, breaker = createBreaker() } = options
  const { id, storage } = replica
  const send: Send = (questions, onDone) => {
    describeAll(replica, questions, { deadlines, observer }, (failure) => {
      breaker.note(failure)
      onDone()
    })
  }
  const askReplica = defer ? gatherQuestions(send, defer) : askAlone(send)

  async function ask(name: string, trace?: Trace): Promise<Answer> {
    const refused = breaker.refuse()
    return refused === null ? await askReplica(name, trace) : { id, said: refused }
  }

  function askAll(names: readonly string[], trace?: Trace): Promise<Answer>[] {
    if (names.length === 0) return []
    const refused = breaker.refuse()
    if (refused !== null) return names.map(async () => ({ id, said: refused }))
    const questions: Questions = new Map(names.map((name) => [name, createQuestion(trace)]))
    send(questions, () => {})
    return [...questions.values()].map(({ promise }) => promise)
  }

  async function list(options: Omit<ListOptions, 'signal'>): Promise<Page | StorageError> {
    const refused = breaker.refuse()
    if (refused !== null) return refused
    const page = await withDeadline(deadlines, (signal) => storage.list({ ...options, signal })).catch(
      toStorageError,
    )
    if (page instanceof StorageError) observer.onFailed(id, page)
    breaker.note(page instanceof StorageError && page.code === 'unreachable' ? page : null)
    return page
  }

  return { id, storage, breaker, ask, askAll, list, onFailed: (error) => observer.onFailed(id, error) }
}

function askAlone(send: Send): Member['ask'] {
  return (name, trace) => {
    const question = createQuestion(trace)
    send(new Map([[name, question]]), () => {})
    return question.promise
  }
}

/**
 * Gathers the questions of concurrent reads into one `describe`, each name once. What is asked while a batch is under
 * way waits for it, so that batches grow with the load, but not longer than `MAX_BATCH_WAIT_MS`: a long hash holds up
 * nobody. A question that was sent is never joined: its answer may be older than the read that comes later.
 */
function gatherQuestions(send: Send, defer: Defer): Member['ask'] {
  let waiting: Questions = new Map()
  let underWay = 0

  function ask(name: string, trace?: Trace): Promise<Answer> {
    const known = waiting.get(name)
    if (known !== undefined) return known.promise
    const question = createQuestion(trace)
    waiting.set(name, question)
    if (waiting.size === MAX_NAMES_PER_DESCRIBE) sendWaiting()
    else if (waiting.size === 1 && underWay === 0) defer(sendWhenFree)
    return question.promise
  }

  function sendWhenFree(): void {
    if (underWay === 0) sendWaiting()
  }

  function sendWaiting(): void {
    if (waiting.size === 0) return
    const questions = waiting
    waiting = new Map()
    underWay++
    const leave = createOnce(() => {
      underWay--
      sendWhenFree()
    })
    const timer = setTimeout(leave, MAX_BATCH_WAIT_MS)
    send(questions, () => {
      clearTimeout(timer)
      leave()
    })
  }

  return ask
}

function createQuestion(trace: Trace | undefined): Question {
  return { ...Promise.withResolvers<Answer>(), trace }
}

function createOnce(run: () => void): () => void {
  let done = false
  return () => {
    if (!done) run()
    done = true
  }
}

/**
 * Answers every question, at the latest when a deadline passes, and then calls `onDone`: with the failure when the
 * replica could not be reached for any of them.
 */
function describeAll(
  { id, storage }: Replica,
  questions: Questions,
  { deadlines, observer }: { readonly deadlines: Deadlines; readonly observer: Observer },
  onDone: (failure: StorageError | null) => void,
): void {
  const start = performance.now()
  const watch = watchReplica(deadlines)
  const open = new Set(questions.values())
  let failure: StorageError | null = null
  let isReached = false

  function answer(question: Question, said: Answer['said']): void {
    if (!open.delete(question)) return
    if (said instanceof StorageError) observer.onFailed(id, said)
    if (said instanceof StorageError && said.code === 'unreachable') failure = said
    else isReached = true
    question.resolve({ id, said })
    if (open.size > 0) return
    watch.stop()
    observer.onAsked(id, performance.now() - start)
    onDone(isReached ? null : failure)
  }

  watch.expired.catch((error) => {
    for (const question of [...open]) answer(question, toStorageError(error))
  })
  const answers = storage.describe([...questions.keys()], {
    signal: watch.signal,
    onProgress: watch.reset,
    trace: findTrace(questions),
  })
  for (const [i, question] of [...questions.values()].entries()) {
    Promise.resolve(answers[i]).then(
      (said) => answer(question, said ?? null),
      (error) => answer(question, toStorageError(error)),
    )
  }
}

/** One of the requests that ask together stands for all of them. */
function findTrace(questions: Questions): Trace | undefined {
  for (const { trace } of questions.values()) if (trace !== undefined) return trace
  return undefined
}

/** Asks all replicas for one name at once: an answer for each, in their order. Never rejects. */
export async function gather(
  members: readonly Member[],
  name: string,
  trace: Trace | undefined,
): Promise<Answer[]> {
  return await Promise.all(members.map((member) => member.ask(name, trace)))
}
