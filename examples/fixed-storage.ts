// A storage of your own: files that are part of a program. fixed-storage.test.ts holds it to the suite.
import {
  compareNames,
  fromBytes,
  MAX_LISTING_PAGE,
  parseName,
  requireName,
  type SizedFacts,
  type Storage,
  StorageError,
  toDigest,
  toStream,
} from 'vouch'

/** `files` by name, read-only. A key that is not a valid name is not a file. */
export function createFixedStorage(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Storage {
  async function readFacts(name: string, signal?: AbortSignal): Promise<SizedFacts | null> {
    signal?.throwIfAborted()
    const bytes = files.get(requireName(name))
    if (bytes === undefined) return null
    const digest = toDigest(await crypto.subtle.digest('SHA-256', bytes))
    return { size: bytes.length, digest, modified: null, evidence: 'read', age: 0 }
  }

  return {
    describe: (names, { signal } = {}) => names.map((name) => readFacts(name, signal)),

    async open(name, { range, ifDigest, signal } = {}) {
      const [facts, bytes] = [await readFacts(name, signal), files.get(name)]
      if (facts === null || bytes === undefined) return null
      if (ifDigest !== undefined && ifDigest !== facts.digest) {
        throw new StorageError('changed', 'the file is no longer the one asked for')
      }
      const { offset, length } = range ?? { offset: 0, length: facts.size }
      if (offset + length > facts.size)
        throw new StorageError('out-of-range', 'the range lies outside the file')
      return { facts, body: toStream(fromBytes(bytes.slice(offset, offset + length)), signal) }
    },

    async list({ prefix = '', after = '', limit = MAX_LISTING_PAGE, signal } = {}) {
      signal?.throwIfAborted()
      const size = Math.min(Math.max(limit, 1), MAX_LISTING_PAGE)
      const names = [...files.keys()].filter(
        (n) => n.startsWith(prefix) && compareNames(n, after) > 0 && parseName(n) !== null,
      )
      const page = names.sort(compareNames).slice(0, size)
      const entries = page.map((name) => ({ name, size: files.get(name)?.length ?? 0, modified: null }))
      return { entries, next: names.length > size ? (page.at(-1) ?? null) : null }
    },
  }
}
