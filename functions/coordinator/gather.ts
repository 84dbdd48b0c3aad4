import type { Storage } from '../storage/storage.ts'
import { MAX_NAMES_PER_DESCRIBE } from '../wire/limits.ts'
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

/** A replica whom concurrent reads ask together. */
export interface Member extends Replica {
  /** Asks it for one name; a replica that is silent for too long has not answered. Never rejects. */
  ask(name: string): Promise<Answer>
}

type Questions = Map<string, PromiseWithResolvers<Answer>>

/**
 * Gathers the questions of concurrent reads into one `describe`, each name once. A question that was sent is never
 * joined: its answer may be older than the read that comes later.
 */
export function createMember({ id, storage }: Replica, defer: Defer): Member {
  let waiting: Questions = new Map()

  function ask(name: string): Promise<Answer> {
    const known = waiting.get(name)
    if (known !== undefined) return known.promise
    const question = Promise.withResolvers<Answer>()
    waiting.set(name, question)
    if (waiting.size === MAX_NAMES_PER_DESCRIBE) send()
    else if (waiting.size === 1) defer(send)
    return question.promise
  }

  function send(): void {
    const questions = waiting
    waiting = new Map()
    if (questions.size > 0) describeAll({ id, storage }, questions)
  }

  return { id, storage, ask }
}

/** Answers every question, at the latest when the replica has been silent for too long. */
function describeAll({ id, storage }: Replica, questions: Questions): void {
  const silence = watchSilence()
  let open = questions.size

  function answer({ resolve }: PromiseWithResolvers<Answer>, said: Answer['said']): void {
    resolve({ id, said })
    if (--open === 0) silence.stop()
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
