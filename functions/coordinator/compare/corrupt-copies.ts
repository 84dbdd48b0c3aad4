import { LRUCache } from 'lru-cache'
import { isFacts, type SizedFacts } from '../../storage/facts.ts'
import { compareNames } from '../../storage/names.ts'
import { isWithin, type Range } from '../../storage/survey/survey.ts'
import { MAX_CORRUPT_COPIES } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Answer, SentVersion } from './compare.ts'

/** A copy of the replica `id` whose bytes have contradicted its digest. */
export interface CorruptCopy extends Pick<SizedFacts, 'digest' | 'size'> {
  readonly id: string
  readonly name: string
  /**
   * When it was last written, in seconds since 1970; null where the store keeps no time, undefined if not
   * asked.
   */
  readonly second?: number | null | undefined
}

/** The copies whose bytes have contradicted their digest. */
export interface CorruptCopies {
  /** Notes that the replica `id` sent other bytes than those of `version`. */
  add(id: string, version: Omit<SentVersion, 'modified'>, name: string): void
  /** Notes that vouch has written `version` to the replica `id` again, whatever time the copy shows. */
  mend(id: string, version: Pick<SizedFacts, 'digest' | 'size'>, name: string): void
  /** Notes copies that were known in an earlier process. */
  restore(copies: readonly CorruptCopy[]): void
  /** How many copies of the replica `id` are known to be corrupt. */
  count(id: string): number
  /** Whether the range contains the name of a corrupt copy. */
  isAnyIn(range: Range): boolean
  /** Replaces the answers for known corrupt copies by `integrity` errors. */
  judge(answers: Answer[], name: string): Answer[]
}

/** Called while a read waits, so each must return at once and never throw. */
export interface CorruptCopiesOptions {
  /** Called for each copy that was not known to be corrupt. */
  readonly onCorrupt?: ((copy: CorruptCopy) => void) | undefined
  /** Called for a corrupt copy that was written again since. */
  readonly onMended?: ((copy: CorruptCopy) => void) | undefined
}

/** Keeps the last `MAX_CORRUPT_COPIES`, each until its digest or time changes. */
export function createCorruptCopies(options: CorruptCopiesOptions = {}): CorruptCopies {
  let known: LRUCache<string, CorruptCopy> | undefined
  // It takes room for all at once.
  const makeKnown = () => (known ??= new LRUCache({ max: MAX_CORRUPT_COPIES }))
  const list = () => [...(known?.values() ?? [])]
  const toKey = ({ id, name, digest, size }: CorruptCopy) => `${id} ${digest} ${size} ${name}`

  function judgeOne(answer: Answer, name: string): Answer {
    const { id, said } = answer
    // A list has no bytes that could contradict it.
    if (!isFacts(said) || said.size === null) return answer
    const key = toKey({ id, name, digest: said.digest, size: said.size })
    const copy = known?.peek(key)
    if (copy === undefined) return answer
    if (copy.second === undefined || copy.second === toSecond(said.modified)) {
      return { id, said: new StorageError('integrity', 'the bytes contradicted their digest') }
    }
    forget(copy)
    return answer
  }

  function forget(copy: CorruptCopy): void {
    known?.delete(toKey(copy))
    options.onMended?.(copy)
  }

  return {
    count: (id) => list().filter((copy) => copy.id === id).length,
    isAnyIn: ({ after, until }) =>
      list().some(({ name }) => compareNames(name, after) > 0 && isWithin(name, until)),
    add(id, { digest, size, times, holders }, name) {
      const copy = { id, name, digest, size, second: toSecond(times?.[holders.indexOf(id)]) }
      const isNew = !known?.has(toKey(copy))
      makeKnown().set(toKey(copy), copy)
      if (isNew) options.onCorrupt?.(copy)
    },
    mend(id, { digest, size }, name) {
      const copy = known?.peek(toKey({ id, name, digest, size }))
      if (copy !== undefined) forget(copy)
    },
    restore(copies) {
      for (const copy of copies) makeKnown().set(toKey(copy), copy)
    },
    judge: (answers, name) =>
      (known?.size ?? 0) === 0 ? answers : answers.map((answer) => judgeOne(answer, name)),
  }
}

/** Some stores report whole seconds in one answer, and fractions in another. */
function toSecond<T extends null | undefined>(time: number | T): number | T {
  return typeof time === 'number' ? Math.floor(time / 1000) : time
}
