import { toBase64 } from '../../functions/bytes/base64.ts'
import { RESERVED } from '../../functions/storage/names.ts'
import type {
  ObjectInfo,
  Objects,
  ObjectWrites,
  WriteOptions,
} from '../../functions/storage/objects/objects.ts'
import type { Reply } from '../../functions/storage/remote/replies.ts'
import { toBytes } from '../../functions/wire/digest.ts'
import { preconditionError } from '../../functions/wire/errors.ts'
import { toSeconds } from '../../functions/wire/fields/dates.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { formatNumber } from '../../functions/wire/text.ts'
import type { Ask, S3Client } from './client.ts'
import { type Failure, protocolError, readAnswer, readFailure, toFailure, toStoreError } from './failures.ts'
import { MAX_SINGLE_PUT_BYTES } from './limits.ts'
import { MODIFIED_FIELD, OWN_CHECKSUM, toEtag } from './versions.ts'

interface S3WritesOptions extends Pick<S3Client, 'ask' | 'toSource'>, Pick<Objects, 'head'> {
  /** As in `S3Options`. */
  readonly root: string
}

/** An ETag that no content has. */
const NO_ETAG = '0'.repeat(32)

/** How a store wants the ETag in `If-Match`: quoted (RFC 9110 §8.8.3), or unquoted, as Ceph 16 does. */
type Quote = '"' | ''

/**
 * Finds out before the first write whether and how a store heeds conditions, by an empty object below
 * `.vouch/`. Rejects with `read-only` for one that does not, which would overwrite what no plan saw.
 */
function createConditions({ ask, head, root }: Pick<S3WritesOptions, 'ask' | 'head' | 'root'>) {
  const probe = `${root}${RESERVED}/conditions`
  let tried: Promise<Quote> | undefined

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

  /** Whether an empty object was written under the condition. */
  async function tryWrite(condition: Readonly<Record<string, string>>, signal: AbortSignal | undefined) {
    const headers = { 'Content-Length': '0' }
    const reply = await ask({ method: 'PUT', key: probe, signed: condition, headers, signal })
    if (reply.status === 200) {
      await reply.body?.cancel()
      return true
    }
    const error = toWriteError(await readFailure(reply))
    if (error.code !== 'precondition') throw error
    return false
  }

  return async function findQuote(signal: AbortSignal | undefined): Promise<Quote> {
    tried ??= tryConditions(signal)
    try {
      return await tried
    } catch (error) {
      // The next write tries again, since the failure may have been a passing one.
      tried = undefined
      throw error
    }
  }
}

/** Writes to a bucket, each write on a condition (see `createConditions`). */
export function createS3Writes({ ask, head, toSource, root }: S3WritesOptions): ObjectWrites {
  const findQuote = createConditions({ ask, head, root })

  /**
   * The object if it was written in spite of the failure; throws why it was not otherwise. HEAD decides: Ceph
   * also answers 500 to a client that another overtook, and any store may fail after it has written.
   */
  async function findWritten(key: string, failure: Failure, options: WriteOptions): Promise<ObjectInfo> {
    const { digest, over, signal } = options
    const error = toWriteError(failure)
    if (failure.status < 500) throw error
    const now = await head(key, signal).catch(() => {
      throw error
    })
    if (now?.stored === digest) return now
    throw (now?.version ?? null) === over ? error : preconditionError()
  }

  /** The object that was written. It never rejects: an error would mean that nothing was written. */
  async function readWritten(key: string, reply: Reply, { size, signal }: WriteOptions): Promise<ObjectInfo> {
    const info = await head(key, signal).catch(() => null)
    const etag = reply.headers.get('ETag') ?? ''
    const isThis = info !== null && info.version !== null && toEtag(info.version).includes(etag)
    if (isThis && info.size === size) return info
    return { key, size, modified: null, version: null, stored: undefined }
  }

  return {
    async put(key, body, options) {
      const { size, signal } = options
      try {
        requireSize(size)
        const quote = await findQuote(signal)
        const reply = await ask(toPut(key, body, options, quote))
        if (reply.status !== 200) return await findWritten(key, await readFailure(reply), options)
        await reply.body?.cancel()
        return await readWritten(key, reply, options)
      } catch (error) {
        if (!body.locked) await body.cancel(error)
        throw error
      }
    },
    async copy(from, to, signal) {
      requireSize(from.size)
      const reply = await ask({
        method: 'PUT',
        key: to,
        signed: {
          'x-amz-copy-source': toSource(from.key),
          ...(from.version !== null && { 'x-amz-copy-source-if-match': toEtag(from.version) }),
          // Without it the copy of an object that lacks this metadata would have the time of the copy.
          ...(from.modified !== null && {
            'x-amz-metadata-directive': 'REPLACE',
            [MODIFIED_FIELD]: toSeconds(from.modified),
          }),
        },
        headers: { 'Content-Length': '0' },
        signal,
      })
      const answer = await readAnswer(reply)
      // A long copy answers 200 before it is done, and may still fail.
      if (answer?.name === 'Error' || reply.status !== 200) throw toWriteError(toFailure(reply, answer))
      if (answer?.name !== 'CopyObjectResult') throw protocolError('no result of a copy')
    },
  }
}

function toPut(key: string, body: ReadableStream<Uint8Array>, options: WriteOptions, quote: Quote): Ask {
  const { size, digest, over, modified, signal } = options
  const checksum = toBase64(toBytes(digest))
  return {
    method: 'PUT',
    key,
    signed: {
      // The store verifies the content by it, and stores it.
      'x-amz-checksum-sha256': checksum,
      [OWN_CHECKSUM]: checksum,
      ...(over === null ? { 'If-None-Match': '*' } : { 'If-Match': toEtag(over, quote) }),
      ...(modified !== null && { [MODIFIED_FIELD]: toSeconds(modified) }),
    },
    headers: { 'Content-Length': String(size) },
    body,
    digest,
    signal,
  }
}

function requireSize(size: number): void {
  if (size <= MAX_SINGLE_PUT_BYTES) return
  const message = `S3 accepts at most 5 GiB in one request, and the file has ${formatNumber(size)} bytes`
  throw new StorageError('unreadable', message, { reason: 'http_request_error' })
}

/** As `toStoreError`, but `precondition` for a conditional write whose condition does not hold. */
function toWriteError(failure: Failure): StorageError {
  const { status, code } = failure
  // AWS answers 404 to If-Match on an absent object, and 409 to one of two writes at once.
  const isLost = status === 412 || status === 409 || code === 'PreconditionFailed'
  if (isLost || (status === 404 && code === 'NoSuchKey')) return preconditionError()
  // The answer of a store that does not know the condition.
  return code === 'NotImplemented' ? ignored('If-Match or If-None-Match') : toStoreError(failure)
}

function ignored(condition: string): StorageError {
  const message = `the store ignores ${condition}, so nothing can be written to it safely`
  return new StorageError('read-only', message)
}
