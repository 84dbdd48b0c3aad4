import { AwsV4Signer } from 'aws4fetch'
import { toNetworkError } from '../../functions/storage/network-errors.ts'
import type { Send, SendInit } from '../../functions/storage/remote.ts'
import type { Reply } from '../../functions/storage/replies.ts'
import { MAX_ATTEMPTS, MAX_RETRY_WAIT_MS, RETRY_MS } from './limits.ts'
import type { S3Place } from './place.ts'

/** What requests are signed with. Nothing here ever writes any of it down. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of credentials that are good for a while. */
  readonly sessionToken?: string | undefined
}

/** A bucket, and what it is asked with. */
export interface S3ClientOptions extends S3Place {
  /** Asked for before each request. */
  readonly credentials: () => Promise<Credentials>
  /**
   * The host's `fetch` when absent. It decodes nothing, follows no redirect, and sends a stream with the
   * `Content-Length` that the headers say: no store takes one in chunks.
   */
  readonly fetch?: Send | undefined
}

/** One request. */
export interface Ask {
  readonly method: NonNullable<SendInit['method']>
  /** Of the bucket itself when null. */
  readonly key: string | null
  readonly query?: Readonly<Record<string, string>> | undefined
  /** Those that are signed: of `x-amz-`, and conditions. */
  readonly signed?: Readonly<Record<string, string>> | undefined
  /** Those that are not. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: ReadableStream<Uint8Array> | undefined
  /** Of the body, in hexadecimal; of nothing when absent. */
  readonly digest?: string | undefined
  readonly signal: AbortSignal | undefined
}

/** Asks one bucket. Who gets an answer reads its body or cancels it. */
export interface S3Client {
  /** Rejects with `unreachable` when no answer came. A store that is too busy is asked again, unless there is a body. */
  ask(ask: Ask): Promise<Reply>
  /** What `x-amz-copy-source` calls an object. */
  toSource(key: string): string
}

const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Signs (AWS Signature Version 4) and sends; keys go into addresses as they are, percent-encoded. */
export function createS3Client(options: S3ClientOptions): S3Client {
  const { bucket, region, credentials } = options
  const send: Send = options.fetch ?? fetch
  const base = toBase(options)
  // Keys that requests of one day are signed with, so that they are not derived anew for each.
  const cache = new Map<string, ArrayBuffer>()

  async function askOnce({ method, key, query, signed, headers, body, digest, signal }: Ask): Promise<Reply> {
    const url = (key === null ? base : `${base}/${encodePath(key)}`) + toQuery(query)
    const signer = new AwsV4Signer({
      url,
      method,
      headers: { ...signed, 'x-amz-content-sha256': digest ?? EMPTY_DIGEST },
      service: 's3',
      region,
      cache,
      ...withToken(await credentials()),
    })
    signal?.throwIfAborted()
    const all = { ...Object.fromEntries((await signer.sign()).headers), ...headers }
    const init = {
      method,
      headers: { ...all, 'Accept-Encoding': 'identity' },
      ...(body && { body }),
      ...(signal && { signal }),
      redirect: 'manual',
      duplex: 'half',
    } as const
    return await send(url, init).catch((error) => {
      signal?.throwIfAborted()
      throw toNetworkError(error)
    })
  }

  async function ask(ask: Ask): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      const reply = await askOnce(ask)
      if (ask.body !== undefined || !isBusy(reply) || attempt === MAX_ATTEMPTS) return reply
      const wait = toWait(reply, attempt)
      if (wait > MAX_RETRY_WAIT_MS) return reply
      await reply.body?.cancel()
      await delay(wait, ask.signal)
    }
  }

  return { ask, toSource: (key) => `/${bucket}/${encodePath(key)}` }
}

/** The address of the bucket. */
function toBase({ endpoint, bucket, style }: S3Place): string {
  return style === 'path' ? `${endpoint}/${bucket}` : endpoint.replace('://', `://${bucket}.`)
}

function withToken({ accessKeyId, secretAccessKey, sessionToken }: Credentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}

function encodePath(key: string): string {
  return key.split('/').map(encode).join('/')
}

/** RFC 3986, as signatures have it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function toQuery(query: Ask['query']): string {
  if (query === undefined) return ''
  return `?${Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&')}`
}

/** Whether the store might answer otherwise a little later. */
export function isBusy({ status }: Reply): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

/** Milliseconds: what the store asks for (RFC 9110 §10.2.3, in seconds), else longer each time. */
function toWait({ headers }: Reply, attempt: number): number {
  const asked = headers.get('Retry-After') ?? ''
  return /^\d{1,9}$/.test(asked) ? Number(asked) * 1000 : RETRY_MS * 2 ** (attempt - 1)
}

async function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const abort = () => reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
