import { createHash } from 'node:crypto'
import type { Hasher } from '../../functions/wire/digest.ts'

/** SHA-256 by node:crypto, the `CreateHasher` of this host. It works on the calling thread, at once. */
export function createHasher(): Hasher {
  const hash = createHash('sha256')
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
  }
}
