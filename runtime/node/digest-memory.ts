import type { Digest } from '../../functions/wire/digest.ts'
import { type Identity, toKey } from './identity.ts'

/** Digests by the identity of the file they were computed from. */
export interface DigestMemory {
  get(identity: Identity): Digest | undefined
  /** Only for a file that was settled before it was hashed; see `isSettled`. */
  set(identity: Identity, digest: Digest): void
}

/** Remembers at most `limit` digests; the one that was asked for longest ago goes first. */
export function createDigestMemory(limit: number): DigestMemory {
  const digests = new Map<string, Digest>()

  function store(key: string, digest: Digest): void {
    digests.delete(key)
    digests.set(key, digest)
  }

  return {
    get(identity) {
      const key = toKey(identity)
      const digest = digests.get(key)
      if (digest !== undefined) store(key, digest)
      return digest
    },
    set(identity, digest) {
      store(toKey(identity), digest)
      const [oldest] = digests.keys()
      if (digests.size > limit && oldest !== undefined) digests.delete(oldest)
    },
  }
}
