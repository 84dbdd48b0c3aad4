import type { ByteRange } from '../../functions/wire/ranges.ts'

/** What vouch uses of a service that the configuration binds to a Worker: another Worker, or a disk directory. */
export interface Fetcher {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>
}

/** A binding that is a service, seen as one; null for a variable, a secret, or nothing. */
export function toFetcher(binding: unknown): Fetcher | null {
  if (!hasMethods(binding, ['fetch'])) return null
  return binding as Fetcher // workerd's services are opaque proxies: that `fetch` is there is all that can be asked
}

/** An object of R2 as its binding tells of it (https://developers.cloudflare.com/r2/api/workers/workers-api-reference/). */
export interface R2Object {
  readonly key: string
  /** Unique to this upload. */
  readonly version: string
  /** Bytes. */
  readonly size: number
  /** The MD5 of the content, or of the MD5s of its parts: that of another upload of the same content is the same. */
  readonly etag: string
  readonly uploaded: Date
  /** Absent from a listing. */
  readonly customMetadata?: Readonly<Record<string, string>>
  readonly checksums: { readonly sha256?: ArrayBuffer }
}

export interface R2ObjectBody extends R2Object {
  readonly body: ReadableStream<Uint8Array>
}

/** Holds of an object, or of none, when it has this ETag; `*` is any. */
export interface R2Conditional {
  readonly etagMatches?: string
  readonly etagDoesNotMatch?: string
}

export interface R2ListOptions {
  readonly prefix?: string
  readonly startAfter?: string
  /** 1 to 1,000. */
  readonly limit: number
}

/** What vouch uses of a bucket of R2 that the configuration binds to a Worker. */
export interface R2Bucket {
  head(key: string): Promise<R2Object | null>
  /** Without `body` when the condition does not hold. */
  get(
    key: string,
    options: { readonly range?: ByteRange; readonly onlyIf?: R2Conditional },
  ): Promise<R2ObjectBody | R2Object | null>
  /** Null when the condition does not hold. */
  put(
    key: string,
    body: ReadableStream<Uint8Array>,
    options: {
      readonly sha256?: ArrayBuffer | Uint8Array<ArrayBuffer>
      readonly onlyIf?: R2Conditional
      readonly customMetadata?: Readonly<Record<string, string>>
    },
  ): Promise<R2Object | null>
  list(options: R2ListOptions): Promise<{ readonly objects: R2Object[]; readonly truncated: boolean }>
}

/** A binding that is a bucket of R2, seen as one; null for anything else. */
export function toBucket(binding: unknown): R2Bucket | null {
  if (!hasMethods(binding, ['head', 'get', 'put', 'list', 'createMultipartUpload'])) return null
  return binding as R2Bucket // what has the methods of a bucket is one: the platform tells no more of its bindings
}

/** What vouch uses of a namespace of Workers KV that the configuration binds to a Worker. */
export interface KvNamespace {
  get(key: string): Promise<string | null>
  put(key: string, value: string): Promise<void>
}

/** A binding that is a KV namespace, seen as one; null for anything else. */
export function toNamespace(binding: unknown): KvNamespace | null {
  if (!hasMethods(binding, ['get', 'put', 'getWithMetadata'])) return null
  return binding as KvNamespace // as with a bucket
}

function hasMethods(binding: unknown, names: readonly string[]): boolean {
  return typeof binding === 'object' && binding !== null && names.every((name) => name in binding)
}
