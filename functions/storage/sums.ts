import { LRUCache } from 'lru-cache'
import type { CreateHasher, Digest } from '../wire/digest.ts'
import { changedError } from '../wire/errors.ts'
import { createLimit } from '../wire/limit.ts'
import { MAX_REMEMBERED_SUMS, MAX_SUMS_AT_ONCE } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import type { CreateSum, SumAlgorithm, Sums } from '../wire/sums.ts'
import type { Facts } from './facts.ts'
import { hashBody } from './hash-body.ts'
import type { DescribeOptions, Storage } from './storage.ts'

export interface SumsOptions {
  readonly createHasher: CreateHasher
  readonly createSum: CreateSum
}

/** Options of `describe`, with the sums that are wanted: at least one. */
interface DescribeSumsOptions extends DescribeOptions {
  readonly sums: readonly SumAlgorithm[]
}

/** As `Storage.describe`, but the facts of a file have all `sums` that are asked for. */
export type DescribeSums = (
  storage: Storage,
  names: readonly string[],
  options: DescribeSumsOptions,
) => Promise<Facts | null>[]

/**
 * Creates a function that describes files with sums beside their SHA-256. What the storage does not compute
 * itself is computed of the bytes that it opens, which must have the digest that it described; the sums of a
 * content are remembered by its digest, since they never change. A list cannot be asked: its facts come
 * without sums. Rejects with `unreadable` for a sum that the host lacks.
 */
export function createDescribeSums({ createHasher, createSum }: SumsOptions): DescribeSums {
  const known = new LRUCache<Digest, Sums>({ max: MAX_REMEMBERED_SUMS })
  const limit = createLimit(MAX_SUMS_AT_ONCE)

  async function addSums(
    storage: Storage,
    name: string,
    facts: Facts,
    options: DescribeSumsOptions,
  ): Promise<Facts> {
    const { sums: wanted } = options
    if (facts.evidence === 'recorded' || hasAll(facts.sums, wanted)) return facts
    const before = known.get(facts.digest)
    if (hasAll(before, wanted)) return { ...facts, sums: before }
    const sums = { ...before, ...(await limit.run(() => computeSums(storage, name, facts, options))) }
    known.set(facts.digest, sums)
    return { ...facts, sums }
  }

  async function computeSums(
    storage: Storage,
    name: string,
    { digest }: Facts,
    { sums, signal, trace, pace, onProgress }: DescribeSumsOptions,
  ): Promise<Sums> {
    const hashers = sums.map((algorithm) => [algorithm, requireHasher(createSum, algorithm)] as const)
    const opened = await storage.open(name, { ifDigest: digest, signal, trace })
    if (opened === null) throw changedError()
    const whole = createHasher()
    const all = [whole, ...hashers.map(([, hasher]) => hasher)]
    await hashBody(opened.body, all, { name, size: opened.facts.size, onProgress, pace })
    if ((await whole.digest()) !== digest) throw changedError()
    const found = hashers.map(async ([algorithm, hasher]) => [algorithm, await hasher.digest()] as const)
    return Object.fromEntries(await Promise.all(found))
  }

  return (storage, names, options) =>
    storage.describe(names, options).map(async (answer, i) => {
      const facts = await answer
      return facts && (await addSums(storage, names[i] ?? '', facts, options))
    })
}

function hasAll(sums: Sums | undefined, wanted: readonly SumAlgorithm[]): boolean {
  return sums !== undefined && wanted.every((algorithm) => sums[algorithm] !== undefined)
}

function requireHasher(createSum: CreateSum, algorithm: SumAlgorithm) {
  const hasher = createSum(algorithm)
  if (hasher === null) throw new StorageError('unreadable', `this host cannot compute ${algorithm}`)
  return hasher
}
