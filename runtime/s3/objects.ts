import type {
  GetOptions,
  ObjectInfo,
  ObjectPage,
  Objects,
  OpenedObject,
} from '../../functions/storage/objects.ts'
import { mapErrors, type Reply } from '../../functions/storage/replies.ts'
import { toStream } from '../../functions/storage/streams.ts'
import { parseContentRange, toContentRange } from '../../functions/wire/ranges.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Ask, createS3Client, isBusy, type S3ClientOptions } from './client.ts'
import { protocolError, readAnswer, readFailure, toFailure, toStoreError } from './failures.ts'
import { MAX_KEY_BYTES, MAX_PAGE_BYTES } from './limits.ts'
import { toPage } from './listing.ts'
import { parseLength, toEtag, toInfo } from './versions.ts'
import { createS3Writes } from './writes.ts'

/** A bucket, what it is asked with, and where in it the files lie. */
export interface S3Options extends S3ClientOptions {
  /** What the keys of all names begin with, as `createObjectStorage` has it; what vouch writes for itself lies below. */
  readonly root: string
}

/**
 * The objects of a bucket of S3, or of what speaks like it. An object is absent only where the store says `NoSuchKey`:
 * an answer of 404 alone may be another bucket's, or another server's. Errors name no address, bucket, key or secret.
 *
 * A digest is believed as soon as it was computed, without `Objects.provisional`: S3 promises that a GET, HEAD or LIST
 * sees every write that was answered before, and never a mixture. The GET is conditional on the ETag (If-Match), and what
 * comes is refused unless its whole version is the one that HEAD showed.
 */
export function createS3Objects(options: S3Options): Objects {
  const client = createS3Client(options)

  async function ask(ask: Ask): Promise<Reply> {
    if (ask.key !== null && new TextEncoder().encode(ask.key).length > MAX_KEY_BYTES) {
      throw new StorageError('invalid-name', `with its prefix the name is longer than ${MAX_KEY_BYTES} bytes`)
    }
    return await client.ask(ask)
  }

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const signed = { 'x-amz-checksum-mode': 'ENABLED' }
    const reply = await ask({ method: 'HEAD', key, signed, signal })
    await reply.body?.cancel()
    // A store that is too busy has been asked often enough.
    if (isBusy(reply)) throw toStoreError(toFailure(reply, null))
    if (reply.status !== 200) return await explain(key, reply, signal)
    return toInfo(key, parseLength(reply), reply) ?? refuse(reply, 'an object without size or time')
  }

  /** Why HEAD failed, whose answer has no body that could say so: it is asked again for one byte. */
  async function explain(key: string, failed: Reply, signal: AbortSignal | undefined): Promise<null> {
    const reply = await ask({ method: 'GET', key, headers: { Range: 'bytes=0-0' }, signal })
    // An empty object has no first byte.
    if (reply.status === 200 || reply.status === 206 || reply.status === 416) {
      await reply.body?.cancel()
      if (failed.status === 404) throw changed()
      throw toStoreError(toFailure(failed, null))
    }
    return await readAbsence(reply)
  }

  async function get(key: string, { range, version, signal }: GetOptions): Promise<OpenedObject | null> {
    const reply = await ask({
      method: 'GET',
      key,
      ...(version !== null && { signed: { 'If-Match': toEtag(version) } }),
      ...(range && { headers: { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` } }),
      signal,
    })
    if (reply.status !== (range ? 206 : 200)) return await readNone(reply)
    const part = range && parseContentRange(reply.headers.get('Content-Range') ?? '')
    const info = toInfo(key, range ? (part?.size ?? null) : parseLength(reply), reply)
    if (reply.body === null || info === null) return await refuse(reply, 'an object without size or time')
    // Not every store heeds the condition.
    if (version !== null && info.version !== version) {
      await reply.body.cancel()
      throw changed()
    }
    if (range && part && toContentRange(range, 0) !== toContentRange(part, 0)) {
      return await refuse(reply, 'another part of the object')
    }
    return { info, body: toStream(mapErrors(reply.body), signal) }
  }

  async function list(
    prefix: string,
    after: string,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<ObjectPage> {
    const reply = await ask({
      method: 'GET',
      key: null,
      query: {
        'list-type': '2',
        'encoding-type': 'url',
        'max-keys': String(limit),
        ...(prefix !== '' && { prefix }),
        ...(after !== '' && { 'start-after': after }),
      },
      signal,
    })
    if (reply.status !== 200) throw toStoreError(await readFailure(reply))
    return toPage(await readAnswer(reply, MAX_PAGE_BYTES), { prefix, after, limit })
  }

  return {
    head,
    get,
    list,
    writes: createS3Writes({ ask, head, toSource: client.toSource, root: options.root }),
  }
}

/** Null where the store says that there is no such object; throws what it says otherwise. */
async function readAbsence(reply: Reply): Promise<null> {
  const failure = await readFailure(reply)
  if (failure.status === 404 && failure.code === 'NoSuchKey') return null
  throw toStoreError(failure)
}

/** Null as `readAbsence`; throws why there is no such content otherwise. */
async function readNone(reply: Reply): Promise<null> {
  if (reply.status === 200) return await refuse(reply, 'the whole object for a part of it')
  if (reply.status !== 412 && reply.status !== 416) return await readAbsence(reply)
  await reply.body?.cancel()
  if (reply.status === 412) throw changed()
  throw new StorageError('out-of-range', 'the range lies outside the file')
}

async function refuse(reply: Reply, what: string): Promise<never> {
  await reply.body?.cancel()
  throw protocolError(what)
}

function changed(): StorageError {
  return new StorageError('changed', 'the object is no longer the one asked for')
}
