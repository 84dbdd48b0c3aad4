import { beforeEnd, type Chunks, exactly, fromBytes, sliced, through, toStream } from '../../bytes/chunks.ts'
import { changedError } from '../../wire/errors.ts'
import { parseHttpDate } from '../../wire/fields/dates.ts'
import { type ByteRange, parseContentRange, toRangeField } from '../../wire/fields/ranges.ts'
import { StorageError, settle } from '../../wire/storage-error.ts'
import {
  type GetOptions,
  type ObjectInfo,
  type Objects,
  type OpenedObject,
  openEmpty,
} from '../objects/objects.ts'
import { createProvisionalDigests } from '../objects/provisional-digests.ts'
import type { Send } from '../remote/remote.ts'
import { mapErrors, parseLength, type Reply } from '../remote/replies.ts'
import { createAskDirectory } from './listing/ask-directory.ts'
import { createAbsence } from './web-absence.ts'
import {
  createWebClient,
  isBusy,
  isFailing,
  type Measured,
  toFailure,
  toInfo,
  toPath,
  unexpected,
  WANTED,
} from './web-client.ts'
import { isBelowFile, isDirectoryPage, tryOut } from './web-directories.ts'
import { createWebListing, type Looked } from './web-listing.ts'
import { isSameVersion, isSettled } from './web-versions.ts'

/** How a web server is reached. */
export interface StaticWebOptions {
  /** The host's `fetch` when absent. */
  readonly fetch?: Send | undefined
}

/**
 * The files below `url`, which ends in a slash, on any web server that serves files unchanged, by GET, HEAD
 * and ranges where it has them. It cannot be written to. Its own `Repr-Digest` counts as a `stored` digest.
 *
 * No digest is remembered of a file that has neither a time nor a strong ETag, has a weak ETag, or was
 * changed in the last two seconds; that of any other file is remembered once the server has shown the same
 * file again (`ProvisionalDigests`). An answer from a cache is an error, and so is a redirect. A file is
 * absent only while the server still shows the directory itself, or another file in it, so that a wrong path
 * or a lost disk is an error; so is a server that shows a page for every name. Errors never name the address.
 * Directories are listed in JSON or XML of nginx, JSON of Caddy, by WebDAV, or by the links of pages in HTML
 * and a HEAD for each file; a page that is not known to be a whole listing is an error.
 *
 * @example
 * const mirror = createObjectStorage(createStaticWeb('https://mirror.example/photos/'), { createHasher })
 */
export function createStaticWeb(url: string, options: StaticWebOptions = {}): Objects {
  const client = createWebClient(url, options.fetch ?? fetch)
  const absence = createAbsence(client)
  const listPage = createWebListing()
  /** Whether the server shows a file for any path below that file's own; null until that was tried out. */
  let ignoresRest: boolean | null = null

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const found = await find(key, await client.measure(toPath(key), signal), signal)
    const askPath = (path: string) => client.askHead(path, signal)
    if (found === null || found === 'directory') return null
    return ignoresRest && (await isBelowFile(toPath(key), askPath)) ? null : found
  }

  /** What an answer for `key` shows; perhaps a file, where a server ignores the rest of a path after one. */
  async function find(
    key: string,
    measured: Measured,
    signal: AbortSignal | undefined,
  ): Promise<ObjectInfo | 'directory' | null> {
    const { reply } = measured
    const absent = await absence.find(reply, key, signal)
    if (absent !== undefined) return absent
    if (reply.status !== 200) throw toFailure(reply)
    const path = toPath(key)
    const askPath = (path: string) => client.askHead(path, signal)
    ignoresRest ??= await tryOut(path, askPath)
    if (await isDirectoryPage(reply, path, askPath)) return 'directory'
    const info = toInfo(key, measured)
    absence.noteFile(path)
    return info
  }

  /** What a listing has under this key, of which it is known that it is not below a file. */
  async function look(key: string, signal: AbortSignal | undefined): Promise<Looked> {
    const measured = await client.measure(toPath(key), signal)
    if (isFailing(measured.reply) && !isBusy(measured.reply)) return 'unreadable'
    const found = await settle(find(key, measured, signal))
    if (!(found instanceof StorageError)) return found
    if (found.code !== 'unreadable') throw found
    return 'unreadable'
  }

  async function get(key: string, options: GetOptions): Promise<OpenedObject | null> {
    const { range, version, signal } = options
    if (range?.length === 0) return openEmpty(await head(key, signal), version)
    const bytes = range && toRangeField(range)
    const headers = { ...WANTED, ...(bytes && { Range: bytes }) }
    const reply = await client.ask(toPath(key), { headers, signal })
    const isPart = range !== undefined && reply.status === 206
    if (reply.status !== 200 && !isPart) {
      await reply.body?.cancel()
      if ((await absence.find(reply, key, signal)) !== undefined) return null
      throw reply.status === 416 ? changedError() : toFailure(reply)
    }
    const body = mapErrors(reply.body ?? fromBytes(new Uint8Array()))
    const part = toPart(body, reply, range)
    if (part === null) {
      await body.cancel()
      throw unexpected('another part of the file')
    }
    const info = toInfo(key, { size: part.size, reply })
    if (!isSameVersion(info.version, version ?? info.version)) {
      await part.body.cancel()
      throw changedError()
    }
    const wanted = exactly(part.body, range?.length ?? info.size)
    const look = () => client.measure(toPath(key), signal)
    return { info, body: toStream(watched(wanted, { size: info.size, reply }, look), signal) }
  }

  return {
    head,
    get,
    provisional: createProvisionalDigests(),
    list: (prefix, after, limit, signal) =>
      listPage(
        { prefix, after, limit },
        { ...createAskDirectory(client, absence, signal), look: (key) => look(key, signal) },
      ),
  }
}

/** `body`; errors with `changed` when the file is another by the time it ends or breaks off. */
function watched(body: Chunks, before: Measured, look: () => Promise<Measured>): Chunks {
  const requireSame = async () => {
    const { reply, size } = await look()
    if (!hasSameMarks(reply, before.reply) || size !== before.size) throw changedError()
    return reply.headers
  }
  const ending = beforeEnd(body, async () => void (await requireSame()))
  return through(ending, (chunks) => passWatched(chunks, requireSame))
}

async function* passWatched(
  chunks: AsyncGenerator<Uint8Array>,
  requireSame: () => Promise<Reply['headers']>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    // A file that was changed a moment ago may have been changed again.
    const headers = await requireSame()
    if (isSettled(parseHttpDate(headers.get('Last-Modified') ?? ''), headers)) throw error
    throw changedError()
  }
}

/** The bytes that were asked for, and the size of the whole file; null when the answer does not have it. */
interface Part {
  readonly size: number | null
  readonly body: Chunks
}

/** The part asked for in a 200, cut from the whole, or in a 206; null when it is another part. */
function toPart(body: Chunks, { status, headers }: Reply, range: ByteRange | undefined): Part | null {
  const length = parseLength(headers)
  if (range === undefined) return { size: length, body }
  if (status === 200) {
    if (length !== null && range.offset + range.length > length) return null
    return { size: length, body: sliced(body, range) }
  }
  const part = parseContentRange(headers.get('Content-Range') ?? '')
  const isWanted = part?.offset === range.offset && part.length === range.length
  return isWanted && (length ?? part.length) === part.length ? { size: part.size, body } : null
}

/** Whether two answers show what a file keeps as long as it is the same. */
function hasSameMarks({ headers: one }: Reply, { headers: other }: Reply): boolean {
  const time = 'Last-Modified'
  return one.get(time) === other.get(time) && mayMatch(one.get('ETag'), other.get('ETag'))
}

/**
 * Compares weakly (RFC 9110 §8.8.3.2): Apache marks an ETag as weak until the file is a second old. An answer
 * to HEAD may have none (see `isSameVersion`).
 */
function mayMatch(one: string | null, other: string | null): boolean {
  return one === null || other === null || one.replace(/^W\//, '') === other.replace(/^W\//, '')
}
