import type { Facts } from '../storage/storage.ts'
import { isFacts } from '../storage/survey.ts'
import { MAX_SUSPECTS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Answer, Version } from './compare.ts'

/** The copies whose bytes have contradicted their digest. */
export interface Suspects {
  /** Notes that the replica `id` gave other bytes than those of `version`. */
  add(id: string, version: Version, name: string): void
  /** How many copies of the replica `id` are known to be corrupt. */
  count(id: string): number
  /** The answers, those of a copy that still claims what its bytes contradicted turned to `integrity` errors. */
  judge(answers: Answer[], name: string): Answer[]
}

/** Remembers the last `MAX_SUSPECTS`, until they claim another content. Each is told to `onAdd` when it is new. */
export function createSuspects(onAdd: (id: string, name: string) => void = () => {}): Suspects {
  const known = new Set<string>()
  const toKey = (id: string, name: string, { digest, size }: Pick<Facts, 'digest' | 'size'>) =>
    `${id} ${digest} ${size} ${name}`

  function judgeOne(answer: Answer, name: string): Answer {
    const { id, said } = answer
    if (!isFacts(said) || !known.has(toKey(id, name, said))) return answer
    return { id, said: new StorageError('integrity', 'the bytes contradicted their digest') }
  }

  return {
    count: (id) => [...known].filter((key) => key.startsWith(`${id} `)).length,
    add(id, version, name) {
      const key = toKey(id, name, version)
      if (!known.has(key)) onAdd(id, name)
      known.add(key)
      for (const oldest of known) {
        if (known.size <= MAX_SUSPECTS) return
        known.delete(oldest)
      }
    },
    judge: (answers, name) => (known.size === 0 ? answers : answers.map((answer) => judgeOne(answer, name))),
  }
}
