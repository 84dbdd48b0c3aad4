import { createDigestCache } from '../../functions/storage/digest-cache.ts'
import type { DigestCache } from '../../functions/storage/object-storage.ts'
import { isDigest, toDigest } from '../../functions/wire/digest.ts'
import type { KvNamespace } from './bindings.ts'

/**
 * Remembers digests in memory and, where there is such a namespace, in Workers KV, which outlives this Worker and is
 * shared by all that run at once. `place` tells the keys of one bucket from those of others. Only what was computed
 * goes to KV: what the store keeps is one question away, as KV is. A KV that fails is one that remembers nothing.
 */
export function createDigests(place: string, kv: KvNamespace | null): DigestCache {
  const memory = createDigestCache()
  if (kv === null) return memory
  return {
    async get(key, version) {
      const known = await memory.get(key, version)
      if (known !== undefined) return known
      const digest = await kv.get(await toKvKey(place, key, version)).catch(() => null)
      if (digest === null || !isDigest(digest)) return undefined
      await memory.set(key, version, { digest, evidence: 'remembered', age: null })
      return { digest, evidence: 'remembered', age: null }
    },
    async set(key, version, known) {
      await memory.set(key, version, known)
      if (known.evidence !== 'stored') {
        await kv.put(await toKvKey(place, key, version), known.digest).catch(() => {})
      }
    },
  }
}

/** KV takes keys of at most 512 bytes, and those of a bucket are longer. */
async function toKvKey(place: string, key: string, version: string): Promise<string> {
  const text = JSON.stringify([place, key, version])
  return toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
