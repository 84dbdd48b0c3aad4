import type { Digest } from '../wire/digest.ts'

/** Small contents kept in memory by digest. What is kept has proved its digest, so it can be no other content. */
export interface Contents {
  get(digest: Digest): Uint8Array<ArrayBuffer> | undefined
  /** Keeps `bytes`, whose digest was checked, and lets go of those asked for longest ago. */
  keep(digest: Digest, bytes: Uint8Array<ArrayBuffer>): void
}

/** Keeps at most `limit` bytes. */
export function createContents(limit: number): Contents {
  const kept = new Map<Digest, Uint8Array<ArrayBuffer>>()
  let size = 0

  function drop(digest: Digest): void {
    size -= kept.get(digest)?.length ?? 0
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
      size += bytes.length
      for (const oldest of kept.keys()) {
        if (size <= limit) return
        drop(oldest)
      }
    },
  }
}
