import { MAX_CACHED_DIGESTS } from '../wire/limits.ts'
import type { DigestCache, Known } from './object-digests.ts'

/** Remembers digests in memory: of one key the last version's, and of keys those set last. */
export function createDigestCache(): DigestCache {
  const held = new Map<string, { readonly version: string; readonly known: Known }>()
  return {
    get(key, version) {
      const one = held.get(key)
      return one?.version === version ? one.known : undefined
    },
    set(key, version, known) {
      held.delete(key)
      held.set(key, { version, known })
      const [oldest] = held.keys()
      if (held.size > MAX_CACHED_DIGESTS && oldest !== undefined) held.delete(oldest)
    },
    forget: (key) => void held.delete(key),
  }
}
