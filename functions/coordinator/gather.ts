import type { Storage } from '../storage/storage.ts'
import { MAX_BATCH_WAIT_MS, MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
import { toStorageError } from '../wire/trouble.ts'
import type { Answer } from './compare.ts'
import { watchSilence } from './silence.ts'

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
  /** Asks it for one name; a replica that is silent for too long has not answered. Never rejects. */
  ask(name: string): Promise<Answer>
}

type Questions = Map<string, PromiseWithResolvers<Answer>>

/** A replica whom every read asks by itself: as it must where requests share no work (workerd). */
export function createMember({ id, storage }: Replica): Member {
  return {
    id,
    storage,
    ask(name) {
      const question = Promise.withResolvers<Answer>()
      describeAll({ id, storage }, new Map([[name, question]]), () => {})
      return question.promise
    },
  }
}

/**
 * Gathers the questions of concurrent reads into one `describe`, each name once. What is asked while a batch is under
 * way waits for it, so that batches grow with the load, but not longer than `MAX_BATCH_WAIT_MS`: a long hash holds up
 * nobody. A question that was sent is never joined: its answer may be older than the read that comes later.
 */
export function createGatheringMember({ id, storage }: Replica, defer: Defer): Member {
  let waiting: Questions = new Map()
  let underWay = 0

  function ask(name: string): Promise<Answer> {
    const known = waiting.get(name)
    if (known !== undefined) return known.promise
    const question = Promise.withResolvers<Answer>()
    waiting.set(name, question)
    if (waiting.size === MAX_NAMES_PER_DESCRIBE) send()
    else if (waiting.size === 1 && underWay === 0) defer(sendWhenFree)
    return question.promise
  }

  function sendWhenFree(): void {
    if (underWay === 0) send()
  }

  function send(): void {
    if (waiting.size === 0) return
    const questions = waiting
    waiting = new Map()
    underWay++
    const leave = createOnce(() => {
      underWay--
      sendWhenFree()
    })
    const timer = setTimeout(leave, MAX_BATCH_WAIT_MS)
    describeAll({ id, storage }, questions, () => {
      clearTimeout(timer)
      leave()
    })
  }

  return { id, storage, ask }
}

function createOnce(run: () => void): () => void {
  let done = false
  return () => {
    if (!done) run()
    done = true
  }
}

/** Answers every question, at the latest when the replica has been silent for too long, and then calls `onDone`. */
function describeAll({ id, storage }: Replica, questions: Questions, onDone: () => void): void {
  const silence = watchSilence()
  let open = questions.size

  function answer({ resolve }: PromiseWithResolvers<Answer>, said: Answer['said']): void {
    resolve({ id, said })
    if (--open > 0) return
    silence.stop()
    onDone()
  }

  silence.expired.catch((error) => {
    for (const { resolve } of questions.values()) resolve({ id, said: toStorageError(error) })
  })
  const names = [...questions.keys()]
  const answers = storage.describe(names, { signal: silence.signal, onProgress: silence.reset })
  for (const [i, question] of [...questions.values()].entries()) {
    Promise.resolve(answers[i]).then(
      (said) => answer(question, said ?? null),
      (error) => answer(question, toStorageError(error)),
    )
  }
}

/** Asks all replicas for one name at once: an answer for each, in their order. Never rejects. */
export async function gather(members: readonly Member[], name: string): Promise<Answer[]> {
  return await Promise.all(members.map((member) => member.ask(name)))
}
