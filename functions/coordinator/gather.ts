import { isFresh, notFresh } from '../storage/freshness.ts'
import type { ListOptions, Page, Storage, Work } from '../storage/storage.ts'
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
   * because it failed several times in a row, nor one whose answer nobody waits for any more. Never rejects.
   */
  ask(name: string, options?: AskOptions): Promise<Answer>
  /** The same for many names: a promise for each, none of which rejects. They go together. */
  askAll(names: readonly string[], options?: AskOptions): Promise<Answer>[]
  /** A page of what it lists, by the same rules: why it gave none is a value. Never rejects. */
  list(options: ListOptions): Promise<Page | StorageError>
  /** Of reads and audits. */
  readonly breaker: Pick<Breaker, 'state'>
  /** Of listings, which may take long where reads do not. */
  readonly listings: Pick<Breaker, 'state'>
  /** Notes that what it was asked beside that came to an error. */
  onFailed(error: StorageError): void
}

export interface AskOptions {
  readonly trace?: Trace | undefined
  /**
   * Gives a signal that aborts when the asker leaves. When all who wait for the answers of one request to the replica
   * have left, so has the coordinator. It is called only where an answer takes long: hosts make a signal at a cost.
   */
  readonly getSignal?: (() => AbortSignal) | undefined
  /** As in `DescribeOptions`. Facts that do not rest on such a reading count as an error. */
  readonly maxAge?: number | undefined
}

export interface MemberOptions {
  readonly deadlines?: Deadlines | undefined
  /** Lets concurrent questions go together; when absent each goes by itself, as where requests share no work (workerd). */
  readonly defer?: Defer | undefined
  /** Two of its own when absent. */
  readonly breaker?: Breaker | undefined
  readonly listings?: Breaker | undefined
  /** Hears how the replica answers; nobody when absent. */
  readonly observer?: Observer | undefined
}

/** Questions that go together, by their names; all of them have one `maxAge`. */
type Questions = Map<string, Question>

interface Question extends PromiseWithResolvers<Answer> {
  readonly askers: AskOptions[]
}

/** Asks for all of them at once, and calls back when all are answered. */
type Send = (questions: Questions, onDone: () => void) => void

/** A replica as the coordinator asks it. */
export function createMember(replica: Replica, options: MemberOptions = {}): Member {
  const { deadlines = DEADLINES, defer, observer = SILENT } = options
  const { breaker = createBreaker(), listings = createBreaker() } = options
  const { id, storage } = replica
  const send: Send = (questions, onDone) => {
    describeAll(replica, questions, { deadlines, observer }, (outcome) => {
      if (outcome !== 'left') breaker.note(outcome)
      onDone()
    })
  }
  const askReplica = defer ? gatherByAge(send, defer) : askAlone(send)

  async function ask(name: string, asker: AskOptions = {}): Promise<Answer> {
    const refused = breaker.refuse()
    return refused === null ? await askReplica(name, asker) : { id, said: refused }
  }

  function askAll(names: readonly string[], asker: AskOptions = {}): Promise<Answer>[] {
    if (names.length === 0) return []
    const refused = breaker.refuse()
    if (refused !== null) return names.map(async () => ({ id, said: refused }))
    const questions: Questions = new Map(names.map((name) => [name, createQuestion(asker)]))
    send(questions, () => {})
    return [...questions.values()].map(({ promise }) => promise)
  }

  async function list({ signal, ...options }: ListOptions): Promise<Page | StorageError> {
    const refused = listings.refuse()
    if (refused !== null) return refused
    const page = await withDeadline(deadlines, (expired) =>
      storage.list({ ...options, signal: signal ? AbortSignal.any([expired, signal]) : expired }),
    ).catch(toStorageError)
    if (signal?.aborted) return toLeft()
    if (page instanceof StorageError) observer.onFailed(id, page)
    listings.note(page instanceof StorageError && page.code === 'unreachable' ? page : null)
    return page
  }

  const onFailed = (error: StorageError) => observer.onFailed(id, error)
  return { id, storage, breaker, listings, ask, askAll, list, onFailed }
}

function toLeft(): StorageError {
  return new StorageError('unreachable', 'the client left before the replica answered')
}

type AskReplica = (name: string, asker: AskOptions) => Promise<Answer>

function askAlone(send: Send): AskReplica {
  return (name, asker) => {
    const question = createQuestion(asker)
    send(new Map([[name, question]]), () => {})
    return question.promise
  }
}

/**
 * Gathers the questions of concurrent reads as `gatherQuestions` does, those of each `maxAge` by themselves: a read never
 * gets an answer to a question with a looser one.
 */
function gatherByAge(send: Send, defer: Defer): AskReplica {
  const ofAny = gatherQuestions(send, defer)
  const byAge = new Map<number, AskReplica>()
  return (name, asker) => {
    const { maxAge } = asker
    if (maxAge === undefined) return ofAny(name, asker)
    const ask = byAge.get(maxAge) ?? gatherQuestions(send, defer, () => byAge.delete(maxAge))
    byAge.set(maxAge, ask)
    return ask(name, asker)
  }
}

/**
 * Gathers the questions of concurrent reads into one `describe`, each name once. What is asked while a batch is under
 * way waits for it, so that batches grow with the load, but not longer than `MAX_BATCH_WAIT_MS`: a long hash does
 * not delay the rest. A question that was sent is never joined: its answer may be older than a later read. Calls
 * `onIdle` when nothing waits or is under way any more.
 */
function gatherQuestions(send: Send, defer: Defer, onIdle: () => void = () => {}): AskReplica {
  let waiting: Questions = new Map()
  let underWay = 0

  function ask(name: string, asker: AskOptions): Promise<Answer> {
    const known = waiting.get(name)
    if (known !== undefined) {
      known.askers.push(asker)
      return known.promise
    }
    const question = createQuestion(asker)
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
      if (underWay === 0) onIdle()
    })
    const timer = setTimeout(leave, MAX_BATCH_WAIT_MS)
    send(questions, () => {
      clearTimeout(timer)
      leave()
    })
  }

  return ask
}

function createQuestion(asker: AskOptions): Question {
  return { ...Promise.withResolvers<Answer>(), askers: [asker] }
}

function createOnce(run: () => void): () => void {
  let done = false
  return () => {
    if (!done) run()
    done = true
  }
}

/**
 * Answers every question, at the latest when a deadline passes or nobody waits for any of them, and then calls `onDone`:
 * with the failure when the replica could not be reached for any of them, and `left` when none was answered.
 */
function describeAll(
  { id, storage }: Replica,
  questions: Questions,
  { deadlines, observer }: { readonly deadlines: Deadlines; readonly observer: Observer },
  onDone: (outcome: StorageError | 'left' | null) => void,
): void {
  const start = performance.now()
  const watch = watchReplica(deadlines)
  const open = new Set(questions.values())
  let failure: StorageError | 'left' = 'left'
  let leaving: Askers | undefined
  let isReached = false

  function answer(question: Question, said: Answer['said']): void {
    if (!open.delete(question)) return
    if (said instanceof StorageError) observer.onFailed(id, said)
    if (said instanceof StorageError && said.code === 'unreachable') failure = said
    else isReached = true
    question.resolve({ id, said })
    if (open.size > 0) {
      leaving?.look()
      return
    }
    watch.stop()
    leaving?.stop()
    observer.onAsked(id, performance.now() - start)
    onDone(isReached ? null : failure)
  }

  /** Once nobody waits for any of the answers any more, the replica is left. */
  function leave(): void {
    const error = toLeft()
    for (const question of open) question.resolve({ id, said: error })
    open.clear()
    leaving?.stop()
    watch.stop()
    watch.abort(error)
    onDone(isReached ? null : failure)
  }

  function onProgress(work: Work): void {
    watch.note(work)
    leaving ??= watchAskers(open, leave)
    leaving.look()
  }

  watch.expired.catch((error) => {
    for (const question of [...open]) answer(question, toStorageError(error))
  })
  const maxAge = findMaxAge(questions)
  const answers = storage.describe([...questions.keys()], {
    signal: watch.signal,
    maxAge,
    onProgress,
    trace: findTrace(questions),
  })
  for (const [i, question] of [...questions.values()].entries()) {
    Promise.resolve(answers[i]).then(
      (said) => answer(question, said && !isFresh(said, maxAge) ? notFresh() : (said ?? null)),
      (error) => answer(question, toStorageError(error)),
    )
  }
}

/** One of the requests that ask together stands for all of them. */
function findTrace(questions: Questions): Trace | undefined {
  for (const { askers } of questions.values())
    for (const { trace } of askers) if (trace !== undefined) return trace
  return undefined
}

function findMaxAge(questions: Questions): number | undefined {
  for (const { askers } of questions.values()) return askers[0]?.maxAge
  return undefined
}

/** Those who wait for the answers to questions. */
interface Askers {
  /** Calls `onLeft` if all have left who wait for an answer. */
  look(): void
  /** Whoever starts to watch them stops it. */
  stop(): void
}

/** Calls `onLeft` once all have left who wait for an answer to one of the questions that are `open` by then. */
function watchAskers(open: ReadonlySet<Question>, onLeft: () => void): Askers {
  const stop = new AbortController()
  const waiting = new Map(
    [...open].map((question) => [question, question.askers.map(({ getSignal }) => getSignal?.())]),
  )
  const hasLeft = (question: Question) => waiting.get(question)?.every((signal) => signal?.aborted) === true
  const look = () => {
    for (const question of open) if (!hasLeft(question)) return
    if (open.size > 0) onLeft()
  }
  for (const signal of [...waiting.values()].flat())
    signal?.addEventListener('abort', look, { once: true, signal: stop.signal })
  return { look, stop: () => stop.abort() }
}

/** Asks all replicas for one name at once: an answer for each, in their order. Never rejects. */
export async function gather(
  members: readonly Member[],
  name: string,
  options: AskOptions,
): Promise<Answer[]> {
  return await Promise.all(members.map((member) => member.ask(name, options)))
}
