import type { DatedDigest } from './index-table.ts'

/** Digests by the key of the identity that they were computed from; see `toKey`. */
export interface DigestMemory {
  get(key: string): DatedDigest | undefined
  set(key: string, dated: DatedDigest): void
}

/** Remembers at most `limit` digests; the one that was asked for longest ago goes first. */
export function createDigestMemory(limit: number): DigestMemory {
  const digests = new Map<string, DatedDigest>()

  function store(key: string, dated: DatedDigest): void {
    digests.delete(key)
    digests.set(key, dated)
  }

  return {
    get(key) {
      const dated = digests.get(key)
      if (dated !== undefined) store(key, dated)
      return dated
    },
    set(key, dated) {
      store(key, dated)
      const [oldest] = digests.keys()
      if (digests.size > limit && oldest !== undefined) digests.delete(oldest)
    },
  }
}
