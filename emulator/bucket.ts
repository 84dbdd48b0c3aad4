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

/** A simulated namespace of Workers KV, to inspect. */
export interface Namespace {
  get(key: string): Promise<string | null>
  put(key: string, value: string): Promise<void>
  list(): Promise<{ readonly keys: readonly { readonly name: string }[] }>
}

/** The namespace that a Worker of `miniflare` is bound to by this name. */
export async function openNamespace(miniflare: Miniflare, name: string, worker: string): Promise<Namespace> {
  const namespace: unknown = await miniflare.getKVNamespace(name, worker)
  return namespace as Namespace // as with a bucket
}
