import { toStream } from '../../functions/bytes/chunks.ts'
import type {
  GetOptions,
  ObjectInfo,
  OpenedObject,
  WritableObjects,
} from '../../functions/storage/objects/objects.ts'
import { mapErrors, parseLength, type Reply } from '../../functions/storage/remote/replies.ts'
import { changedError } from '../../functions/wire/errors.ts'
import { parseContentRange, toContentRange, toRangeField } from '../../functions/wire/fields/ranges.ts'
import type { PriceName } from '../../functions/wire/prices.ts'
import { StorageError } from '../../functions/wire/storage-error.ts'
import { type Ask, createS3Client, isBusy, type S3ClientOptions } from './client.ts'
import { protocolError, readAnswer, readFailure, toFailure, toStoreError } from './failures.ts'
import { MAX_KEY_BYTES, MAX_PAGE_BYTES } from './limits.ts'
import { toPage } from './listing.ts'
import { toEtag, toInfo } from './versions.ts'
import { createS3Writes } from './writes.ts'

/** Asks for the checksum that the store keeps of the object. */
const CHECKSUM = { 'x-amz-checksum-mode': 'ENABLED' }

/** A bucket, how it is reached, and the prefix of its files. */
export interface S3Options extends S3ClientOptions {
  /** The `root` of `createObjectStorage`, below which vouch also stores its own objects. */
  readonly root: string
}

/**
 * The objects of a bucket of S3, or of a compatible store. An object is absent only when the store answers
 * `NoSuchKey`: a 404 alone may come from another bucket, or another server. Errors contain no address,
 * bucket, key or secret.
 *
 * A digest is remembered as soon as it was computed, without `Objects.provisional`: S3 promises that a GET,
 * HEAD or LIST sees every write answered before, and never a mixture. GET is conditional on the ETag
 * (If-Match), and its answer is rejected unless its whole version is the one that HEAD returned.
 *
 * @example
 * const credentials = async () => ({ accessKeyId, secretAccessKey })
 * const endpoint = 'https://s3.eu-central-1.amazonaws.com'
 * const place = { bucket: 'photos', endpoint, region: 'eu-central-1', style: 'path' }
 * const objects = createS3Objects({ ...place, root: '', credentials })
 * const storage = createObjectStorage(objects, { createHasher, cache: createDigestCache() })
 */
export function createS3Objects(options: S3Options): WritableObjects {
  const client = createS3Client(options)

  async function ask(ask: Ask): Promise<Reply> {
    if (ask.key !== null && new TextEncoder().encode(ask.key).length > MAX_KEY_BYTES) {
      throw new StorageError('invalid-name', `with its prefix the name is longer than ${MAX_KEY_BYTES} bytes`)
    }
    return await client.ask(ask)
  }

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const reply = await ask({ method: 'HEAD', key, signed: CHECKSUM, signal })
    await reply.body?.cancel()
    // The client has retried already.
    if (isBusy(reply)) throw toStoreError(toFailure(reply, null))
    if (reply.status !== 200) return await explain(key, reply, signal)
    const info = toInfo(key, parseLength(reply.headers), reply)
    return info ?? (await throwUnexpected(reply, 'an object without size or time'))
  }

  /** Asks for one byte to find out why HEAD failed, since an answer to HEAD has no body. */
  async function explain(key: string, failed: Reply, signal: AbortSignal | undefined): Promise<null> {
    const reply = await ask({ method: 'GET', key, headers: { Range: 'bytes=0-0' }, signal })
    // An empty object answers 416.
    if (reply.status === 200 || reply.status === 206 || reply.status === 416) {
      await reply.body?.cancel()
      if (failed.status === 404) throw changedError()
      throw toStoreError(toFailure(failed, null))
    }
    return await readAbsence(reply)
  }

  async function get(key: string, { range, version, signal }: GetOptions): Promise<OpenedObject | null> {
    const reply = await ask({
      method: 'GET',
      key,
      signed: {
        ...(version !== null && { 'If-Match': toEtag(version) }),
        ...(range === undefined && CHECKSUM),
      },
      ...(range && { headers: { Range: toRangeField(range) } }),
      signal,
    })
    if (reply.status !== (range ? 206 : 200)) return await readNone(reply)
    const part = range && parseContentRange(reply.headers.get('Content-Range') ?? '')
    const info = toInfo(key, range ? (part?.size ?? null) : parseLength(reply.headers), reply)
    if (reply.body === null || info === null)
      return await throwUnexpected(reply, 'an object without size or time')
    // Some stores ignore the condition.
    if (version !== null && info.version !== version) {
      await reply.body.cancel()
      throw changedError()
    }
    if (range && part && toContentRange(range, 0) !== toContentRange(part, 0)) {
      return await throwUnexpected(reply, 'another part of the object')
    }
    return { info, body: toStream(client.meter.countBytes(mapErrors(reply.body)), signal) }
  }

  return {
    head,
    get,
    async list(prefix, after, limit, signal) {
      const query = {
        ...{ 'list-type': '2', 'encoding-type': 'url', 'max-keys': String(limit) },
        ...(prefix !== '' && { prefix }),
        ...(after !== '' && { 'start-after': after }),
      }
      const reply = await ask({ method: 'GET', key: null, query, signal })
      if (reply.status !== 200) throw toStoreError(await readFailure(reply))
      return toPage(await readAnswer(reply, MAX_PAGE_BYTES), { prefix, after, limit })
    },
    billing: { prices: toPriceName(options.endpoint), calls: client.meter.read },
    writes: createS3Writes({ ask, head, toSource: client.toSource, root: options.root }),
  }
}

/** Null when the store answers that there is no such object; throws any other failure. */
async function readAbsence(reply: Reply): Promise<null> {
  const failure = await readFailure(reply)
  if (failure.status === 404 && failure.code === 'NoSuchKey') return null
  throw toStoreError(failure)
}

/** As `readAbsence`, for an answer to a conditional GET of a range. */
async function readNone(reply: Reply): Promise<null> {
  if (reply.status === 200) return await throwUnexpected(reply, 'the whole object for a part of it')
  if (reply.status !== 412 && reply.status !== 416) return await readAbsence(reply)
  await reply.body?.cancel()
  if (reply.status === 412) throw changedError()
  throw new StorageError('out-of-range', 'the range lies outside the object')
}

async function throwUnexpected(reply: Reply, what: string): Promise<never> {
  await reply.body?.cancel()
  throw protocolError(what)
}

/** Whose prices a service has; null when that is not known. */
function toPriceName(endpoint: string): PriceName | null {
  const { hostname } = new URL(endpoint)
  if (hostname.endsWith('.amazonaws.com')) return 's3'
  return hostname.endsWith('.r2.cloudflarestorage.com') ? 'r2' : null
}
