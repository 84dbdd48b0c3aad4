import type { CreateHasher, Digest } from '../wire/digest.ts'
import { StorageError } from '../wire/trouble.ts'
import { isRecent, toAge } from './freshness.ts'
import type { ObjectInfo, Objects } from './objects.ts'
import type { DescribeOptions, Facts } from './storage.ts'
import { beforeEnd, type Chunks, exactly, readChunks, through, toChunks, toStream } from './streams.ts'

/** A digest of one version of an object, and how it is known. */
export interface Known {
  readonly digest: Digest
  /** When the reading began that it comes from: milliseconds since 1970. Null for the store's own checksum. */
  readonly readAt: number | null
}

/** Remembers digests by what tells one content of a key from the next. It may forget any of them. */
export interface DigestCache {
  get(key: string, version: string): Known | undefined | Promise<Known | undefined>
  set(key: string, version: string, known: Known): void | Promise<void>
  /** Forgets what `get` would return. */
  forget(key: string, version: string): void | Promise<void>
}

/** An object as the store showed it, and when it was asked: milliseconds of `performance.now()`. */
export interface Sight {
  readonly info: ObjectInfo
  readonly askedAt: number
}

export interface ObjectDigestsOptions {
  readonly createHasher: CreateHasher
  readonly cache: DigestCache | undefined
  /** Name of a key, for progress. */
  toName(key: string): string
}

/**
 * The digests of a store's objects: the store's own checksum, a remembered one, or one computed from the bytes.
 *
 * A digest is remembered by the version of the object. Of a store that is strongly consistent it is remembered as soon as
 * it was computed: the bytes were read under a condition on that version, or came with it, and such a store never sends
 * the bytes of one version as those of another. Of any other store it is remembered once `objects.provisional` confirms
 * it. Nothing is remembered of an object without a version.
 */
export function createObjectDigests(objects: Objects, { createHasher, cache, toName }: ObjectDigestsOptions) {
  const { provisional } = objects

  /** Asks the store for an object; null when it has none of this key. */
  async function look(key: string, signal: AbortSignal | undefined): Promise<Sight | null> {
    const askedAt = performance.now()
    const info = await objects.head(key, signal)
    provisional?.see(key, info?.version ?? null)
    return info && { info, askedAt }
  }

  /** Looks at an object that was read a while ago, and remembers its digest where that is confirmed. */
  async function lookAgain(key: string, signal: AbortSignal | undefined): Promise<void> {
    const sight = await look(key, signal)
    if (sight === null || sight.info.version === null) return
    const confirmed = provisional?.confirm(key, sight.info.version, sight.askedAt)
    if (confirmed !== undefined) await cache?.set(key, confirmed.version, confirmed)
  }

  /** Returns what is known of it without a read, within `maxAge` of `DescribeOptions`. */
  async function find(
    { key, version, stored }: ObjectInfo,
    maxAge: number | undefined,
  ): Promise<Known | undefined> {
    // A store's own checksum is no reading, and with 0 nothing that is remembered counts.
    if (stored != null && maxAge === undefined) return { digest: stored, readAt: null }
    if (version === null || maxAge === 0) return undefined
    const known = await cache?.get(key, version)
    if (known === undefined) return undefined
    const isEnough = known.readAt === null ? maxAge === undefined : isRecent(known.readAt, Date.now(), maxAge)
    return isEnough ? known : undefined
  }

  /** Facts by what is known, else by reading the object. */
  async function describe(sight: Sight, options: DescribeOptions): Promise<Facts> {
    const known = await find(sight.info, options.maxAge)
    return known === undefined ? await compute(sight, options) : toFacts(sight.info, known)
  }

  async function compute(sight: Sight, { signal, onProgress }: DescribeOptions): Promise<Facts> {
    const { info } = sight
    const hasher = createHasher()
    const name = toName(info.key)
    let bytes = 0
    const readAt = Date.now()
    // Bytes that come are a sign of life; an abort must be heard while none do.
    const body = toStream(exactly(await read(info, signal), info.size), signal)
    for await (const chunk of readChunks(toChunks(body))) {
      await hasher.update(chunk)
      bytes += chunk.length
      onProgress?.({ done: chunk.length, reading: { name, bytes, size: info.size } })
    }
    const digest = await hasher.digest()
    await remember(sight, { digest, readAt })
    return toReadFacts(info, digest)
  }

  /** The whole of this version; the error `changed` when it is gone. */
  async function read({ key, version }: ObjectInfo, signal: AbortSignal | undefined): Promise<Chunks> {
    const opened = await objects.get(key, { version, signal })
    if (opened === null) throw changed()
    return toChunks(opened.body)
  }

  /** Takes what was computed from all the bytes of a version. */
  async function remember(sight: Sight, { digest, readAt }: Known & { readonly readAt: number }) {
    const { key, version } = sight.info
    if (version === null || cache === undefined) return
    if (provisional !== undefined && !(await isConfirmed(sight, { digest, readAt }, version))) return
    await cache.set(key, version, { digest, readAt })
  }

  async function isConfirmed(
    { info: { key }, askedAt }: Sight,
    { digest, readAt }: Known & { readonly readAt: number },
    version: string,
  ): Promise<boolean> {
    const before = await cache?.get(key, version)
    if (before !== undefined && before.digest !== digest) await cache?.forget(key, version)
    else if (before !== undefined && before.readAt !== null) return true
    return provisional?.add({ key, version, digest, readAt, askedAt }) ?? true
  }

  /** Takes the store's own checksum: a listing does not show it, and the next one need not ask for it again. */
  async function rememberStored({ key, version, stored }: ObjectInfo): Promise<void> {
    if (version === null || stored == null || cache === undefined) return
    if ((await cache.get(key, version)) === undefined)
      await cache.set(key, version, { digest: stored, readAt: null })
  }

  /** `body`, all of an object, whose digest is remembered once all of it has come. */
  function remembering(body: Chunks, sight: Sight): Chunks {
    const hasher = createHasher()
    const readAt = Date.now()
    const hashed = through(body, async function* (chunks) {
      for await (const chunk of chunks) {
        await hasher.update(chunk)
        yield chunk
      }
    })
    return beforeEnd(hashed, async () => await remember(sight, { digest: await hasher.digest(), readAt }))
  }

  /** Whether a reading of this key waits for its version to be shown again. */
  function isProvisional(key: string): boolean {
    return provisional?.has(key) ?? false
  }

  return { look, lookAgain, find, describe, remember, rememberStored, remembering, isProvisional }
}

/** Facts by a digest that was known before the question. */
export function toFacts({ size, modified }: ObjectInfo, { digest, readAt }: Known): Facts {
  if (readAt === null) return { size, digest, modified, evidence: 'stored', age: null }
  return { size, digest, modified, evidence: 'remembered', age: Math.max(0, toAge(readAt, Date.now())) }
}

/** Facts by a digest of bytes that were read for the question. */
export function toReadFacts({ size, modified }: ObjectInfo, digest: Digest): Facts {
  return { size, digest, modified, evidence: 'read', age: 0 }
}

/** The error for an object whose version is no longer the one that was asked for. */
export function changed(): StorageError {
  return new StorageError('changed', 'the file is no longer the one asked for')
}
