import { parseHttpDate } from '../../wire/fields/dates.ts'
import { parseReprDigest } from '../../wire/fields/fields.ts'
import { toFilePath } from '../../wire/fields/routes.ts'
import { StorageError } from '../../wire/storage-error.ts'
import type { ObjectInfo } from '../objects/objects.ts'
import { type Send, type SendInit, sendPlain } from '../remote/remote.ts'
import { parseLength, type Reply } from '../remote/replies.ts'
import { findCachedAge } from './web-caches.ts'
import { toVersion } from './web-versions.ts'

/** An answer to HEAD, and the size of the file in bytes; null when the server does not send it. */
export interface Measured {
  readonly reply: Reply
  readonly size: number | null
}

/** What a request is sent with; by default a GET, or what `ask` adds to it. */
export type AskOptions = Partial<Pick<SendInit, 'method' | 'headers' | 'body'>> & {
  readonly signal: AbortSignal | undefined
}

/** Asks a web server. Paths are encoded, and relative to the directory. */
export type WebClient = ReturnType<typeof createWebClient>

/** Asks the server of the directory `url`; throws `unreadable` for an answer that is cached or encoded. */
export function createWebClient(url: string, send: Send) {
  async function ask(path: string, { signal, headers = WANTED, ...init }: AskOptions): Promise<Reply> {
    signal?.throwIfAborted()
    const reply = await sendPlain(send, url + path, { ...init, headers: { ...headers, ...ALWAYS }, signal })
    const cachedAge = findCachedAge(reply.headers)
    const isEncoded = reply.headers.get('Content-Encoding') !== null
    if (cachedAge === undefined && !isEncoded) return reply
    await reply.body?.cancel()
    throw cachedAge === undefined ? unexpected('an encoded answer') : toCacheError(cachedAge)
  }

  async function askHead(path: string, signal: AbortSignal | undefined): Promise<Reply> {
    const reply = await ask(path, { method: 'HEAD', signal })
    await reply.body?.cancel()
    return reply
  }

  /** Asks for a file's fields and size, which Apache sends for an empty file only in answer to GET. */
  async function measure(path: string, signal: AbortSignal | undefined): Promise<Measured> {
    const reply = await askHead(path, signal)
    const size = parseLength(reply.headers)
    if (reply.status !== 200 || size !== null) return { reply, size }
    const again = await ask(path, { signal })
    await again.body?.cancel()
    return { reply: again, size: parseLength(again.headers) }
  }

  return { url, ask, askHead, measure }
}

/** Asks for an answer of the server itself, not of a cache on the way (RFC 9111 §5.2.1.4). */
const ALWAYS = { 'Cache-Control': 'no-cache' }

/** Asks a server that has digests to send one (RFC 9530 §4). */
export const WANTED = { 'Want-Repr-Digest': 'sha-256=10' }

/** A key, or a directory with a slash at its end, as the rest of an address. */
export function toPath(key: string): string {
  return toFilePath(key).replace('/files/', '')
}

export function toInfo(key: string, { size, reply: { headers } }: Measured): ObjectInfo {
  if (size === null) throw unexpected('a file without its length')
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  const version = toVersion({ size, modified, etag: headers.get('ETag') ?? '' }, headers)
  return { key, size, modified, version, stored: parseReprDigest(headers.get('Repr-Digest') ?? '') }
}

/** Whether the server failed, or has too much to do: for a while at least. */
export function isFailing({ status }: Reply): boolean {
  return status === 429 || status >= 500
}

/** Whether the server has too much to do for any request. */
export function isBusy({ status }: Reply): boolean {
  return status === 429 || status === 503
}

/** The error for an answer whose status is neither the file nor its absence. */
export function toFailure(reply: Reply): StorageError {
  const { status, headers } = reply
  const wait = /^\d{1,9}$/.exec(headers.get('Retry-After') ?? '')
  const rest = wait ? `; it asks to retry after ${wait[0]} s` : ''
  if (status === 401 || status === 403) {
    const message = `the web server denies access to the file (status ${status})`
    return new StorageError('unreadable', message, { reason: 'http_request_denied' })
  }
  if (isFailing(reply)) {
    return new StorageError('unreachable', `the web server failed (status ${status})${rest}`)
  }
  return unexpected(status >= 300 && status < 400 ? 'a redirect elsewhere' : `status ${status}`)
}

/** The error for an answer about one file that is not usable; others may well be readable. */
export function unexpected(what: string): StorageError {
  const message = `the web server answered with ${what}`
  return new StorageError('unreadable', message, { reason: 'http_protocol_error' })
}

/** The error for an answer from a cache: it may show a file that is gone, or lack one that is there. */
function toCacheError(age: number | null): StorageError {
  const old = age === null ? '' : `, ${age} s old`
  const advice = 'name the origin server, or turn the cache off for vouch'
  const message = `the web server answered from a cache${old}; ${advice}`
  return new StorageError('unreadable', message, { reason: 'proxy_configuration_error' })
}
