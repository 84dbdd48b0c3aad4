import { createDigestCache } from '../../../functions/storage/objects/digest-cache.ts'
import type { DigestCache, Known } from '../../../functions/storage/objects/object-digests.ts'
import { isDigest, toDigest } from '../../../functions/wire/digest.ts'
import type { KvNamespace } from '../bindings.ts'

/**
 * Remembers digests in memory and, with a namespace, in Workers KV, which outlives this Worker and is shared
 * by its instances. `place` separates the keys of one bucket from those of others. Only computed digests are
 * written to KV, with the time of the reading, since the store's own are one request away, as KV is. A
 * failing KV remembers nothing. KV may return an earlier value for a minute: a digest of the same version
 * read earlier, or one that another instance has forgotten since. No instance reads from KV what it forgot.
 */
export function createDigests(place: string, kv: KvNamespace | null): DigestCache {
  const memory = createDigestCache()
  if (kv === null) return memory
  /** The digests that proved wrong. */
  const forgotten = createDigestCache()
  const write = async (key: string, version: string, value: string) => {
    await kv.put(await toKvKey(place, key, version), value).catch(() => {})
  }
  return {
    async get(key, version) {
      const held = await memory.get(key, version)
      if (held !== undefined) return held
      if ((await forgotten.get(key, version)) !== undefined) return undefined
      const value = await kv.get(await toKvKey(place, key, version)).catch(() => null)
      const known = value === null ? null : parseValue(value)
      if (known === null) return undefined
      await memory.set(key, version, known)
      return known
    },
    async set(key, version, known) {
      await forgotten.forget(key, version)
      await memory.set(key, version, known)
      if (known.readAt !== null) await write(key, version, `${known.digest} ${known.readAt}`)
    },
    async forget(key, version) {
      const known = await memory.get(key, version)
      if (known !== undefined) await forgotten.set(key, version, known)
      await memory.forget(key, version)
      await write(key, version, FORGOTTEN)
    },
  }
}

const FORGOTTEN = ''

/** A digest and when its reading began, in milliseconds since 1970; null for any other text. */
function parseValue(text: string): Known | null {
  const [digest = '', time = ''] = text.split(' ')
  return isDigest(digest) && /^\d{1,15}$/.test(time) ? { digest, readAt: Number(time) } : null
}

/** KV accepts keys of at most 512 bytes, and those of a bucket may be longer. */
async function toKvKey(place: string, key: string, version: string): Promise<string> {
  const text = JSON.stringify([place, key, version])
  return toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
