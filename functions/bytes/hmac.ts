import { type CreateHasher, type Hasher, toBytes } from '../wire/digest.ts'

/** Bytes of a block of SHA-256, by which the key is padded. */
const BLOCK_BYTES = 64

/**
 * HMAC-SHA-256 (RFC 2104) of bytes as they pass, made of the host's SHA-256. The key has at most 64 bytes;
 * throws a RangeError for a longer one.
 */
export function createHmac(createHasher: CreateHasher, key: Uint8Array): Hasher {
  if (key.length > BLOCK_BYTES)
    throw new RangeError(`a key of at most ${BLOCK_BYTES} bytes, got ${key.length}`)
  const inner = createHasher()
  const begun = inner.update(pad(key, 0x36))
  return {
    async update(bytes) {
      await begun
      await inner.update(bytes)
    },
    async digest() {
      await begun
      const outer = createHasher()
      await outer.update(pad(key, 0x5c))
      await outer.update(toBytes(await inner.digest()))
      return await outer.digest()
    },
  }
}

function pad(key: Uint8Array, byte: number): Uint8Array {
  const padded = new Uint8Array(BLOCK_BYTES).fill(byte)
  for (const [i, one] of key.entries()) padded[i] = one ^ byte
  return padded
}
