import { createHmac } from '../bytes/hmac.ts'
import { type CreateHasher, type Digest, toBytes } from '../wire/digest.ts'
import { createLimit } from '../wire/limit.ts'
import { MAX_SUMS_AT_ONCE } from '../wire/limits.ts'
import { StorageError } from '../wire/storage-error.ts'
import { hashBody } from './hash-body.ts'
import type { Proof, ProveOptions, Storage } from './storage.ts'

/** A proof that was computed from bytes that the storage sent, with their SHA-256. */
export interface ReadProof extends Proof {
  readonly digest: Digest
}

/** Options of `proveNames`. */
interface ProveNamesOptions extends ProveOptions {
  /** The host's SHA-256, for storages that cannot compute; without it, those reject with `unreadable`. */
  readonly createHasher: CreateHasher | undefined
}

/** As `Storage.prove`; of a storage without it the bytes are read, a few files at a time. */
export function proveNames(
  storage: Storage,
  names: readonly string[],
  options: ProveNamesOptions,
): readonly Promise<Proof | null>[] {
  if (storage.prove !== undefined) return storage.prove(names, options)
  const { createHasher } = options
  const limit = createLimit(MAX_SUMS_AT_ONCE)
  return names.map((name) =>
    limit.run(async () => {
      if (createHasher === undefined)
        throw new StorageError('unreadable', 'this host cannot compute proofs of its store')
      return await proveByReading(storage, name, { ...options, createHasher })
    }),
  )
}

/**
 * Reads a file and computes its proof and its SHA-256. Resolves with null when there is no such file; rejects
 * as `Storage.open` and its body do.
 */
export async function proveByReading(
  storage: Pick<Storage, 'open'>,
  name: string,
  { nonce, createHasher, signal, trace, onProgress }: ProveOptions & { readonly createHasher: CreateHasher },
): Promise<ReadProof | null> {
  const opened = await storage.open(name, { signal, trace })
  if (opened === null) return null
  const [whole, hmac] = [createHasher(), createHmac(createHasher, toBytes(nonce))]
  const size = await hashBody(opened.body, [whole, hmac], { name, size: opened.facts.size, onProgress })
  return { size, proof: await hmac.digest(), digest: await whole.digest() }
}
