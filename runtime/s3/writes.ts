import { RESERVED } from '../../functions/storage/names.ts'
import type { ObjectInfo, Objects, ObjectWrites, WriteOptions } from '../../functions/storage/objects.ts'
import type { Reply } from '../../functions/storage/replies.ts'
import { toSeconds } from '../../functions/wire/dates.ts'
import { type Digest, toBytes } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Ask, S3Client } from './client.ts'
import { type Failure, protocolError, readAnswer, readFailure, toFailure, toStoreError } from './failures.ts'
import { MAX_SINGLE_PUT_BYTES } from './limits.ts'
import { MODIFIED_FIELD, OWN_CHECKSUM, toEtag } from './versions.ts'

/** What writing is done with. */
export interface S3WritesOptions extends Pick<S3Client, 'ask' | 'toSource'>, Pick<Objects, 'head'> {
  /** As in `S3Options`. */
  readonly root: string
}

/** An ETag that no content has. */
const NO_ETAG = '0'.repeat(32)

/**
 * How a store wants an ETag in `If-Match`: as a quoted string (RFC 9110 §8.8.3), or as Ceph 16 does, which holds it
 * against its own without the quotes.
 */
type Quote = '"' | ''

/**
 * Writes to a bucket, each on a condition. Stores that ignore conditions would overwrite what nobody saw: before the
 * first write it is tried out, on an empty object below `.vouch/`, whether and how this one heeds them.
 */
export function createS3Writes({ ask, head, toSource, root }: S3WritesOptions): ObjectWrites {
  const probe = `${root}${RESERVED}/conditions`
  let tried: Promise<Quote> | undefined

  async function findQuote(signal: AbortSignal | undefined): Promise<Quote> {
    tried ??= tryConditions(signal)
    try {
      return await tried
    } catch (error) {
      // The next write tries again: what kept this one from it may have passed.
      tried = undefined
      throw error
    }
  }

  async function tryConditions(signal: AbortSignal | undefined): Promise<Quote> {
    const unless = { 'If-None-Match': '*' }
    const made = await tryWrite(unless, signal)
    if (made && (await tryWrite(unless, signal))) throw ignored('If-None-Match')
    for (const quote of ['"', ''] as const) {
      const version = (await head(probe, signal))?.version ?? null
      if (version === null || !(await tryWrite({ 'If-Match': toEtag(version, quote) }, signal))) continue
      if (await tryWrite({ 'If-Match': quote + NO_ETAG + quote }, signal)) throw ignored('If-Match')
      return quote
    }
    throw ignored('If-Match')
  }

  /** Whether an empty object was written although, or because, of the condition. */
  async function tryWrite(condition: Readonly<Record<string, string>>, signal: AbortSignal | undefined) {
    const reply = await ask({
      method: 'PUT',
      key: probe,
      signed: condition,
      headers: { 'Content-Length': '0' },
      signal,
    })
    if (reply.status === 200) {
      await reply.body?.cancel()
      return true
    }
    const error = toWriteError(await readFailure(reply))
    if (error.code !== 'precondition') throw error
    return false
  }

  async function put(
    key: string,
    body: ReadableStream<Uint8Array>,
    options: WriteOptions,
  ): Promise<ObjectInfo> {
    const { size, signal } = options
    try {
      requireSize(size)
      const quote = await findQuote(signal)
      const reply = await ask(toPut(key, body, options, quote))
      if (reply.status !== 200) return await findWritten(key, await readFailure(reply), options)
      await reply.body?.cancel()
      return await readWritten(key, size, reply, signal)
    } catch (error) {
      if (!body.locked) await body.cancel(error)
      throw error
    }
  }

  /**
   * What was written all the same; throws why nothing was. Ceph answers with 500 also to whom another got ahead of, and
   * any store may fail after it has written: what is there then tells.
   */
  async function findWritten(key: string, failure: Failure, options: WriteOptions): Promise<ObjectInfo> {
    const { digest, over, signal } = options
    const error = toWriteError(failure)
    if (failure.status < 500) throw error
    const now = await head(key, signal).catch(() => {
      throw error
    })
    if (now?.stored === digest) return now
    throw (now?.version ?? null) === over ? error : overtaken()
  }

  /** What was written, once it is: an error would say that it is not. */
  async function readWritten(
    key: string,
    size: number,
    reply: Reply,
    signal: AbortSignal | undefined,
  ): Promise<ObjectInfo> {
    const info = await head(key, signal).catch(() => null)
    const etag = reply.headers.get('ETag') ?? ''
    const isThis = info !== null && info.version !== null && toEtag(info.version).includes(etag)
    return isThis && info.size === size
      ? info
      : { key, size, modified: null, version: null, stored: undefined }
  }

  async function copy(from: ObjectInfo, to: string, signal: AbortSignal | undefined): Promise<void> {
    requireSize(from.size)
    const reply = await ask({
      method: 'PUT',
      key: to,
      signed: {
        'x-amz-copy-source': toSource(from.key),
        ...(from.version !== null && { 'x-amz-copy-source-if-match': toEtag(from.version) }),
        // A plain copy of an object without this metadata would bear the time of the copy.
        ...(from.modified !== null && {
          'x-amz-metadata-directive': 'REPLACE',
          [MODIFIED_FIELD]: toSeconds(from.modified),
        }),
      },
      headers: { 'Content-Length': '0' },
      signal,
    })
    const answer = await readAnswer(reply)
    // A copy that takes a while answers with 200 before it is done, and may fail after that.
    if (answer?.name === 'Error' || reply.status !== 200) throw toWriteError(toFailure(reply, answer))
    if (answer?.name !== 'CopyObjectResult') throw protocolError('no word on a copy')
  }

  return { put, copy }
}

function toPut(key: string, body: ReadableStream<Uint8Array>, options: WriteOptions, quote: Quote): Ask {
  const { size, digest, over, modified, signal } = options
  return {
    method: 'PUT',
    key,
    signed: {
      // The store checks the content against it, and keeps it.
      'x-amz-checksum-sha256': toBase64(digest),
      [OWN_CHECKSUM]: toBase64(digest),
      ...(over === null ? { 'If-None-Match': '*' } : { 'If-Match': toEtag(over, quote) }),
      ...(modified !== null && { [MODIFIED_FIELD]: toSeconds(modified) }),
    },
    headers: { 'Content-Length': String(size) },
    body,
    digest,
    signal,
  }
}

function toBase64(digest: Digest): string {
  return btoa(String.fromCharCode(...toBytes(digest)))
}

function requireSize(size: number): void {
  if (size <= MAX_SINGLE_PUT_BYTES) return
  throw new StorageError('unreadable', 'S3 takes and copies no more than 5 GiB in one piece', {
    reason: 'http_request_error',
  })
}

/** As `toStoreError`, of a conditional write: one whose condition does not hold is `precondition`. */
function toWriteError(failure: Failure): StorageError {
  const { status, code } = failure
  // AWS answers If-Match on what is not there with 404, and two writes at once with 409.
  const isLost = status === 412 || status === 409 || code === 'PreconditionFailed'
  if (isLost || (status === 404 && code === 'NoSuchKey')) return overtaken()
  // Said of conditions that the store does not know.
  return code === 'NotImplemented' ? ignored('If-Match or If-None-Match') : toStoreError(failure)
}

function overtaken(): StorageError {
  return new StorageError('precondition', 'the object is not the one that was to be replaced')
}

function ignored(condition: string): StorageError {
  return new StorageError('read-only', `the store heeds no ${condition}: nothing can be written to it safely`)
}
