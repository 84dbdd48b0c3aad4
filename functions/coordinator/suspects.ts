import { compareNames } from '../storage/names.ts'
import type { Facts } from '../storage/storage.ts'
import { isFacts, isWithin, type Range } from '../storage/survey.ts'
import { MAX_SUSPECTS } from '../wire/limits.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Answer, Version } from './compare.ts'

/** The copies whose bytes have contradicted their digest. */
export interface Suspects {
  /** Notes that the replica `id` gave other bytes than those of `version`. */
  add(id: string, version: Version, name: string): void
  /** How many copies of the replica `id` are known to be corrupt. */
  count(id: string): number
  /** Whether a copy of a name of this range is among them. */
  isAnyIn(range: Range): boolean
  /** The answers, those of a copy that still claims what its bytes contradicted turned to `integrity` errors. */
  judge(answers: Answer[], name: string): Answer[]
}

/**
 * Remembers the last `MAX_SUSPECTS`, each until it claims another content, or another time: then somebody wrote it anew.
 * Each is told to `onAdd` when it is new.
 */
export function createSuspects(onAdd: (id: string, name: string) => void = () => {}): Suspects {
  const known = new Map<string, Suspect>()
  const toKey = (id: string, name: string, { digest, size }: Pick<Facts, 'digest' | 'size'>) =>
    `${id} ${digest} ${size} ${name}`

  function judgeOne(answer: Answer, name: string): Answer {
    const { id, said } = answer
    const key = isFacts(said) ? toKey(id, name, said) : ''
    const suspect = known.get(key)
    if (suspect === undefined || !isFacts(said)) return answer
    if (suspect.second === undefined || suspect.second === toSecond(said.modified)) {
      return { id, said: new StorageError('integrity', 'the bytes contradicted their digest') }
    }
    known.delete(key)
    return answer
  }

  return {
    count: (id) => [...known.keys()].filter((key) => key.startsWith(`${id} `)).length,
    isAnyIn: ({ after, until }) =>
      [...known.values()].some(({ name }) => compareNames(name, after) > 0 && isWithin(name, until)),
    add(id, version, name) {
      const key = toKey(id, name, version)
      if (!known.has(key)) onAdd(id, name)
      known.set(key, { name, second: toSecond(version.times?.[version.holders.indexOf(id)]) })
      for (const oldest of known.keys()) {
        if (known.size <= MAX_SUSPECTS) return
        known.delete(oldest)
      }
    },
    judge: (answers, name) => (known.size === 0 ? answers : answers.map((answer) => judgeOne(answer, name))),
  }
}

/** A copy; `second` is the one it was last written in, undefined when nobody said so. */
interface Suspect {
  readonly name: string
  readonly second: number | null | undefined
}

/** Some stores tell a time to the second in one answer, and more of it in another. */
function toSecond<T extends null | undefined>(time: number | T): number | T {
  return typeof time === 'number' ? Math.floor(time / 1000) : time
}
