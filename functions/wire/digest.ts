/**
 * SHA-256 of a whole content: 64 lower-case hexadecimal digits. Of a content that only a list of other sums
 * knows, which no store can send, it is the algorithm and that sum: `md5:d41d8cd98f00b204e9800998ecf8427e`.
 */
export type Digest = string

/** Hashes bytes as they pass. The caller may reuse the bytes after `update` has settled. */
export interface Hasher {
  update(bytes: Uint8Array): void | Promise<void>
  /** The digest of all bytes so far; called once, last. */
  digest(): Digest | Promise<Digest>
  /** Another hasher in the same state, where the host supports it. */
  copy?(): Hasher
}

/** The host's SHA-256: Web Crypto does not hash streams. */
export type CreateHasher = () => Hasher

/** Whether `value` is a SHA-256 in lower-case hexadecimal. */
export function isDigest(value: string): value is Digest {
  return /^[0-9a-f]{64}$/.test(value)
}

/** The 32 bytes of a digest. */
export function toBytes(digest: Digest): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digest.length / 2)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = (toNumber(digest.charCodeAt(2 * i)) << 4) | toNumber(digest.charCodeAt(2 * i + 1))
  return bytes
}

/** The number of a lower-case hexadecimal digit, by its code. */
function toNumber(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57
}

/** Bytes in lower-case hexadecimal; a digest if they are a SHA-256. */
export function toDigest(bytes: ArrayBuffer | Uint8Array): Digest {
  const view = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)
  const hex = new Uint8Array(2 * view.length)
  let at = 0
  for (const byte of view) {
    hex[at++] = DIGITS[byte >> 4] ?? 0
    hex[at++] = DIGITS[byte & 15] ?? 0
  }
  // Three times as fast as a text put together, which V8 keeps as a tree of its parts.
  return decoder.decode(hex)
}

const DIGITS = new TextEncoder().encode('0123456789abcdef')
const decoder = new TextDecoder()
