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
  readonly storage: Storage
  readonly facts: Promise<Facts | null>
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
    for (const [i, facts] of describeSums(storage, names, { ...options, sums: [algorithm] }).entries()) {
      // Some are not waited for: those of names that another answer has settled.
      facts.catch(() => {})
      all.get(names[i] ?? '')?.push({ storage, facts })
    }
  }
  return (name) => all.get(name) ?? []
}

/** A content that a peer holds, and that has the sum of the list. */
interface Content {
  readonly digest: string
  readonly size: number | null
}

/**
 * The content of the peers that has this sum; null when none of them has it. Rejects with `unreadable` when
 * it is not certain which it is: two contents have the sum, or a peer has a copy of which the sum could not
 * be computed.
 */
export async function findContent(
  name: string,
  { sum, size }: Pick<Recorded, 'sum' | 'size'>,
  { answers, algorithm }: { readonly answers: readonly Answer[]; readonly algorithm: SumAlgorithm },
): Promise<Content | null> {
  const found = new Map<string, Content>()
  const doubtful: StorageError[] = []
  for (const { storage, facts } of answers) {
    const said = await facts.catch((error: unknown) => error)
    if (said === null || (isFactsOf(said) && said.evidence === 'recorded')) continue
    if (!isFactsOf(said)) {
      if (await hasCopy(storage, name)) doubtful.push(toDoubt(said))
    } else if (said.sums?.[algorithm] === undefined) doubtful.push(toDoubt(undefined))
    else if (said.sums[algorithm] === sum && (size === null || said.size === null || said.size === size))
      found.set(said.digest, { digest: said.digest, size: size ?? said.size })
  }
  const [content, ...others] = found.values()
  if (others.length > 0) {
    const message = `two different contents have the ${algorithm} of the list, which does not tell them apart`
    throw new StorageError('unreadable', message)
  }
  if (content === undefined && doubtful[0] !== undefined) throw doubtful[0]
  return content ?? null
}

function isFactsOf(said: unknown): said is Facts {
  return typeof said === 'object' && !(said instanceof Error) && isFacts(said as Facts | null)
}

/** Whether the peer has a copy all the same: then it may be that of the list. */
async function hasCopy(storage: Storage, name: string): Promise<boolean> {
  const [facts] = storage.describe([name])
  return (await facts?.catch(() => null)) != null
}

function toDoubt(cause: unknown): StorageError {
  const why = cause instanceof StorageError ? `: ${cause.message}` : ''
  return new StorageError('unreadable', `the sum of another replica's copy could not be computed${why}`, {
    cause,
  })
}
