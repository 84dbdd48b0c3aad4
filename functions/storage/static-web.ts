import { parseHttpDate } from '../wire/dates.ts'
import { parseReprDigest } from '../wire/fields.ts'
import { toFilePath } from '../wire/routes.ts'
import { StorageError } from '../wire/trouble.ts'
import { toNetworkError } from './network-errors.ts'
import type { GetOptions, ObjectInfo, Objects, OpenedObject } from './objects.ts'
import type { Send, SendInit } from './remote.ts'
import { mapErrors, type Reply } from './replies.ts'
import { beforeEnd, type Chunks, exactly, fromBytes, through, toStream } from './streams.ts'
import { listWeb } from './web-listing.ts'
import { toPart } from './web-ranges.ts'

/** What a web server is asked with. */
export interface StaticWebOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
}

/** How old a file must be, by the server's own clock, for its time to tell every later change (RFC 9110 §8.8.2.2). */
const SETTLED_MS = 2000

/**
 * The files below `url`, which ends in a slash, on any web server that serves files as they are: by GET, HEAD and, where
 * it has them, ranges; read-only. Its `Repr-Digest` is its own word for a content. Nothing is remembered of a file that
 * bears neither a time nor a strong ETag, or was changed in the last two seconds. Redirects are not followed. A file is
 * absent only while the server still shows the directory itself, so that a wrong path or a lost disk is an error.
 * Errors never name the address.
 */
export function createStaticWeb(url: string, options: StaticWebOptions = {}): Objects {
  const send: Send = options.fetch ?? fetch

  async function ask(
    path: string,
    headers: Record<string, string>,
    init: Partial<Pick<SendInit, 'method' | 'signal'>>,
  ): Promise<Reply> {
    init.signal?.throwIfAborted()
    const sent = { ...init, headers: { ...headers, 'Accept-Encoding': 'identity' } }
    const reply = await send(url + path, { ...sent, redirect: 'manual', duplex: 'half' }).catch((error) => {
      init.signal?.throwIfAborted()
      throw toNetworkError(error)
    })
    if (reply.headers.get('Content-Encoding') !== null) throw await refuse(reply, 'an encoded answer')
    return reply
  }

  async function askHead(key: string, signal: AbortSignal | undefined): Promise<Reply> {
    const reply = await ask(toPath(key), WANTED, { method: 'HEAD', ...(signal && { signal }) })
    await reply.body?.cancel()
    return reply
  }

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const reply = await askHead(key, signal)
    if (isDirectory(reply, url, key)) return null
    if (isAbsence(reply)) return await confirmAbsence(signal)
    if (reply.status !== 200) throw toFailure(reply)
    return toInfo(key, parseLength(reply.headers), reply)
  }

  /** Null when the server still shows the directory that files would be in. */
  async function confirmAbsence(signal: AbortSignal | undefined): Promise<null> {
    const reply = await ask('', {}, { method: 'HEAD', ...(signal && { signal }) })
    await reply.body?.cancel()
    // Many forbid to look into a directory that is there.
    if (reply.status === 200 || reply.status === 403) return null
    throw new StorageError(
      'unreachable',
      `the web server has no such file, and does not show the directory either (status ${reply.status})`,
    )
  }

  async function get(key: string, options: GetOptions): Promise<OpenedObject | null> {
    const { range, version, signal } = options
    if (range?.length === 0) return await openEmpty(key, options)
    const bytes = range && `bytes=${range.offset}-${range.offset + range.length - 1}`
    const headers = { ...WANTED, ...(bytes && { Range: bytes }) }
    const reply = await ask(toPath(key), headers, signal ? { signal } : {})
    const isPart = range !== undefined && reply.status === 206
    if (reply.body === null || !(reply.status === 200 || isPart)) {
      await reply.body?.cancel()
      if (isDirectory(reply, url, key)) return null
      if (isAbsence(reply)) return await confirmAbsence(signal)
      throw reply.status === 416 ? changed() : toFailure(reply)
    }
    const body = mapErrors(reply.body)
    const part = toPart(body, reply, range)
    if (part === null) {
      await body.cancel()
      throw unexpected('another part of the file')
    }
    const info = toInfo(key, part.size, reply)
    if (info.version !== (version ?? info.version)) {
      await part.body.cancel()
      throw changed()
    }
    const wanted = exactly(part.body, range?.length ?? info.size)
    const look = () => askHead(key, signal)
    return { info, body: toStream(watched(wanted, reply, look), signal) }
  }

  async function openEmpty(key: string, { version, signal }: GetOptions): Promise<OpenedObject | null> {
    const info = await head(key, signal)
    if (info !== null && info.version !== (version ?? info.version)) throw changed()
    return info && { info, body: toStream(fromBytes(new Uint8Array())) }
  }

  return {
    head,
    get,
    list: (prefix, after, limit, signal) =>
      listWeb({ prefix, after, limit }, async (path) => {
        const reply = await ask(toPath(path), { Accept: 'application/json' }, signal ? { signal } : {})
        if (path === '' || !isAbsence(reply)) return reply
        // It went away since it was listed.
        await reply.body?.cancel()
        return await confirmAbsence(signal)
      }),
  }
}

/** `body`, which errors with `changed` when it breaks off, or ends, and the file is another by then. */
function watched(body: Chunks, before: Reply, look: () => Promise<Reply>): Chunks {
  const requireSame = async () => {
    const { headers } = await look()
    if (MARKS.some((field) => headers.get(field) !== before.headers.get(field))) throw changed()
    return headers
  }
  return through(
    beforeEnd(body, async () => void (await requireSame())),
    async function* (chunks) {
      try {
        yield* chunks
      } catch (error) {
        // One that was changed a moment ago may just have been.
        if (isSettled(await requireSame())) throw error
        throw changed()
      }
    },
  )
}

/** What a file bears as long as it is the same. */
const MARKS = ['Last-Modified', 'ETag']

/** RFC 9530 §4: whoever has a digest may say so. */
const WANTED = { 'Want-Repr-Digest': 'sha-256=10' }

/** A key, or a directory with a slash at its end, as the rest of an address. */
function toPath(key: string): string {
  return toFilePath(key).replace('/files/', '')
}

function isAbsence({ status }: Reply): boolean {
  return status === 404 || status === 410
}

/** Web servers send whoever asks for a directory without the slash to the same with one. */
function isDirectory({ status, headers }: Reply, url: string, key: string): boolean {
  if (![301, 302, 307, 308].includes(status)) return false
  const [from, location] = [url + toPath(key), headers.get('Location') ?? '']
  return URL.parse(location, from)?.pathname === `${new URL(from).pathname}/`
}

function toInfo(key: string, size: number | null, { headers }: Reply): ObjectInfo {
  if (size === null) throw unexpected('a file without its length')
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  const version = toVersion(size, modified, headers)
  return { key, size, modified, version, stored: parseReprDigest(headers.get('Repr-Digest') ?? '') }
}

/**
 * A strong ETag alone is believed where there is no time. With one, many servers make it of the size and the time in
 * seconds: it tells no two changes of one second apart.
 */
function toVersion(size: number, modified: number | null, headers: Reply['headers']): string | null {
  const etag = headers.get('ETag') ?? ''
  const isStrong = etag.startsWith('"')
  if (modified === null) return isStrong ? `${size} ${etag}` : null
  return isSettled(headers) ? `${size} ${modified} ${isStrong ? etag : ''}` : null
}

function isSettled(headers: Reply['headers']): boolean {
  const [modified, now] = ['Last-Modified', 'Date'].map((field) => parseHttpDate(headers.get(field) ?? ''))
  return modified != null && now != null && now - modified >= SETTLED_MS
}

function parseLength(headers: Reply['headers']): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

function toFailure({ status, headers }: Reply): StorageError {
  const wait = /^\d{1,9}$/.exec(headers.get('Retry-After') ?? '')
  const rest = wait ? `, and wants ${wait[0]} s of rest` : ''
  if (status === 401 || status === 403) {
    return new StorageError('unreadable', `the web server denies access to the file (status ${status})`, {
      reason: 'http_request_denied',
    })
  }
  if (status === 429 || status >= 500) {
    return new StorageError('unreachable', `the web server failed (status ${status})${rest}`)
  }
  return unexpected(status >= 300 && status < 400 ? 'a redirect elsewhere' : `status ${status}`)
}

async function refuse(reply: Reply, what: string): Promise<StorageError> {
  await reply.body?.cancel()
  return unexpected(what)
}

function unexpected(what: string): StorageError {
  return new StorageError('unreachable', `the web server answered with ${what}`, {
    reason: 'http_protocol_error',
  })
}

function changed(): StorageError {
  return new StorageError('changed', 'the file is no longer the one asked for')
}
