import type { Miniflare } from 'miniflare'

/** A simulated bucket of R2, to fill and inspect. */
export interface Bucket {
  /** `sha256` is in hexadecimal; the bucket keeps it. */
  put(key: string, content: string | Uint8Array, options?: { readonly sha256?: string }): Promise<unknown>
  delete(keys: string | string[]): Promise<void>
  list(): Promise<{ readonly objects: readonly { readonly key: string }[] }>
}

/** The bucket that a Worker of `miniflare` is bound to by this name. */
export async function openBucket(miniflare: Miniflare, name: string, worker: string): Promise<Bucket> {
  const bucket: unknown = await miniflare.getR2Bucket(name, worker)
  return bucket as Bucket // its types are those of a package that is not installed
}
