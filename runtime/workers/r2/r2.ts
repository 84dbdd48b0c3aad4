import { toStream } from '../../../functions/bytes/chunks.ts'
import { compareNames } from '../../../functions/storage/names.ts'
import { type CallMeter, createCallMeter } from '../../../functions/storage/objects/call-meter.ts'
import {
  type GetOptions,
  type ObjectInfo,
  openEmpty,
  type WritableObjects,
} from '../../../functions/storage/objects/objects.ts'
import { mapErrors } from '../../../functions/storage/remote/replies.ts'
import { toBytes, toDigest } from '../../../functions/wire/digest.ts'
import { changedError, preconditionError } from '../../../functions/wire/errors.ts'
import { parseSeconds, toSeconds } from '../../../functions/wire/fields/dates.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { R2Bucket, R2Object, R2ObjectBody } from '../bindings.ts'
import { toFixedBody, toLargeChunks } from '../chunks.ts'
import { MAX_R2_KEY_BYTES, MAX_R2_PUT_BYTES } from '../limits.ts'
import { toPlatformError } from './platform-errors.ts'

/**
 * The objects of an R2 bucket, through its binding. R2 returns a SHA-256 of its own for each object written
 * with one, as every object is that is written here.
 *
 * R2's conditions compare ETags alone, which are MD5s of the content. A version is therefore the ETag and
 * R2's unique version, and what a conditional get returns is compared with both. A write cannot be: another
 * content of the same MD5 written between the comparison and the write would be taken for the compared one.
 *
 * A digest is remembered as soon as it was computed, without `Objects.provisional`: R2 is strongly
 * consistent, and a get returns the version of its bytes.
 *
 * @example
 * const storage = createObjectStorage(createR2Objects(env.BUCKET), { createHasher, writable: true })
 */
export function createR2Objects(uncounted: R2Bucket): WritableObjects {
  const meter = createCallMeter()
  const bucket = countCalls(uncounted, meter)

  async function head(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    if (isTooLong(key)) return null
    const object = await unlessAborted(() => bucket.head(key), signal)
    return object && toInfo(object)
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
    if (!('body' in object)) throw changedError()
    if (version === null || toVersion(object) === version) return object
    await object.body.cancel()
    throw changedError()
  }

  const writes: WritableObjects['writes'] = {
    async put(key, body, { size, digest, over, modified, signal }) {
      if (size > MAX_R2_PUT_BYTES) {
        await body.cancel()
        const message = `R2 accepts at most ${MAX_R2_PUT_BYTES} bytes in a conditional write, and the file has ${size}`
        throw new StorageError('unreadable', message)
      }
      const { readable, stop } = toFixedBody(body, size, signal)
      const onlyIf = over === null ? { etagDoesNotMatch: '*' } : { etagMatches: toEtag(over) }
      try {
        const sha256 = toBytes(digest)
        const object = await bucket.put(key, readable, { sha256, onlyIf, ...toMetadata(modified) })
        if (object === null) throw preconditionError()
        return toInfo(object)
      } catch (error) {
        signal?.throwIfAborted()
        throw toPlatformError(await stop(error), 'the bucket failed to write')
      }
    },
    /** A binding has no copy, so the bytes pass through this Worker. */
    async copy(from, to, signal) {
      if (from.size > MAX_R2_PUT_BYTES) {
        throw new StorageError('unreadable', `R2 copies at most ${MAX_R2_PUT_BYTES} bytes at once`)
      }
      const object = await getVersion(from.key, { version: from.version, signal })
      if (object === null) throw preconditionError()
      const { sha256 } = object.checksums
      const options = { ...(sha256 && { sha256 }), ...toMetadata(from.modified) }
      await bucket.put(to, object.body, options).catch((error) => {
        throw toPlatformError(error, 'the bucket failed to write')
      })
    },
  }

  return {
    head,
    async get(key, { range, version, signal }) {
      if (isTooLong(key)) return null
      // R2 has no empty ranges.
      if (range?.length === 0) return openEmpty(await head(key, signal), version)
      const object = await getVersion(key, { range, version, signal })
      if (object === null) return null
      const body = mapErrors(toLargeChunks(object.body), (e) => toPlatformError(e, 'the bucket broke off'))
      return { info: toInfo(object), body: toStream(meter.countBytes(body)) }
    },
    async list(prefix, after, limit, signal) {
      const options = { limit, ...(prefix && { prefix }), ...(after && { startAfter: after }) }
      const page = await unlessAborted(() => bucket.list(options), signal)
      // In one process with a simulated bucket a loop of lists would hold up every other request to its end.
      await new Promise((resolve) => setTimeout(resolve, 0))
      requireOrder([after, ...page.objects.map(({ key }) => key)])
      return { objects: page.objects.map(toListedInfo), isLast: !page.truncated }
    },
    billing: { prices: 'r2', calls: meter.read },
    writes,
  }
}

/** The bucket, each call of which is counted. */
function countCalls(bucket: R2Bucket, meter: CallMeter): R2Bucket {
  const counted =
    <A extends readonly unknown[], T>(kind: 'head' | 'get' | 'put' | 'list', call: (...asked: A) => T) =>
    (...asked: A): T => {
      meter.count(kind)
      return call(...asked)
    }
  return {
    head: counted('head', (key) => bucket.head(key)),
    get: counted('get', (key, options) => bucket.get(key, options)),
    put: counted('put', (key, body, options) => bucket.put(key, body, options)),
    list: counted('list', (options) => bucket.list(options)),
  }
}

function toInfo(object: R2Object): ObjectInfo {
  const info = toListedInfo(object)
  const modified = parseSeconds(object.customMetadata?.['mtime'] ?? '') ?? info.modified
  return { ...info, modified, stored: toStored(object) ?? null }
}

/** The metadata that R2's S3 interface shows as `x-amz-meta-mtime`. */
function toMetadata(modified: number | null) {
  return modified === null ? {} : { customMetadata: { mtime: toSeconds(modified) } }
}

/** A listing may lack the checksums and the metadata that a head returns. */
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

/** A binding takes no signal: an answer that comes after the abort is passed to `release`. */
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

/**
 * R2 sorts keys by their Unicode form C and returns them as they were written, so that others come out of
 * order. A coordinator that compares two listings in step would then report files as missing that are there.
 */
function requireOrder(keys: readonly string[]): void {
  if (keys.every((key, i) => i === 0 || compareNames(keys[i - 1] ?? '', key) < 0)) return
  const message =
    'the bucket lists its keys out of order, because some are not in Unicode form C; rename those'
  throw new StorageError('unreadable', message)
}

function isTooLong(key: string): boolean {
  return new TextEncoder().encode(key).length > MAX_R2_KEY_BYTES
}
