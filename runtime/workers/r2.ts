import { compareNames } from '../../functions/storage/names.ts'
import type {
  GetOptions,
  ObjectInfo,
  ObjectPage,
  Objects,
  OpenedObject,
  WriteOptions,
} from '../../functions/storage/objects.ts'
import { fromBytes, toStream as toWebStream } from '../../functions/storage/streams.ts'
import { parseSeconds, toSeconds } from '../../functions/wire/dates.ts'
import { toBytes, toDigest } from '../../functions/wire/digest.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { R2Bucket, R2Object, R2ObjectBody } from './bindings.ts'
import { readChunks, toFixedBody, toStream } from './chunks.ts'
import { MAX_R2_KEY_BYTES, MAX_R2_PUT_BYTES } from './limits.ts'
import { toPlatformError } from './platform-errors.ts'

/**
 * The objects of an R2 bucket, through its binding. The store's own SHA-256 is told where one was given when the object
 * was written; whatever writes through this gives it.
 *
 * R2's conditions know ETags alone, which are MD5s of the content: a version is the ETag and R2's own, unique one, and
 * what a condition lets through is compared with both. Only a write cannot be: one that comes between the comparison
 * and the write with another content of the same MD5 would be taken for the one that was compared.
 *
 * A digest is believed as soon as it was computed, without `Objects.provisional`: R2 is strongly consistent, and what a
 * get returns bears the version of its bytes.
 */
export function createR2Objects(bucket: R2Bucket): Objects {
  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    if (isTooLong(key)) return null
    const object = await unlessAborted(() => bucket.head(key), signal)
    return object && toInfo(object)
  }

  async function get(key: string, { range, version, signal }: GetOptions): Promise<OpenedObject | null> {
    if (isTooLong(key)) return null
    // R2 has no ranges of no bytes.
    if (range?.length === 0) return await openEmpty(key, version, signal)
    const object = await getVersion(key, { range, version, signal })
    return object && { info: toInfo(object), body: toStream(readObject(object), object.body) }
  }

  async function openEmpty(
    key: string,
    version: string | null,
    signal: AbortSignal | undefined,
  ): Promise<OpenedObject | null> {
    const info = await head(key, signal)
    if (info === null) return null
    if (info.version !== (version ?? info.version)) throw changed()
    return { info, body: toWebStream(fromBytes(new Uint8Array())) }
  }

  async function getVersion(
    key: string,
    { range, version, signal }: GetOptions,
  ): Promise<R2ObjectBody | null> {
    const onlyIf = version === null ? undefined : { etagMatches: toEtag(version) }
    const object = await unlessAborted(
      () => bucket.get(key, { ...(range && { range }), ...(onlyIf && { onlyIf }) }),
      signal,
      (late) => late !== null && 'body' in late && late.body.cancel(),
    )
    if (object === null) return null
    if (!('body' in object)) throw changed()
    if (version === null || toVersion(object) === version) return object
    await object.body.cancel()
    throw changed()
  }

  async function list(
    prefix: string,
    after: string,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<ObjectPage> {
    const options = { limit, ...(prefix && { prefix }), ...(after && { startAfter: after }) }
    const page = await unlessAborted(() => bucket.list(options), signal)
    requireOrder([after, ...page.objects.map(({ key }) => key)])
    return { objects: page.objects.map(toListedInfo), isLast: !page.truncated }
  }

  async function put(
    key: string,
    body: ReadableStream<Uint8Array>,
    { size, digest, over, modified, signal }: WriteOptions,
  ): Promise<ObjectInfo> {
    if (size > MAX_R2_PUT_BYTES) {
      await body.cancel()
      throw new StorageError(
        'unreadable',
        `R2 takes at most ${MAX_R2_PUT_BYTES} bytes in a write with a condition`,
      )
    }
    const { readable, stop } = toFixedBody(body, size, signal)
    const onlyIf = over === null ? { etagDoesNotMatch: '*' } : { etagMatches: toEtag(over) }
    try {
      const object = await bucket.put(key, readable, {
        sha256: toBytes(digest),
        onlyIf,
        ...toMetadata(modified),
      })
      if (object === null) throw precondition()
      return toInfo(object)
    } catch (error) {
      signal?.throwIfAborted()
      throw toPlatformError(await stop(error), 'the bucket failed to write')
    }
  }

  /** A binding copies nothing: the bytes come through here. */
  async function copy(from: ObjectInfo, to: string, signal: AbortSignal | undefined): Promise<void> {
    if (from.size > MAX_R2_PUT_BYTES) {
      throw new StorageError('unreadable', `R2 copies at most ${MAX_R2_PUT_BYTES} bytes at once`)
    }
    const object = await getVersion(from.key, { version: from.version, signal })
    if (object === null) throw precondition()
    const { sha256 } = object.checksums
    const options = { ...(sha256 && { sha256 }), ...toMetadata(from.modified) }
    await bucket.put(to, object.body, options).catch((error) => {
      throw toPlatformError(error, 'the bucket failed to write')
    })
  }

  return { head, get, list, writes: { put, copy } }
}

function toInfo(object: R2Object): ObjectInfo {
  const info = toListedInfo(object)
  const modified = parseSeconds(object.customMetadata?.['mtime'] ?? '') ?? info.modified
  return { ...info, modified, stored: toStored(object) ?? null }
}

/** What S3's `x-amz-meta-mtime` is here: the same object, asked for by way of R2's S3 interface, bears that. */
function toMetadata(modified: number | null) {
  return modified === null ? {} : { customMetadata: { mtime: toSeconds(modified) } }
}

/** A listing need not tell the checksums and the metadata that a head does. */
function toListedInfo(object: R2Object): ObjectInfo {
  const { key, size, uploaded } = object
  return { key, size, modified: uploaded.getTime(), version: toVersion(object), stored: toStored(object) }
}

function toStored({ checksums }: R2Object): string | undefined {
  return checksums.sha256 && toDigest(checksums.sha256)
}

function toVersion({ etag, version }: R2Object): string {
  return `${etag} ${version}`
}

function toEtag(version: string): string {
  return version.slice(0, version.indexOf(' '))
}

function changed(): StorageError {
  return new StorageError('changed', 'the object is no longer the one asked for')
}

function precondition(): StorageError {
  return new StorageError('precondition', 'the object is not the one that was to be replaced')
}

/** A binding takes no signal: what comes after the abort is let go of by `release`. */
async function unlessAborted<T>(
  ask: () => Promise<T>,
  signal: AbortSignal | undefined,
  release?: (late: T) => unknown,
): Promise<T> {
  signal?.throwIfAborted()
  const answer = ask().catch((error) => {
    throw toPlatformError(error, 'the bucket did not answer')
  })
  if (signal === undefined) return await answer
  const aborted = Promise.withResolvers<never>()
  const stop = () => {
    aborted.reject(signal.reason)
    answer.then(release).catch(() => {})
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([answer, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function* readObject({ body }: R2ObjectBody): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* readChunks(body)
  } catch (error) {
    throw toPlatformError(error, 'the bucket broke off')
  }
}

/**
 * R2 keeps keys in Unicode's form C and tells them as they were written, so those in another form can come out of order:
 * whoever compares two listings in step would take files for missing that are there.
 */
function requireOrder(keys: readonly string[]): void {
  if (keys.every((key, i) => i === 0 || compareNames(keys[i - 1] ?? '', key) < 0)) return
  throw new StorageError(
    'unreadable',
    'the bucket lists its keys out of order: some are not in form C of Unicode',
  )
}

/** No object has such a key. */
function isTooLong(key: string): boolean {
  return new TextEncoder().encode(key).length > MAX_R2_KEY_BYTES
}
