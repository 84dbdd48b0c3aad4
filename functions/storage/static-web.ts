import { parseHttpDate } from '../wire/dates.ts'
import { parseReprDigest } from '../wire/fields.ts'
import { toFilePath } from '../wire/routes.ts'
import { StorageError } from '../wire/trouble.ts'
import { toNetworkError } from './network-errors.ts'
import type { GetOptions, ObjectInfo, Objects, OpenedObject } from './objects.ts'
import { createProvisionalDigests } from './provisional-digests.ts'
import type { Send, SendInit } from './remote.ts'
import { mapErrors, type Reply } from './replies.ts'
import { beforeEnd, type Chunks, exactly, fromBytes, through, toStream } from './streams.ts'
import { findCachedAge } from './web-caches.ts'
import { isBelowFile, isDirectoryPage, isShown, toProbe, tryOut } from './web-directories.ts'
import { createWebListing } from './web-listing.ts'
import { toPart } from './web-ranges.ts'
import { isSettled, toVersion } from './web-versions.ts'

/** What a web server is asked with. */
export interface StaticWebOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
}

/**
 * The files below `url`, which ends in a slash, on any web server that serves files as they are: by GET, HEAD and, where
 * it has them, ranges; read-only. Its `Repr-Digest` is its own word for a content. Nothing is remembered of a file that
 * bears neither a time nor a strong ETag, bears a weak one, or was changed in the last two seconds. The digest of any other
 * file is remembered once the server has shown the same again (`ProvisionalDigests`). An answer from a cache is an error.
 * Redirects are not followed. A file is absent only while the server still shows the directory itself, or another file in
 * it, so that a wrong path or a lost disk is an error; and none is there for a server that shows something whatever it is
 * asked for. Errors never name the address.
 */
export function createStaticWeb(url: string, options: StaticWebOptions = {}): Objects {
  const send: Send = options.fetch ?? fetch
  const listPage = createWebListing()
  /** Whether it shows a file for whatever follows the name of one; null until that was tried out. */
  let ignoresRest: boolean | null = null
  /** The path of a file that was there when it was last asked for. */
  let witness: string | null = null

  async function ask(
    path: string,
    headers: Record<string, string>,
    init: Partial<Pick<SendInit, 'method' | 'signal'>>,
  ): Promise<Reply> {
    init.signal?.throwIfAborted()
    const sent = { ...init, headers: { ...headers, ...ALWAYS } }
    const reply = await send(url + path, { ...sent, redirect: 'manual', duplex: 'half' }).catch((error) => {
      init.signal?.throwIfAborted()
      throw toNetworkError(error)
    })
    const cachedAge = findCachedAge(reply.headers)
    if (cachedAge !== undefined) throw await refuseCached(reply, cachedAge)
    if (reply.headers.get('Content-Encoding') !== null) throw await refuse(reply, 'an encoded answer')
    return reply
  }

  async function askHead(path: string, signal: AbortSignal | undefined): Promise<Reply> {
    const reply = await ask(path, WANTED, { method: 'HEAD', ...(signal && { signal }) })
    await reply.body?.cancel()
    return reply
  }

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const path = toPath(key)
    const { reply, size } = await askFile(path, signal)
    if (await isAbsent(reply, key, signal)) return null
    if (reply.status !== 200) throw toFailure(reply)
    const askPath = (path: string) => askHead(path, signal)
    ignoresRest ??= await tryOut(path, askPath)
    if (await isDirectoryPage(reply, path, askPath)) return null
    if (ignoresRest && (await isBelowFile(path, askPath))) return null
    const info = toInfo(key, size, reply)
    witness = path
    return info
  }

  /** What HEAD returns, and the size of the file; of an empty one Apache tells it in the answer to GET alone. */
  async function askFile(path: string, signal: AbortSignal | undefined): Promise<Measured> {
    const reply = await askHead(path, signal)
    const size = parseLength(reply.headers)
    if (reply.status !== 200 || size !== null) return { reply, size }
    const again = await ask(path, WANTED, signal ? { signal } : {})
    await again.body?.cancel()
    return { reply: again, size: parseLength(again.headers) }
  }

  /**
   * Whether that answer says that there is no such file. It is believed while the server shows the directory that files
   * are in, or another file in it; rejects otherwise.
   */
  async function isAbsent(reply: Reply, key: string, signal: AbortSignal | undefined): Promise<boolean> {
    const path = toPath(key)
    // Some put a slash behind every name, directory or not.
    if (isSlashed(reply, url + path)) {
      return isShown(await askHead(`${path}/`, signal)) || isAbsence(await askHead(toProbe(''), signal))
    }
    if (!isAbsence(reply)) return false
    const root = await askHead('', signal)
    if (isShown(root)) return true
    if (witness !== null && (await askHead(witness, signal)).status === 200) return true
    witness = null
    if (isFailing(root)) throw toFailure(root)
    throw new StorageError(
      'unreadable',
      `the web server shows neither the file nor the directory (status ${root.status}): the file may be missing, or all of them out of reach`,
      { reason: 'http_response_incomplete' },
    )
  }

  async function get(key: string, options: GetOptions): Promise<OpenedObject | null> {
    const { range, version, signal } = options
    if (range?.length === 0) return await openEmpty(key, options)
    const bytes = range && `bytes=${range.offset}-${range.offset + range.length - 1}`
    const headers = { ...WANTED, ...(bytes && { Range: bytes }) }
    const reply = await ask(toPath(key), headers, signal ? { signal } : {})
    const isPart = range !== undefined && reply.status === 206
    if (reply.status !== 200 && !isPart) {
      await reply.body?.cancel()
      if (await isAbsent(reply, key, signal)) return null
      throw reply.status === 416 ? changed() : toFailure(reply)
    }
    const body = mapErrors(reply.body ?? fromBytes(new Uint8Array()))
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
    const look = () => askFile(toPath(key), signal)
    return {
      info,
      body: toStream(watched(wanted, { size: info.size, headers: reply.headers }, look), signal),
    }
  }

  async function openEmpty(key: string, { version, signal }: GetOptions): Promise<OpenedObject | null> {
    const info = await head(key, signal)
    if (info !== null && info.version !== (version ?? info.version)) throw changed()
    return info && { info, body: toStream(fromBytes(new Uint8Array())) }
  }

  async function askListing(path: string, signal: AbortSignal | undefined): Promise<Reply | null> {
    const reply = await ask(toPath(path), { Accept: 'application/json' }, signal ? { signal } : {})
    const { status } = reply
    if (!isAbsence(reply) && status !== 401 && status !== 403 && !isFailing(reply)) return reply
    await reply.body?.cancel()
    if (isFailing(reply)) throw toFailure(reply)
    // The root is never gone, and another may be since it was listed.
    if (path !== '' && (await isAbsent(reply, path, signal))) return null
    // Files may be read all the same.
    throw new StorageError(
      'unreadable',
      `the web server shows no listing of the directory (status ${status})`,
      {
        reason: 'http_request_denied',
      },
    )
  }

  return {
    head,
    get,
    provisional: createProvisionalDigests(),
    list: (prefix, after, limit, signal) =>
      listPage(
        { prefix, after, limit },
        {
          listing: (path) => askListing(path, signal),
          has: async (key) => (await head(key, signal)) !== null,
        },
      ),
  }
}

/** An answer, and the size of the file in bytes; null where the server does not tell it. */
interface Measured {
  readonly reply: Reply
  readonly size: number | null
}

/** `body`, which errors with `changed` when it breaks off, or ends, and the file is another by then. */
function watched(
  body: Chunks,
  before: Pick<Reply, 'headers'> & { readonly size: number },
  look: () => Promise<Measured>,
): Chunks {
  const requireSame = async () => {
    const { reply, size } = await look()
    const isSame = MARKS.every((field) => toMark(reply, field) === toMark(before, field))
    if (!isSame || size !== before.size) throw changed()
    return reply.headers
  }
  return through(
    beforeEnd(body, async () => void (await requireSame())),
    async function* (chunks) {
      try {
        yield* chunks
      } catch (error) {
        // One that was changed a moment ago may just have been.
        const headers = await requireSame()
        if (isSettled(parseHttpDate(headers.get('Last-Modified') ?? ''), headers)) throw error
        throw changed()
      }
    },
  )
}

/** What a file bears as long as it is the same. */
const MARKS = ['Last-Modified', 'ETag']

/** Apache marks the same ETag as weak until the file is a second old: they are compared as RFC 9110 §8.8.3.2 has it. */
function toMark({ headers }: Pick<Reply, 'headers'>, field: string): string | undefined {
  return headers.get(field)?.replace(/^W\//, '')
}

/** The bytes as they are, and from the server itself: what a cache on the way remembers is not its word (RFC 9111 §5.2.1.4). */
const ALWAYS = { 'Accept-Encoding': 'identity', 'Cache-Control': 'no-cache' }

/** RFC 9530 §4: whoever has a digest may say so. */
const WANTED = { 'Want-Repr-Digest': 'sha-256=10' }

/** A key, or a directory with a slash at its end, as the rest of an address. */
function toPath(key: string): string {
  return toFilePath(key).replace('/files/', '')
}

function isAbsence({ status }: Reply): boolean {
  return status === 404 || status === 410
}

/** Whether the server is out of order, for a while at least. */
function isFailing({ status }: Reply): boolean {
  return status === 429 || status >= 500
}

/** Web servers send whoever asks for a directory without the slash to the same with one, be it by another port. */
function isSlashed({ status, headers }: Reply, from: string): boolean {
  if (![301, 302, 307, 308].includes(status)) return false
  const [asked, location] = [new URL(from), URL.parse(headers.get('Location') ?? '', from)]
  if (location?.hostname !== asked.hostname) return false
  return location.pathname.endsWith('/') && decode(location.pathname) === decode(`${asked.pathname}/`)
}

/** A path by what it means: which characters are encoded in it is for each program to choose. Null for one that is broken. */
function decode(path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

function toInfo(key: string, size: number | null, { headers }: Reply): ObjectInfo {
  if (size === null) throw unexpected('a file without its length')
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  const version = toVersion({ size, modified, etag: headers.get('ETag') ?? '' }, headers)
  return { key, size, modified, version, stored: parseReprDigest(headers.get('Repr-Digest') ?? '') }
}

function parseLength(headers: Reply['headers']): number | null {
  const text = headers.get('Content-Length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

function toFailure(reply: Reply): StorageError {
  const { status, headers } = reply
  const wait = /^\d{1,9}$/.exec(headers.get('Retry-After') ?? '')
  const rest = wait ? `, and wants ${wait[0]} s of rest` : ''
  if (status === 401 || status === 403) {
    return new StorageError('unreadable', `the web server denies access to the file (status ${status})`, {
      reason: 'http_request_denied',
    })
  }
  if (isFailing(reply)) {
    return new StorageError('unreachable', `the web server failed (status ${status})${rest}`)
  }
  return unexpected(status >= 300 && status < 400 ? 'a redirect elsewhere' : `status ${status}`)
}

async function refuse(reply: Reply, what: string): Promise<StorageError> {
  await reply.body?.cancel()
  return unexpected(what)
}

/** An answer that is not the server's, whatever it says: a file that is not there may be, and the other way round. */
async function refuseCached(reply: Reply, age: number | null): Promise<StorageError> {
  await reply.body?.cancel()
  const old = age === null ? '' : `, ${age} s old`
  return new StorageError(
    'unreadable',
    `the web server answered from a cache${old}; name the origin server, or turn the cache off for vouch`,
    { reason: 'proxy_configuration_error' },
  )
}

/** An answer about one file; others may well be read. */
function unexpected(what: string): StorageError {
  return new StorageError('unreadable', `the web server answered with ${what}`, {
    reason: 'http_protocol_error',
  })
}

function changed(): StorageError {
  return new StorageError('changed', 'the file is no longer the one asked for')
}
