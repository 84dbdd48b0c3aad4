import { LRUCache } from 'lru-cache'
import { MAX_CACHED_DIGESTS } from '../../wire/limits.ts'
import type { DigestCache, Known } from './object-digests.ts'

/**
 * A `DigestCache` in memory: the last version's digest of the `MAX_CACHED_DIGESTS` keys last used.
 *
 * @example
 * const storage = createObjectStorage(objects, { createHasher, cache: createDigestCache() })
 */
export function createDigestCache(): DigestCache {
  const held = new LRUCache<string, { readonly version: string; readonly known: Known }>({
    max: MAX_CACHED_DIGESTS,
  })
  return {
    get(key, version) {
      const one = held.get(key)
      return one?.version === version ? one.known : undefined
    },
    set: (key, version, known) => void held.set(key, { version, known }),
    forget: (key) => void held.delete(key),
  }
}
