import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Hasher, toDigest } from '../../../functions/wire/digest.ts'
import type { SumAlgorithm } from '../../../functions/wire/sums.ts'
import { toHasher } from '../../node/hasher.ts'

/** The hash functions beside SHA-256: the `CreateSum` of this host. */
export function createSum(algorithm: SumAlgorithm): Hasher | null {
  if (algorithm === 'crc32') return createCrc32()
  return algorithm === 'blake3' ? createBlake3() : toHasher(createHash(algorithm))
}

/** CRC-32 as in zlib and cksfv: ITU-T V.42. */
function createCrc32(): Hasher {
  let sum = 0
  return {
    update(bytes) {
      sum = crc32(bytes, sum)
    },
    digest: () => sum.toString(16).padStart(8, '0'),
  }
}

/** Loaded at its first use: node:crypto has no BLAKE3. */
function createBlake3(): Hasher {
  const loaded = import('@noble/hashes/blake3.js').then(({ blake3 }) => blake3.create())
  return {
    update: async (bytes) => void (await loaded).update(bytes),
    digest: async () => toDigest((await loaded).digest()),
  }
}
