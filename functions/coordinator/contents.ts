import type { Digest } from '../wire/digest.ts'
import { KEPT_CONTENT_COST_BYTES } from '../wire/limits.ts'

/** Small contents kept in memory by digest. What is kept has proved its digest, so it can be no other content. */
export interface Contents {
  get(digest: Digest): Uint8Array<ArrayBuffer> | undefined
  /** Keeps `bytes`, whose digest was checked, and lets go of those asked for longest ago. */
  keep(digest: Digest, bytes: Uint8Array<ArrayBuffer>): void
}

/** Keeps at most `limit` bytes, counting what each content costs beside its own. */
export function createContents(limit: number): Contents {
  const kept = new Map<Digest, Uint8Array<ArrayBuffer>>()
  let size = 0

  function drop(digest: Digest): void {
    const bytes = kept.get(digest)
    if (bytes !== undefined) size -= toCost(bytes)
    kept.delete(digest)
  }

  return {
    get(digest) {
      const bytes = kept.get(digest)
      if (bytes === undefined) return undefined
      kept.delete(digest)
      kept.set(digest, bytes)
      return bytes
    },
    keep(digest, bytes) {
      drop(digest)
      kept.set(digest, bytes)
      size += toCost(bytes)
      for (const oldest of kept.keys()) {
        if (size <= limit) return
        drop(oldest)
      }
    },
  }
}

function toCost(bytes: Uint8Array): number {
  return bytes.length + KEPT_CONTENT_COST_BYTES
}
