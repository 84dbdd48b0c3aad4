import { extname } from 'node:path'
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { closedError } from '../../../functions/wire/errors.ts'
import { THREAD_LIMITS } from '../limits.ts'
import { fromTrouble, type Message, type Reply } from './messages.ts'
import { type CreateProgram, startProgram } from './program.ts'

/**
 * A thread that answers questions, by the program that it runs (see `runProgram`). The first question
 * launches it. It keeps the process alive only while it has questions to answer. When it crashes, those
 * questions are rejected with its error, and the next one launches it again.
 */
export interface Thread<Question, Answer> {
  /** Rejects with the program's error, `unreachable` once closed, or `signal`'s reason, which cancels it. */
  ask(question: Question, signal?: AbortSignal): Promise<Answer>
  /** Launches the thread, for questions that are about to come. */
  start(): void
  /** Rejects the questions under way. The thread works on. */
  refuse(error: unknown): void
  /** Takes no more questions, and resolves when the thread has answered those under way and has ended. */
  close(): Promise<void>
}

interface ThreadOptions<Data, Question, Answer, Event> {
  readonly data?: Data
  /** Loads the program to run on the calling thread, which launches no other then. */
  readonly here?: (() => Promise<CreateProgram<Data, Question, Answer, Event>>) | undefined
  /** Of its heap; `THREAD_LIMITS` when absent. */
  readonly limits?: ResourceLimits
  /** Whether descriptors pass between it and other threads: they then stay open when it ends. */
  readonly sharesDescriptors?: boolean
  /** Called with what the program reports. */
  readonly onEvent?: (event: Event) => void
  /** Called after a crash has rejected the questions under way. */
  readonly onCrash?: (error: unknown) => void
}

/** A question under way. */
interface Asked<Answer> extends PromiseWithResolvers<Answer> {
  /** Unique, so that the answer to a question that was cancelled is not taken for another's. */
  readonly id: number
}

/** What runs a program: a thread, or the calling one. */
interface Runner<Question> {
  postMessage(message: Message<Question>): void
  /** Whether it keeps the process alive. */
  ref(): void
  unref(): void
  /** Ends the program, and resolves when it has ended. */
  end(): Promise<void>
}

/** Creates a thread that runs `program`, the name of a module beside this one. Its creator closes it. */
export function createThread<Question, Answer, Event = never, Data = unknown>(
  program: string,
  options: ThreadOptions<Data, Question, Answer, Event> = {},
): Thread<Question, Answer> {
  const { here, onEvent, onCrash } = options
  // Not a Map: V8 would keep what its deleted entries held, with their reads, until the next full collection.
  const asked: Asked<Answer>[] = []
  let questions = 0
  let worker: Runner<Question> | null = null
  let closing: Promise<void> | undefined

  function onReply(reply: Reply<Answer, Event>): void {
    if ('event' in reply) return void onEvent?.(reply.event)
    const question = take(reply.id)
    if ('trouble' in reply) question?.reject(fromTrouble(reply.trouble))
    else question?.resolve(reply.answer)
  }

  function onError(error: unknown): void {
    worker = null
    refuse(error)
    onCrash?.(error)
  }

  function launch(): Runner<Question> {
    // Undefined only where that is the type.
    if (here !== undefined) return runHere(here, options.data as Data, onReply)
    return launchWorker(program, options, onReply, onError)
  }

  /** The question that ends now; undefined when it has ended already. */
  function take(id: number): Asked<Answer> | undefined {
    const at = asked.findIndex((question) => question.id === id)
    const [question] = at === -1 ? [] : asked.splice(at, 1)
    if (asked.length === 0 && !closing) worker?.unref()
    return question
  }

  function refuse(error: unknown): void {
    for (const { id } of [...asked]) take(id)?.reject(error)
  }

  function post(message: Message<Question>): void {
    worker ??= launch()
    worker.postMessage(message)
  }

  async function ask(question: Question, signal?: AbortSignal): Promise<Answer> {
    if (closing) throw closedError()
    signal?.throwIfAborted()
    const id = questions++
    const answer = { id, ...Promise.withResolvers<Answer>() }
    post({ id, question })
    if (asked.length === 0) worker?.ref()
    asked.push(answer)
    const cancel = () => {
      if (take(id) === undefined) return
      worker?.postMessage({ cancel: id } satisfies Message<Question>)
      answer.reject(signal?.reason)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await answer.promise
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  async function end(): Promise<void> {
    if (worker === null) return
    await worker.end()
    refuse(closedError())
  }

  return {
    ask,
    start() {
      if (!closing) worker ??= launch()
    },
    refuse,
    close: () => (closing ??= end()),
  }
}

function launchWorker<Question, Answer, Event>(
  program: string,
  {
    data,
    limits = THREAD_LIMITS,
    sharesDescriptors = false,
  }: Omit<ThreadOptions<unknown, Question, Answer, Event>, 'here'>,
  onReply: (reply: Reply<Answer, Event>) => void,
  onError: (error: unknown) => void,
): Runner<Question> {
  const worker = new Worker(toProgram(program), {
    workerData: data,
    // Those of the process include some, such as --input-type, that a thread refuses.
    execArgv: [],
    resourceLimits: limits,
    trackUnmanagedFds: !sharesDescriptors,
  })
  worker.on('message', onReply)
  worker.on('error', onError)
  worker.unref()
  return {
    postMessage: (message) => worker.postMessage(message),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    async end() {
      const gone = new Promise((resolve) => worker.once('exit', resolve))
      worker.ref()
      worker.postMessage('close')
      await gone
    },
  }
}

function runHere<Data, Question, Answer, Event>(
  load: () => Promise<CreateProgram<Data, Question, Answer, Event>>,
  data: Data,
  onReply: (reply: Reply<Answer, Event>) => void,
): Runner<Question> {
  const taking = load().then((create) => startProgram(create, data, onReply))
  const post = async (message: Message<Question>) => (await taking)(message)
  return {
    postMessage: (message) => void post(message),
    ref() {},
    unref() {},
    end: () => post('close'),
  }
}

/** The URL of a program, which is source here and JavaScript after a build. */
function toProgram(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url)
}
