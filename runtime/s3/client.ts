import { AwsV4Signer } from 'aws4fetch'
import { type CallMeter, createCallMeter } from '../../functions/storage/objects/call-meter.ts'
import { type Send, sendPlain } from '../../functions/storage/remote/remote.ts'
import type { Reply } from '../../functions/storage/remote/replies.ts'
import { MAX_ATTEMPTS, MAX_RETRY_WAIT_MS, RETRY_MS } from './limits.ts'
import type { S3Place } from './place.ts'

/** The keys that requests are signed with. They are never logged or stored. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** For temporary credentials. */
  readonly sessionToken?: string | undefined
}

/** A bucket, and how it is reached. */
export interface S3ClientOptions extends S3Place {
  /** Called before each request. */
  readonly credentials: () => Promise<Credentials>
  /**
   * The host's `fetch` when absent. It must not decode bodies or follow redirects, and it must send a stream
   * with the `Content-Length` of the headers, since no store accepts a chunked body.
   */
  readonly fetch?: Send | undefined
  /** Counts the requests; a new one when absent. */
  readonly meter?: CallMeter | undefined
}

export interface Ask {
  readonly method: keyof typeof KINDS
  /** Null for the bucket itself. */
  readonly key: string | null
  readonly query?: Readonly<Record<string, string>> | undefined
  /** Signed fields: those of `x-amz-`, and conditions. */
  readonly signed?: Readonly<Record<string, string>> | undefined
  /** Fields that are not signed. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: ReadableStream<Uint8Array> | undefined
  /** SHA-256 of the body; of an empty body when absent. */
  readonly digest?: string | undefined
  readonly signal: AbortSignal | undefined
}

/** Sends requests to one bucket. The caller reads the body of an answer or cancels it. */
export interface S3Client {
  /** Rejects with `unreachable` without an answer. Retries when the store is busy, unless there is a body. */
  ask(ask: Ask): Promise<Reply>
  /** Counts the requests, repeated ones too. */
  readonly meter: CallMeter
  /** The value of `x-amz-copy-source` for an object. */
  toSource(key: string): string
}

/** What a request for an object counts as. */
const KINDS = { GET: 'get', HEAD: 'head', PUT: 'put' } as const

const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Signs requests (AWS Signature Version 4) and sends them. Keys are percent-encoded, otherwise unchanged. */
export function createS3Client(options: S3ClientOptions): S3Client {
  const { bucket, endpoint, region, style, credentials } = options
  const send: Send = options.fetch ?? fetch
  const { meter = createCallMeter() } = options
  const base = style === 'path' ? `${endpoint}/${bucket}` : endpoint.replace('://', `://${bucket}.`)
  // The signing keys of the day, so that they are not derived again for each request.
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
    meter.count(key === null ? 'list' : KINDS[method])
    return await sendPlain(send, url, { method, headers: all, ...(body && { body }), signal })
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

  return { ask, meter, toSource: (key) => `/${bucket}/${encodePath(key)}` }
}

function withToken({ accessKeyId, secretAccessKey, sessionToken }: Credentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}

function encodePath(key: string): string {
  return key.split('/').map(encode).join('/')
}

/** Percent-encodes by RFC 3986, as signatures require. */
function encode(text: string): string {
  const escapeOne = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text).replace(/[!'()*]/g, escapeOne)
}

function toQuery(query: Ask['query']): string {
  if (query === undefined) return ''
  const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`)
  return `?${parameters.join('&')}`
}

export function isBusy({ status }: Reply): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

/** Milliseconds to wait: `Retry-After` (RFC 9110 §10.2.3), otherwise twice as long each time. */
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
