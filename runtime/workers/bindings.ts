import type { ByteRange } from '../../functions/wire/fields/ranges.ts'

/** The part that vouch uses of a service bound to a Worker: another Worker, or a disk directory. */
export interface Fetcher {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>
}

/** The binding as a service; null for a variable, a secret, or no binding. */
export function toFetcher(binding: unknown): Fetcher | null {
  if (!hasMethods(binding, ['fetch'])) return null
  return binding as Fetcher // workerd's services are opaque proxies: only the presence of `fetch` can be checked
}

/** An object of R2, see https://developers.cloudflare.com/r2/api/workers/workers-api-reference/. */
export interface R2Object {
  readonly key: string
  /** Unique to this upload. */
  readonly version: string
  /** Bytes. */
  readonly size: number
  /** The MD5 of the content, or of the MD5s of its parts: the same for another upload of the same content. */
  readonly etag: string
  readonly uploaded: Date
  /** Absent from a listing. */
  readonly customMetadata?: Readonly<Record<string, string>>
  readonly checksums: { readonly sha256?: ArrayBuffer }
}

export interface R2ObjectBody extends R2Object {
  readonly body: ReadableStream<Uint8Array>
}

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

/** The part that vouch uses of a bucket of R2 bound to a Worker. */
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

/** The binding as a bucket of R2; null for any other. */
export function toBucket(binding: unknown): R2Bucket | null {
  if (!hasMethods(binding, ['head', 'get', 'put', 'list', 'createMultipartUpload'])) return null
  return binding as R2Bucket // the platform offers no other way to recognize a bucket than its methods
}

/** The part that vouch uses of a namespace of Durable Objects bound to a Worker. */
export interface ObjectNamespace {
  idFromName(name: string): unknown
  get(id: unknown): Fetcher
}

/** The binding as a namespace of Durable Objects; null for any other. */
export function toObjects(binding: unknown): ObjectNamespace | null {
  if (!hasMethods(binding, ['idFromName', 'newUniqueId', 'get'])) return null
  return binding as ObjectNamespace // as with a bucket
}

function hasMethods(binding: unknown, names: readonly string[]): boolean {
  return typeof binding === 'object' && binding !== null && names.every((name) => name in binding)
}
