import { createHash, type Hash } from 'node:crypto'
import type { Hasher } from '../../functions/wire/digest.ts'

/**
 * SHA-256 by node:crypto, the `CreateHasher` of this host. It works on the calling thread, at once.
 *
 * @example
 * const app = createCoordinator(replicas, { createHasher })
 */
export function createHasher(): Hasher {
  return toHasher(createHash('sha256'))
}

/** A hash of node:crypto as a hasher. */
export function toHasher(hash: Hash): Hasher {
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
    copy: () => toHasher(hash.copy()),
  }
}
