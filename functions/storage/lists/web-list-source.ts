import { type Chunks, readUpTo } from '../../bytes/chunks.ts'
import { toDigest } from '../../wire/digest.ts'
import { parseHttpDate } from '../../wire/fields/dates.ts'
import { withTimeout } from '../../wire/limit.ts'
import { ANSWER_MS, MAX_LIST_BYTES, SILENCE_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatSize } from '../../wire/text.ts'
import type { Send } from '../remote/remote.ts'
import { mapErrors, parseLength, type Reply } from '../remote/replies.ts'
import { createWebClient, toFailure } from '../web/web-client.ts'
import { toVersion } from '../web/web-versions.ts'
import { toSiblingNames } from './formats/bagit.ts'
import type { ListSource } from './list-storage.ts'

/**
 * A list on a web server, read by GET. It is asked for again only if its `ETag` or its time shows that it
 * changed, where the server sends one that does; the files of a bag beside it are read each time. It is never
 * redirected, and neither a cache nor another encoding may answer. Reading ends when the server sends nothing
 * for `SILENCE_MS`, or takes `ANSWER_MS` for a file. Errors never name the address.
 */
export function createWebListSource(
  url: string,
  options: { readonly fetch?: Send | undefined } = {},
): ListSource {
  const cut = url.lastIndexOf('/') + 1
  const client = createWebClient(url.slice(0, cut), options.fetch ?? fetch)
  const path = url.slice(cut)
  const name = decodeURIComponent(path)
  /** The version read last, and the fields by which the server tells whether the list still is. */
  let last: {
    readonly version: string
    readonly list: string
    readonly headers: Record<string, string>
  } | null = null

  /** Null for a file that is not there. */
  async function readFile(path: string, headers: Record<string, string>, signal: AbortSignal | undefined) {
    const abort = new AbortController()
    const stopped = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal])
    const reply = await withinSilence(client.ask(path, { headers, signal: stopped })).catch((error) => {
      abort.abort(error)
      throw error
    })
    if (reply.status === 200) return { reply, bytes: await readBody(reply) }
    await reply.body?.cancel()
    if (reply.status === 304 || reply.status === 404 || reply.status === 410) return { reply, bytes: null }
    throw toFailure(reply)
  }

  async function readSiblings(
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
    const found = new Map<string, Uint8Array<ArrayBuffer>>()
    for (const sibling of toSiblingNames(name)) {
      const { bytes } = await readFile(encodeURIComponent(sibling), {}, signal)
      if (bytes !== null) found.set(sibling, bytes)
    }
    return found
  }

  return {
    async read(known, signal) {
      const conditions = last !== null && last.version === known ? last.headers : {}
      const first = await readFile(path, conditions, signal)
      const same = first.reply.status === 304 && last?.version === known ? last : null
      if (first.bytes === null && same === null) throw gone(first.reply)
      const siblings = await readSiblings(signal)
      if (same !== null && (await toVersionOf(same.list, siblings)) === known) return null
      const { reply, bytes } = same === null ? first : await readFile(path, {}, signal)
      if (bytes === null) throw gone(reply)
      const list = await hash(bytes)
      const version = await toVersionOf(list, siblings)
      last = { version, list, headers: toConditions(reply, bytes.length) }
      if (version === known) return null
      const modified = parseHttpDate(reply.headers.get('Last-Modified') ?? '')
      return { name, bytes, version, modified, siblings }
    },
  }
}

/** The digest of the list, and those of the files beside it. */
async function toVersionOf(
  list: string,
  siblings: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Promise<string> {
  const marks = [list]
  for (const [name, bytes] of siblings) marks.push(`${name}:${await hash(bytes)}`)
  return marks.join(' ')
}

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toDigest(await crypto.subtle.digest('SHA-256', bytes))
}

async function readBody(reply: Reply): Promise<Uint8Array<ArrayBuffer>> {
  if (reply.body === null) return new Uint8Array()
  const body = watchSilence(mapErrors(reply.body))
  const length = parseLength(reply.headers)
  const bytes = length !== null && length > MAX_LIST_BYTES ? null : await readUpTo(body, MAX_LIST_BYTES)
  if (bytes === null) {
    await body.cancel()
    throw tooLarge()
  }
  if (length !== null && length !== bytes.length)
    throw new StorageError('unreachable', 'the list broke off', { reason: 'http_response_incomplete' })
  return bytes
}

/** `body`, with an error when its sender is silent, or too slow as a whole. */
function watchSilence(body: Chunks): Chunks {
  const end = Date.now() + ANSWER_MS
  return {
    next: () => withinSilence(body.next(), Math.min(SILENCE_MS, end - Date.now())),
    cancel: (reason) => body.cancel(reason),
  }
}

/** Settles as `work` does, or rejects after `ms`. */
async function withinSilence<T extends object>(work: Promise<T>, ms = SILENCE_MS): Promise<T> {
  const result = await withTimeout(ms, work)
  if (result !== undefined) return result
  throw new StorageError('unreachable', 'the web server took too long to send the list')
}

/** The fields that ask for a list only if it has changed; none where its marks would not show that. */
function toConditions({ headers }: Reply, size: number): Record<string, string> {
  const [etag, time] = [headers.get('ETag') ?? '', headers.get('Last-Modified') ?? '']
  if (toVersion({ size, modified: parseHttpDate(time), etag }, headers) === null) return {}
  return etag === '' ? { 'If-Modified-Since': time } : { 'If-None-Match': etag }
}

function gone({ status }: Reply): StorageError {
  const message = `the web server has no such list (status ${status})`
  return new StorageError('unreachable', message, { reason: 'http_response_incomplete' })
}

/** The error for a list that is not read because of its size. */
export function tooLarge(): StorageError {
  return new StorageError(
    'unreadable',
    `the list has more than ${formatSize(MAX_LIST_BYTES)}; divide it by folders`,
  )
}
