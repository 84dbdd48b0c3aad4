import { type Chunks, checked, exactly, toChunks, toStream } from '../../bytes/chunks.ts'
import type { CreateHasher, Digest } from '../../wire/digest.ts'
import { changedError } from '../../wire/errors.ts'
import type { ByteRange } from '../../wire/fields/ranges.ts'
import { isRecent, type SizedFacts, toAge } from '../facts.ts'
import { hashBody } from '../hash-body.ts'
import type { DescribeOptions } from '../storage.ts'
import type { ObjectInfo, Objects } from './objects.ts'

/** A digest of one version of an object, and how it is known. */
export interface Known {
  readonly digest: Digest
  /** When the object was read for it: milliseconds since 1970. Null for the store's own checksum. */
  readonly readAt: number | null
}

/** Remembers digests by key and version. It may forget any of them. */
export interface DigestCache {
  get(key: string, version: string): Known | undefined | Promise<Known | undefined>
  set(key: string, version: string, known: Known): void | Promise<void>
  forget(key: string, version: string): void | Promise<void>
}

/** An object as the store returned it, and when it was asked: milliseconds of `performance.now()`. */
export interface Sight {
  readonly info: ObjectInfo
  readonly askedAt: number
}

export type ObjectDigests = ReturnType<typeof createObjectDigests>

/**
 * The digests of a store's objects: its own checksum, a remembered one, or one computed from the bytes.
 *
 * A digest is remembered by the version of the object. For a strongly consistent store that is once it is
 * computed: the bytes were read under a condition on that version, or came with it, and such a store never
 * sends them as those of another. For any other store it is once `objects.provisional` confirms it. An object
 * without a version is not remembered. `toName` returns the name of a key, for progress.
 */
export function createObjectDigests(
  objects: Objects,
  createHasher: CreateHasher,
  cache: DigestCache | undefined,
  toName: (key: string) => string,
) {
  const memory = createObjectMemory(objects, createHasher, cache)
  const { look, find, remember, rememberStored } = memory
  const read = createVersionReader(objects)
  const { provisional } = objects
  /** Whether the last object that was asked for had no digest of its own, and so had to be read. */
  let expectsBytes = false

  /** SizedFacts by a known digest, or by reading the object. */
  async function describe(sight: Sight, options: DescribeOptions): Promise<SizedFacts> {
    const known = await find(sight.info, options.maxAge)
    return known === undefined ? await compute(sight, options) : toFacts(sight.info, known)
  }

  /**
   * As `describe`, for an object of which no more is known than that it was listed; null when it is gone. A
   * HEAD returns the store's own checksum, and a GET the bytes too. Both cost the same, but a GET that was
   * not needed breaks a connection, and a HEAD that was not enough needs a GET after it. So each object gets
   * the request that the one before it needed, except in a store with `readAll`, which does not return with
   * the bytes what it returns without them.
   */
  async function describeListed(key: string, options: DescribeOptions): Promise<SizedFacts | null> {
    if (!expectsBytes || provisional !== undefined || objects.readAll !== undefined) {
      const sight = await look(key, options.signal)
      return sight && (await describeSeen(sight, options))
    }
    const opened = await openWhole(key, options.signal)
    if (opened === null) return null
    const { sight, body } = opened
    try {
      return await describeSeen(sight, options, body)
    } finally {
      // Does nothing after the end of the body.
      await body.cancel().catch(() => {})
    }
  }

  /** Facts of an object by its own or a remembered digest, else by its bytes: `body`, if they came along. */
  async function describeSeen(sight: Sight, options: DescribeOptions, body?: Chunks): Promise<SizedFacts> {
    // An answer without bytes is a sign of life too: a page of them may take longer than a deadline.
    options.onProgress?.({ done: 1 })
    try {
      const known = await find(sight.info, options.maxAge)
      if (known === undefined) return await compute(sight, options, body)
      if (known.readAt === null) await rememberStored(sight.info)
      return toFacts(sight.info, known)
    } finally {
      // Set as it ends, when the next one begins.
      expectsBytes = sight.info.stored === null
    }
  }

  /** Opens the whole object, of any version; null without an object. The caller reads or cancels `body`. */
  async function openWhole(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly sight: Sight; readonly body: Chunks } | null> {
    const seen = provisional && (await look(key, signal))
    if (seen === null) return null
    const askedAt = seen?.askedAt ?? performance.now()
    const opened = await objects.get(key, { version: seen?.info.version ?? null, signal })
    return opened && { sight: { info: opened.info, askedAt }, body: toChunks(opened.body) }
  }

  async function compute(sight: Sight, options: DescribeOptions, opened?: Chunks): Promise<SizedFacts> {
    const { info } = sight
    const readAt = Date.now()
    const body = exactly(opened ?? (await read(info, undefined, options.signal)), info.size)
    const digest = await hash(info, body, options)
    await remember(sight, digest, readAt)
    return toReadFacts(info, digest)
  }

  /** The digest of the whole `body` of an object. */
  async function hash(
    { key, size }: ObjectInfo,
    body: Chunks,
    { signal, onProgress, pace }: DescribeOptions,
  ): Promise<Digest> {
    const hasher = createHasher()
    // A chunk is a sign of life; the stream ends at an abort even while no chunk comes.
    await hashBody(toStream(body, signal), [hasher], { name: toName(key), size, onProgress, pace })
    return await hasher.digest()
  }

  return { ...memory, describe, describeListed, openWhole, hash, read }
}

/** Reads bytes of one version; rejects with `changed` when it is gone. */
function createVersionReader(objects: Objects) {
  return async function read(
    { key, version }: ObjectInfo,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Chunks> {
    const opened = await objects.get(key, { range, version, signal })
    if (opened === null) throw changedError()
    return toChunks(opened.body)
  }
}

/** Looks at objects, and remembers their digests. */
function createObjectMemory(objects: Objects, createHasher: CreateHasher, cache: DigestCache | undefined) {
  const { provisional } = objects

  async function look(key: string, signal: AbortSignal | undefined): Promise<Sight | null> {
    const askedAt = performance.now()
    const info = await objects.head(key, signal)
    provisional?.see(key, info?.version ?? null)
    return info && { info, askedAt }
  }

  /** Asks again for an object that was read earlier, and remembers its digest if that confirms it. */
  async function lookAgain(key: string, signal: AbortSignal | undefined): Promise<void> {
    const sight = await look(key, signal)
    if (sight === null || sight.info.version === null) return
    const confirmed = provisional?.confirm(key, sight.info.version, sight.askedAt)
    if (confirmed !== undefined) await cache?.set(key, confirmed.version, confirmed)
  }

  /** Remembers a digest that was computed from all the bytes of a version. */
  async function remember({ info, askedAt }: Sight, digest: Digest, readAt: number): Promise<void> {
    const { key, version } = info
    if (version === null || cache === undefined) return
    if (provisional !== undefined) {
      const before = await cache.get(key, version)
      const isSame = before?.digest === digest
      if (before !== undefined && !isSame) await cache.forget(key, version)
      const isConfirmed = isSame && before.readAt !== null
      if (!isConfirmed && !provisional.add({ key, version, digest, readAt, askedAt })) return
    }
    await cache.set(key, version, { digest, readAt })
  }

  /** Remembers the store's own checksum, which listings lack, so that the next survey need not ask for it. */
  async function rememberStored({ key, version, stored }: ObjectInfo): Promise<void> {
    if (version === null || stored == null || cache === undefined) return
    if ((await cache.get(key, version)) === undefined)
      await cache.set(key, version, { digest: stored, readAt: null })
  }

  /** `body`, a whole object, whose digest is remembered before its last chunk is passed on. */
  function remembering(body: Chunks, sight: Sight): Chunks {
    const hasher = createHasher()
    const readAt = Date.now()
    return checked(body, {
      pass: (chunk) => hasher.update(chunk),
      end: async () => await remember(sight, await hasher.digest(), readAt),
    })
  }

  /** Whether a digest of this key is not confirmed yet. */
  const isProvisional = (key: string) => provisional?.has(key) ?? false

  const find = (info: ObjectInfo, maxAge: number | undefined) => findKnown(cache, info, maxAge)
  return { look, lookAgain, find, remember, rememberStored, remembering, isProvisional }
}

/** SizedFacts by a digest that was known before the question. */
export function toFacts({ size, modified }: ObjectInfo, { digest, readAt }: Known): SizedFacts {
  if (readAt === null) return { size, digest, modified, evidence: 'stored', age: null }
  return { size, digest, modified, evidence: 'remembered', age: Math.max(0, toAge(readAt, Date.now())) }
}

/** SizedFacts by a digest of bytes that were read for the question. */
export function toReadFacts({ size, modified }: ObjectInfo, digest: Digest): SizedFacts {
  return { size, digest, modified, evidence: 'read', age: 0 }
}

/** The digest that is known without reading the object and recent enough for `maxAge`; undefined for none. */
async function findKnown(
  cache: DigestCache | undefined,
  { key, version, stored }: ObjectInfo,
  maxAge: number | undefined,
): Promise<Known | undefined> {
  // A store's own checksum is not a reading, and with 0 no remembered digest counts.
  if (stored != null && maxAge === undefined) return { digest: stored, readAt: null }
  if (version === null || maxAge === 0) return undefined
  const known = await cache?.get(key, version)
  if (known === undefined) return undefined
  const isEnough = known.readAt === null ? maxAge === undefined : isRecent(known.readAt, Date.now(), maxAge)
  return isEnough ? known : undefined
}
