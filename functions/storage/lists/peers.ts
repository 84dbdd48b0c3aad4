import { StorageError } from '../../wire/storage-error.ts'
import type { SumAlgorithm } from '../../wire/sums.ts'
import { type Facts, isFacts } from '../facts.ts'
import type { DescribeOptions, Storage } from '../storage.ts'
import type { DescribeSums } from '../sums.ts'
import type { Recorded } from './sums.ts'

/** The other replicas, which compute the sums of a list that has no SHA-256. */
export interface Peers {
  readonly storages: readonly Storage[]
  readonly describeSums: DescribeSums
}

type Asked = Pick<DescribeOptions, 'signal' | 'trace' | 'pace' | 'onProgress'>

/** What a peer says of one name. */
interface Answer {
  readonly facts: Promise<Facts | null>
  /** Whether the peer may have a copy all the same, where that failed: then it may be that of the list. */
  mayHaveCopy(): Promise<boolean>
}

/** Asks all peers for the sums of the names; returns a function for the answers about one of them. */
export function askPeers(
  { storages, describeSums }: Peers,
  names: readonly string[],
  algorithm: SumAlgorithm,
  options: Asked,
): (name: string) => readonly Answer[] {
  const all = new Map<string, Answer[]>(names.map((name) => [name, []]))
  for (const storage of storages) {
    const answers = describeSums(storage, names, { ...options, sums: [algorithm] })
    let again: ReturnType<typeof describeFailed> | undefined
    for (const [i, facts] of answers.entries()) {
      // Some are not waited for: those of names that another answer has settled.
      facts.catch(() => {})
      const name = names[i] ?? ''
      const mayHaveCopy = async () => {
        again ??= describeFailed(storage, { names, answers }, options)
        const said = (await again).get(name)
        return said !== undefined && (await said.catch((error: unknown) => error)) !== null
      }
      all.get(name)?.push({ facts, mayHaveCopy })
    }
  }
  return (name) => all.get(name) ?? []
}

/**
 * Asks once more, without sums, for the names whose answers failed; for none if the peer answered nothing.
 */
async function describeFailed(
  storage: Storage,
  { names, answers }: { readonly names: readonly string[]; readonly answers: readonly Promise<unknown>[] },
  options: Asked,
): Promise<ReadonlyMap<string, Promise<Facts | null>>> {
  const errors = await Promise.all(
    answers.map((answer) =>
      answer.then(
        () => null,
        (error: unknown) => ({ error }),
      ),
    ),
  )
  const isAway = errors.every((one) => one?.error instanceof StorageError && one.error.code === 'unreachable')
  const failed = isAway ? [] : names.filter((_, i) => errors[i] !== null)
  const said = storage.describe(failed, options)
  for (const facts of said) facts.catch(() => {})
  return new Map(said.map((facts, i) => [failed[i] ?? '', facts]))
}

/** A content that a peer holds, and that has the sum of the list. */
interface Content {
  readonly digest: string
  readonly size: number | null
}

/**
 * The content of the peers that has this sum; null when none of them has it. Rejects with `unreadable` when
 * it is not certain which it is: two contents have the sum, or a peer has a copy of which the sum could not
 * be computed, or does not say whether it has one. Rejects so too when no peer has a copy, and another list
 * has a sum of another algorithm: nothing can compare the two.
 */
export async function findContent(
  { sum, size }: Pick<Recorded, 'sum' | 'size'>,
  { answers, algorithm }: { readonly answers: readonly Answer[]; readonly algorithm: SumAlgorithm },
): Promise<Content | null> {
  const found = new Map<string, Content>()
  const doubtful: StorageError[] = []
  let isHeld = false
  let other: string | undefined
  for (const { facts, mayHaveCopy } of answers) {
    const said = await facts.catch((error: unknown) => error)
    if (said === null) continue
    if (!isFactsOf(said)) {
      if (await mayHaveCopy()) doubtful.push(toDoubt(said))
      continue
    }
    if (said.evidence === 'recorded') {
      const recorded = toAlgorithm(said.digest)
      if (recorded !== algorithm) other = recorded
      continue
    }
    isHeld = true
    if (said.sums?.[algorithm] === undefined) doubtful.push(toDoubt(undefined))
    else if (said.sums[algorithm] === sum && (size === null || said.size === null || said.size === size))
      found.set(said.digest, { digest: said.digest, size: size ?? said.size })
  }
  const [content, ...others] = found.values()
  if (others.length > 0) {
    const message = `two different contents have the ${algorithm} of the list, which does not tell them apart`
    throw new StorageError('unreadable', message)
  }
  if (content === undefined && doubtful[0] !== undefined) throw doubtful[0]
  if (!isHeld && other !== undefined) {
    const message = `the list has the ${algorithm} of the name, and another list its ${other}: no replica has a copy by which they could be compared`
    throw new StorageError('unreadable', message)
  }
  return content ?? null
}

/** The algorithm of the digest of a list: its prefix, which SHA-256 lacks. */
function toAlgorithm(digest: string): string {
  return /^(\w+):/.exec(digest)?.[1] ?? 'sha256'
}

function isFactsOf(said: unknown): said is Facts {
  return typeof said === 'object' && !(said instanceof Error) && isFacts(said as Facts | null)
}

function toDoubt(cause: unknown): StorageError {
  const why = cause instanceof StorageError ? `: ${cause.message}` : ''
  return new StorageError('unreadable', `the sum of another replica's copy could not be computed${why}`, {
    cause,
  })
}
