import { type Hasher, toDigest } from '../../functions/wire/digest.ts'

/**
 * SHA-256 by workerd's DigestStream, since Web Crypto hashes no streams.
 *
 * @example
 * const app = createReplica(storage, { createHasher })
 */
export function createHasher(): Hasher {
  const stream = new crypto.DigestStream('SHA-256')
  const writer = stream.getWriter()
  return {
    update: (bytes) => writer.write(bytes),
    async digest() {
      await writer.close()
      return toDigest(await stream.digest)
    },
  }
}
