import { isFresh, notFresh } from '../../storage/facts.ts'
import type { ListOptions, Page, Storage, Work } from '../../storage/storage.ts'
import type { Trace } from '../../wire/fields/trace.ts'
import { BRIEF_MS, GATHER_TURNS, MAX_BATCH_WAIT_MS, MAX_NAMES_PER_DESCRIBE } from '../../wire/limits.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import type { Answer } from '../compare/compare.ts'
import type { Observer } from '../observer.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { DEADLINES, type Deadlines, isTimeout, watchReplica, withDeadline } from './deadlines.ts'

/** One named holder of copies. */
export interface Replica {
  /** A token of RFC 9651 (see `replicaId` in wire/schemas/values.ts), unique among the replicas. */
  readonly id: string
  readonly storage: Storage
}

/** Runs `work` after the host has accepted the requests that have already arrived: `setImmediate` in Node. */
export type Defer = (work: () => void) => void

/** A replica as the coordinator asks it. */
export interface Member extends Replica {
  /** Asks for one name: an error when it is late, its breaker is open or every caller left. Never rejects. */
  ask(name: string, options?: AskOptions): Promise<Answer>
  /** Asks it for many names in one request: a promise for each, none of which rejects. */
  askAll(names: readonly string[], options?: AskOptions): Promise<Answer>[]
  /** Returns a page of what it lists, or by the same rules an error. Never rejects. */
  list(options: ListOptions): Promise<Page | StorageError>
  /** Of reads and audits. */
  readonly breaker: Pick<Breaker, 'state' | 'lastTimeout'>
  /** Of listings, which may take long where reads are quick. */
  readonly listings: Pick<Breaker, 'state'>
  /** Reports an error of any other request to the replica to the observer. */
  onFailed(error: StorageError): void
}

export interface AskOptions {
  readonly trace?: Trace | undefined
  /**
   * Returns a signal that aborts when the caller leaves. The coordinator ends a request to a replica when
   * every caller that waits for it has left. Called only for slow answers, because a signal costs hosts time.
   */
  readonly getSignal?: (() => AbortSignal) | undefined
  /** As in `DescribeOptions`. Facts that do not rest on such a recent reading count as an error. */
  readonly maxAge?: number | undefined
  /** As in `DescribeOptions`. */
  readonly sign?: boolean | undefined
  /**
   * Has `ask` wait `BRIEF_MS` for a replica that let a deadline pass when it was last asked. If it is late
   * again, its answer is the error of that deadline, and its breaker counts no further failure.
   */
  readonly isBrief?: boolean | undefined
}

interface MemberOptions {
  readonly deadlines?: Deadlines | undefined
  /** Batches concurrent questions. Absent where requests share no work (workerd): each is then sent alone. */
  readonly defer?: Defer | undefined
  /** A new one when absent; so is `listings`. */
  readonly breaker?: Breaker | undefined
  readonly listings?: Breaker | undefined
  /** Notified of how the replica answers. */
  readonly observer?: Observer | undefined
}

/** Questions of one request, by name; all have the same `maxAge` and `sign`. */
type Questions = Map<string, Question>

interface Question extends PromiseWithResolvers<Answer> {
  readonly askers: AskOptions[]
}

/** Sends all of them in one request, and calls `onDone` when all are answered. */
type Send = (questions: Questions, onDone: () => void) => void

/**
 * How the questions of one request ended: null when the replica was reached, `left` when every caller left.
 */
type Outcome = StorageError | 'left' | null

/** Adds deadlines, batching and circuit breakers to a replica. */
export function createMember(replica: Replica, options: MemberOptions = {}): Member {
  const { deadlines = DEADLINES, defer, observer } = options
  const { breaker = createBreaker(), listings = createBreaker() } = options
  const { id, storage } = replica
  const send: Send = (questions, onDone) => {
    describeAll(replica, questions, { deadlines, observer }, (outcome) => {
      if (outcome !== 'left') breaker.note(outcome)
      onDone()
    })
  }
  const toAsk = () => (defer ? batchByAge(send, defer) : askAlone(send))
  const [askReplica, askSigner] = [toAsk(), toAsk()]

  function ask(name: string, asker: AskOptions = {}): Promise<Answer> {
    const timeout = asker.isBrief ? breaker.lastTimeout() : null
    if (timeout !== null && breaker.state() !== 'open') return askBriefly(name, asker, timeout)
    const refused = breaker.check()
    if (refused !== null) return Promise.resolve({ id, said: refused })
    return asker.sign ? askSigner(name, asker) : askReplica(name, asker)
  }

  /** Asks in a request of its own, which ends after `BRIEF_MS` of silence; `timeout` is then the answer. */
  async function askBriefly(name: string, asker: AskOptions, timeout: StorageError): Promise<Answer> {
    const question = createQuestion(asker)
    const brief = { ...deadlines, silence: Math.min(BRIEF_MS, deadlines.silence) }
    describeAll(replica, new Map([[name, question]]), { deadlines: brief, observer }, (outcome) => {
      if (outcome === null) breaker.note(null)
    })
    const answer = await question.promise
    return isTimeout(answer.said) ? { id, said: timeout } : answer
  }

  function askAll(names: readonly string[], asker: AskOptions = {}): Promise<Answer>[] {
    if (names.length === 0) return []
    const refused = breaker.check()
    if (refused !== null) return names.map(async () => ({ id, said: refused }))
    const questions: Questions = new Map(names.map((name) => [name, createQuestion(asker)]))
    send(questions, () => {})
    return [...questions.values()].map(({ promise }) => promise)
  }

  async function list({ signal, ...options }: ListOptions): Promise<Page | StorageError> {
    const refused = listings.check()
    if (refused !== null) return refused
    const page = await withDeadline(deadlines, (expired) =>
      storage.list({ ...options, signal: signal ? AbortSignal.any([expired, signal]) : expired }),
    ).catch(toStorageError)
    if (signal?.aborted) return toLeft()
    if (page instanceof StorageError) observer?.onFailed(id, page)
    listings.note(page instanceof StorageError && page.code === 'unreachable' ? page : null)
    return page
  }

  const onFailed = (error: StorageError) => observer?.onFailed(id, error)
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

/** Batches by `maxAge`, so that a read never gets an answer to a looser question. */
function batchByAge(send: Send, defer: Defer): AskReplica {
  const ofAny = batchQuestions(send, defer)
  const byAge = new Map<number, AskReplica>()
  return (name, asker) => {
    const { maxAge } = asker
    if (maxAge === undefined) return ofAny(name, asker)
    const ask = byAge.get(maxAge) ?? batchQuestions(send, defer, () => byAge.delete(maxAge))
    byAge.set(maxAge, ask)
    return ask(name, asker)
  }
}

/**
 * Batches the questions of concurrent reads into one `describe`, each name once. Questions asked while a
 * batch is under way wait for it, so that batches grow with the load, but for `MAX_BATCH_WAIT_MS` at most, so
 * that a long hash does not delay the rest. They also wait for the next reads of the clients that the batch
 * answered, for `GATHER_TURNS`. A question already sent is never joined, because its answer may be older than
 * a later read. Calls `onIdle` when no question waits or is under way.
 */
function batchQuestions(send: Send, defer: Defer, onIdle: () => void = () => {}): AskReplica {
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

  function sendAfter(turns: number): void {
    if (turns === 0) sendWhenFree()
    else defer(() => sendAfter(turns - 1))
  }

  function sendWaiting(): void {
    if (waiting.size === 0) return
    const questions = waiting
    waiting = new Map()
    underWay++
    let hasLeft = false
    const leave = (turns: number) => {
      if (hasLeft) return
      hasLeft = true
      underWay--
      if (waiting.size > 0) sendAfter(turns)
      else if (underWay === 0) onIdle()
    }
    const timer = setTimeout(leave, MAX_BATCH_WAIT_MS, 0)
    send(questions, () => {
      clearTimeout(timer)
      leave(GATHER_TURNS)
    })
  }

  return ask
}

function createQuestion(asker: AskOptions): Question {
  return { ...Promise.withResolvers<Answer>(), askers: [asker] }
}

/**
 * Answers every question, at the latest when a deadline passes or every caller has left, then calls `onDone`:
 * with the failure when the replica was unreachable for all of them, with `left` when none was answered.
 */
function describeAll(
  { id, storage }: Replica,
  questions: Questions,
  { deadlines, observer }: { readonly deadlines: Deadlines; readonly observer: Observer | undefined },
  onDone: (outcome: Outcome) => void,
): void {
  const start = performance.now()
  const watch = watchReplica(deadlines)
  const open = new Set(questions.values())
  let failure: Exclude<Outcome, null> = 'left'
  let leaving: ReturnType<typeof watchAskers> | undefined
  let isReached = false

  function answer(question: Question, said: Answer['said']): void {
    if (!open.delete(question)) return
    if (said instanceof StorageError) observer?.onFailed(id, said)
    if (said instanceof StorageError && said.code === 'unreachable') failure = said
    else isReached = true
    question.resolve({ id, said })
    if (open.size > 0) {
      leaving?.look()
      return
    }
    watch.stop()
    leaving?.stop()
    observer?.onAsked(id, performance.now() - start)
    onDone(isReached ? null : failure)
  }

  /** Ends the request after every caller has left. */
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
  const [first] = questions.values()
  const { maxAge, sign } = first?.askers[0] ?? {}
  const asked = { signal: watch.signal, maxAge, sign, onProgress, trace: findTrace(questions) }
  const answers = storage.describe([...questions.keys()], asked)
  for (const [i, question] of [...questions.values()].entries()) {
    Promise.resolve(answers[i]).then(
      (said) => answer(question, said && !isFresh(said, maxAge) ? notFresh() : (said ?? null)),
      (error) => answer(question, toStorageError(error)),
    )
  }
}

/** The first trace of a caller, which the request carries for all of them. */
function findTrace(questions: Questions): Trace | undefined {
  for (const { askers } of questions.values())
    for (const { trace } of askers) if (trace !== undefined) return trace
  return undefined
}

/** Calls `onLeft` once every caller of an `open` question has left; `look` checks now, `stop` must follow. */
function watchAskers(open: ReadonlySet<Question>, onLeft: () => void) {
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
