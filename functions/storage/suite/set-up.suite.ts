import { type Digest, type Hasher, toDigest } from '../../wire/digest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { Facts } from '../facts.ts'
import type { Storage } from '../storage.ts'

const encoder = new TextEncoder()

/** Text as UTF-8. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** The SHA-256 of the bytes. */
export async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return toDigest(await crypto.subtle.digest('SHA-256', bytes))
}

/** A `CreateHasher` of Web Crypto alone: it holds all that it hashes in memory. */
export function createTestHasher(chunks: readonly Uint8Array<ArrayBuffer>[] = []): Hasher {
  const all = [...chunks]
  return {
    update: (bytes) => void all.push(bytes.slice()),
    digest: async () => await hash(await new Blob(all).bytes()),
    copy: () => createTestHasher(all),
  }
}

/** Facts of a file that was just read: by default one byte, whose digest is 64 times `digit`. */
export function facts(digit: string, changes: Partial<Facts> = {}): Facts {
  return { size: 1, digest: digit.repeat(64), modified: null, evidence: 'read', age: 0, ...changes }
}

/** A storage that rejects every call with `error`. */
export function createUnreachableStorage(
  error: Error = new StorageError('unreachable', 'gone', { reason: 'connection_refused' }),
): Storage {
  const fail = () => Promise.reject(error)
  return { describe: (names) => names.map(fail), open: fail, list: fail, listKept: fail }
}
