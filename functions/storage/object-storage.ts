import type { CreateHasher, Digest } from '../wire/digest.ts'
import { MAX_LISTING_PAGE, MAX_OBJECTS_AT_ONCE } from '../wire/limits.ts'
import { addPassed, type Passed, type PassedKind } from '../wire/passed.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'
import { notKept } from './kept.ts'
import { findFault, parseName, RESERVED, requireName } from './names.ts'
import { createObjectKept } from './object-kept.ts'
import { collect, toPageSize } from './object-pages.ts'
import type { ListedObject, ObjectInfo, Objects, ObjectWrites } from './objects.ts'
import { type GappedPage, surveyPages } from './read-survey.ts'
import type {
  DescribeOptions,
  Entry,
  Facts,
  ListOptions,
  Opened,
  OpenOptions,
  PutOptions,
  RestoreOptions,
  Storage,
} from './storage.ts'
import {
  beforeEnd,
  type Chunks,
  exactly,
  readChunks,
  sliced,
  toChunks,
  toStream,
  verified,
} from './streams.ts'

/** A digest, and where it came from. */
export type Known = Pick<Facts, 'digest' | 'evidence' | 'age'>

/** Remembers digests by what tells one content of a key from the next. It may forget any of them. */
export interface DigestCache {
  get(key: string, version: string): Known | undefined | Promise<Known | undefined>
  set(key: string, version: string, known: Known): void | Promise<void>
}

/** What makes a storage of a store. */
export interface ObjectStorageOptions {
  readonly createHasher: CreateHasher
  /** Nothing is remembered when absent. */
  readonly cache?: DigestCache | undefined
  /** What the keys of all names begin with: '' or ending in a slash. */
  readonly root?: string | undefined
  /** Takes `put` and `restore`, where the store does. */
  readonly writable?: boolean | undefined
}

/** A listed object, under its name. */
interface Listed extends Entry {
  readonly info: ObjectInfo
}

/**
 * The objects of a store as a storage, keys that are no names passed over. A digest is the store's own where it has one
 * of the whole content, else it is computed by reading the object once, and remembered by its version.
 */
export function createObjectStorage(objects: Objects, options: ObjectStorageOptions): Storage {
  const { createHasher, cache, root = '', writable = false } = options
  const writes = writable ? objects.writes : undefined
  const kept = createObjectKept(objects, root)
  const take = createTurns(MAX_OBJECTS_AT_ONCE)

  async function describeOne(name: string, options: DescribeOptions): Promise<Facts | null> {
    const key = root + requireName(name)
    return await take(async () => {
      options.signal?.throwIfAborted()
      const info = await objects.head(key, options.signal)
      return info && (await toFacts(info, options))
    })
  }

  function describe(names: readonly string[], options: DescribeOptions = {}) {
    const asked = new Map<string, Promise<Facts | null>>()
    return names.map((name) => {
      const answer = asked.get(name) ?? describeOne(name, options)
      asked.set(name, answer)
      return answer
    })
  }

  /** What is known of a listed object without asking again, else what the store and its bytes say. */
  async function describeListed({ info }: Listed, options: DescribeOptions): Promise<Facts | null> {
    const known = await findDigest(info)
    if (known !== undefined) return toKnown(info, known)
    return await take(async () => {
      options.signal?.throwIfAborted()
      const now = await objects.head(info.key, options.signal)
      if (now === null) return null
      const facts = await toFacts(now, options)
      // A listing does not tell what the store keeps of an object: the next one shall not have to ask for it.
      if (facts.evidence === 'stored') await remember(now, facts)
      return facts
    })
  }

  async function findDigest({ key, version, stored }: ObjectInfo): Promise<Known | undefined> {
    if (stored != null) return { digest: stored, evidence: 'stored', age: null }
    return version === null ? undefined : await cache?.get(key, version)
  }

  async function toFacts(info: ObjectInfo, options: DescribeOptions): Promise<Facts> {
    return toKnown(info, (await findDigest(info)) ?? (await compute(info, options)))
  }

  async function compute(info: ObjectInfo, { signal, onProgress }: DescribeOptions): Promise<Known> {
    const hasher = createHasher()
    const name = info.key.slice(root.length)
    let bytes = 0
    // Bytes that come are a sign of life; an abort must be heard while none do.
    const body = toStream(exactly(await read(info, undefined, signal), info.size), signal)
    for await (const chunk of readChunks(toChunks(body))) {
      await hasher.update(chunk)
      bytes += chunk.length
      onProgress?.({ done: chunk.length, reading: { name, bytes, size: info.size } })
    }
    const known = { digest: await hasher.digest(), evidence: 'read', age: 0 } as const
    await remember(info, known)
    return known
  }

  async function open(name: string, options: OpenOptions = {}): Promise<Opened | null> {
    const { range, ifDigest, signal } = options
    const key = root + requireName(name)
    signal?.throwIfAborted()
    const info = await objects.head(key, signal)
    if (info === null) return null
    const known = await findDigest(info)
    if (known === undefined && ifDigest !== undefined && range === undefined) {
      return await openUnproven(info, ifDigest, signal)
    }
    const facts = toKnown(info, known ?? (await toFacts(info, { signal })))
    if (facts.digest !== (ifDigest ?? facts.digest)) throw changed()
    const { offset, length } = range ?? { offset: 0, length: info.size }
    if (offset + length > info.size) throw new StorageError('out-of-range', 'the range lies outside the file')
    const bytes =
      info.version === null ? await readProven(info, facts, signal) : await read(info, range, signal)
    const part = info.version === null && range !== undefined ? sliced(bytes, range) : bytes
    return { facts, body: toStream(exactly(part, length), signal) }
  }

  /** All the bytes of an object without a version, which alone can tell that they are still those that were hashed. */
  async function readProven(info: ObjectInfo, { size, digest }: Facts, signal: AbortSignal | undefined) {
    return verified(await read(info, undefined, signal), { size, digest, createHasher }, changed)
  }

  /** A whole of which only the end will tell whether it is what was asked for: nothing is read twice for that. */
  async function openUnproven(
    info: ObjectInfo,
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const bytes = exactly(await read(info, undefined, signal), info.size)
    const proven = verified(bytes, { size: info.size, digest, createHasher }, changed)
    const facts = toKnown(info, { digest, evidence: 'read', age: 0 })
    return {
      facts,
      body: toStream(
        beforeEnd(proven, () => remember(info, facts)),
        signal,
      ),
    }
  }

  /** The bytes of this version; `changed` when it is gone. */
  async function read(
    { key, version }: ObjectInfo,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Chunks> {
    const opened = await objects.get(key, { range, version, signal })
    if (opened === null) throw changed()
    return toChunks(opened.body)
  }

  async function remember({ key, version }: ObjectInfo, { digest, evidence, age }: Known): Promise<void> {
    if (version !== null) await cache?.set(key, version, { digest, evidence, age })
  }

  async function listGapped(options: ListOptions): Promise<GappedPage<Listed>> {
    const { prefix = '', after = '', limit, signal, isCounted } = options
    const { found, next, gaps } = await collect(objects, root, {
      ...{ prefix: root + prefix, after: root + after, size: toPageSize(limit), signal },
      pick: toListed,
      toPassed(info) {
        const name = info.key.slice(root.length)
        return isCounted?.(name) === false ? null : toPassed(name, info)
      },
    })
    return {
      entries: found,
      next: next?.name ?? null,
      gaps: gaps.map(({ before, passed }) => ({ before: before?.name ?? null, passed })),
    }
  }

  async function list(options: ListOptions = {}) {
    const { entries, next, gaps } = await listGapped(options)
    const passed = gaps.reduce((sum: readonly Passed[], gap) => addPassed(sum, gap.passed), [])
    return { entries, next, ...(passed.length > 0 && { passed }) }
  }

  /** A page of one less than a store gives at once, so that it need not be asked again whether there are others. */
  async function listForSurvey(options: ListOptions) {
    return await listGapped({ ...options, limit: MAX_LISTING_PAGE - 1 })
  }

  function toListed(info: ListedObject): Listed | null {
    const name = info.key.slice(root.length)
    if (info.passed !== undefined || parseName(name) === null) return null
    return { name, size: info.size, modified: info.modified, info }
  }

  function requireWrites(): ObjectWrites {
    if (writes === undefined) throw new StorageError('read-only', 'this store was not opened for writing')
    return writes
  }

  async function put(name: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<Facts> {
    const chunks = toChunks(body)
    try {
      requireName(name)
      const writes = requireWrites()
      const { size, digest, replaces, modified = null, signal } = options
      signal?.throwIfAborted()
      const over = await requireHeld(name, replaces, signal)
      const proven = verified(chunks, { size, digest, createHasher })
      const keep = async () => {
        if (over !== null && replaces !== null && replaces !== digest) {
          await kept.keep(writes, { digest: replaces, name }, over, signal)
        }
      }
      const version = over?.version ?? null
      const info = await writes.put(root + name, toStream(beforeEnd(proven, keep), signal), {
        size,
        digest,
        over: version,
        modified,
        signal,
      })
      const facts = toKnown(info, {
        digest,
        ...(info.stored === digest ? { evidence: 'stored', age: null } : { evidence: 'read', age: 0 }),
      })
      await remember(info, facts)
      return facts
    } finally {
      // After its end this does nothing.
      await chunks.cancel().catch(() => {})
    }
  }

  /** The object that a write is to replace, if the name holds that; null where it is to hold nothing. */
  async function requireHeld(name: string, replaces: Digest | null, signal: AbortSignal | undefined) {
    const info = await objects.head(root + name, signal)
    const current = info && (await toFacts(info, { signal }))
    if ((current?.digest ?? null) !== replaces) {
      throw new StorageError('precondition', 'the name does not hold what was to be replaced')
    }
    // Without a version a write could not be conditional on it.
    if (info?.version === null) throw new StorageError('changed', 'the file was changed a moment ago')
    return info
  }

  async function restore(name: string, { digest, replaces, signal }: RestoreOptions): Promise<Facts> {
    requireName(name)
    requireWrites()
    signal?.throwIfAborted()
    const opened = await kept.open({ digest, name }, signal)
    if (opened === null) throw notKept()
    const { size, modified } = opened.info
    return await put(name, opened.body, { size, digest, replaces, modified, signal })
  }

  return {
    describe,
    open,
    list,
    survey: (survey, options = {}) =>
      surveyPages(
        {
          list: listForSurvey,
          describe: (entries, options) => entries.map((one) => describeListed(one, options)),
          open,
        },
        survey,
        {
          createHasher,
          ...options,
        },
      ),
    put,
    listKept: kept.list,
    restore,
  }
}

/** Why an object is not listed; null for what vouch keeps for itself. */
function toPassed(name: string, { size, passed }: ListedObject): PassedKind | null {
  if (passed !== undefined) return passed
  if (name.startsWith(`${RESERVED}/`)) return null
  const isFolder = name === '' || (name.endsWith('/') && parseName(name.slice(0, -1)) !== null)
  return isFolder && size === 0 ? 'folder-marker' : findFault(name)
}

function toKnown({ size, modified }: ObjectInfo, { digest, evidence, age }: Known): Facts {
  return { size, digest, modified, evidence, age }
}

function changed(): StorageError {
  return new StorageError('changed', 'the file is no longer the one asked for')
}

/** Runs so much at once, and the rest in its turn. */
function createTurns(most: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async function take<T>(work: () => Promise<T>): Promise<T> {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
