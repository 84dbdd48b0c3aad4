import { parentPort, workerData } from 'node:worker_threads'
import { type Message, type Reply, toTrouble } from './messages.ts'

/** What answers the messages of `createThread`. */
interface Program<Question, Answer> {
  /** Answers now or later. The asker receives the error that it throws or rejects with. */
  answer(question: Question, id: number): Answer | Promise<Answer>
  /** The buffers of an answer that move to the asker; all are copied when absent. */
  transfer?(answer: Answer): ArrayBuffer[]
  /** Stops work on a question. Its promise need not settle. */
  cancel?(id: number): void
  /** Gives back what the program holds. Called once, at the end. */
  close?(): void
}

/** Begins a program over the `data` of its thread; it calls `report` for what nobody asked. */
export type CreateProgram<Data, Question, Answer, Event> = (
  data: Data,
  report: (event: Event) => void,
) => Program<Question, Answer>

type Post<Answer, Event> = (reply: Reply<Answer, Event>, transfer?: readonly ArrayBuffer[]) => void

/** Begins a program whose replies go to `post`, and returns what takes its messages. */
export function startProgram<Data, Question, Answer, Event>(
  create: CreateProgram<Data, Question, Answer, Event>,
  data: Data,
  post: Post<Answer, Event>,
): (message: Message<Question>) => void {
  const program = create(data, (event) => post({ event }))

  function answer(id: number, question: Question): void {
    const send = (answer: Answer) => post({ id, answer }, program.transfer?.(answer))
    const fail = (error: unknown) => post({ id, trouble: toTrouble(error) })
    try {
      const result = program.answer(question, id)
      if (result instanceof Promise) result.then(send, fail)
      else send(result)
    } catch (error) {
      fail(error)
    }
  }

  return (message) => {
    if (message === 'close') program.close?.()
    else if ('cancel' in message) program.cancel?.(message.cancel)
    else answer(message.id, message.question)
  }
}

/** Runs a program on the calling thread, which `createThread` launched, until the message to end. */
export function runProgram<Data, Question, Answer, Event>(
  create: CreateProgram<Data, Question, Answer, Event>,
): void {
  // From `createThread`, whose data it is.
  const take = startProgram(create, workerData as Data, (reply, transfer = []) =>
    parentPort?.postMessage(reply, transfer),
  )
  parentPort?.on('message', (message: Message<Question>) => {
    take(message)
    if (message !== 'close') return
    // Deno's port has no `close`, and its threads end at once.
    if (parentPort && 'close' in parentPort) parentPort.close()
    else process.exit()
  })
}
