import type { CreateHasher, Digest } from '../wire/digest.ts'
import {
  HEARTBEAT_MS,
  MAX_LISTING_PAGE,
  MAX_OBJECTS_AT_ONCE,
  MAX_SETTLING_HEARTBEATS,
} from '../wire/limits.ts'
import { addPassed, type Passed, type PassedKind } from '../wire/passed.ts'
import type { ByteRange } from '../wire/ranges.ts'
import { StorageError } from '../wire/trouble.ts'
import { notKept } from './kept.ts'
import { findFault, parseName, RESERVED, requireName } from './names.ts'
import {
  changed,
  createObjectDigests,
  type DigestCache,
  type Sight,
  toFacts,
  toReadFacts,
} from './object-digests.ts'
import { createObjectKept } from './object-kept.ts'
import { collect, toPageSize } from './object-pages.ts'
import type { ListedObject, ObjectInfo, Objects, ObjectWrites } from './objects.ts'
import { type GappedPage, surveyPages } from './read-survey.ts'
import { createSecondLooks } from './second-looks.ts'
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
  SurveyOptions,
} from './storage.ts'
import { beforeEnd, type Chunks, exactly, sliced, toChunks, toStream, verified } from './streams.ts'
import type { Survey, SurveyLine } from './survey.ts'
import { createTurns } from './turns.ts'

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
 * of the whole content, else it is computed by reading the object, and remembered as `createObjectDigests` has it.
 */
export function createObjectStorage(objects: Objects, options: ObjectStorageOptions): Storage {
  const { createHasher, cache, root = '', writable = false } = options
  const writes = writable ? objects.writes : undefined
  const kept = createObjectKept(objects, root)
  const take = createTurns(MAX_OBJECTS_AT_ONCE)
  const toName = (key: string) => key.slice(root.length)
  const digests = createObjectDigests(objects, { createHasher, cache, toName })

  async function describeOne(name: string, options: DescribeOptions): Promise<Facts | null> {
    const key = root + requireName(name)
    return await take(async () => {
      options.signal?.throwIfAborted()
      const sight = await digests.look(key, options.signal)
      return sight && (await digests.describe(sight, options))
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
    const known = await digests.find(info, options.maxAge)
    if (known !== undefined) return toFacts(info, known)
    return await take(async () => {
      options.signal?.throwIfAborted()
      const sight = await digests.look(info.key, options.signal)
      if (sight === null) return null
      const facts = await digests.describe(sight, options)
      if (facts.evidence === 'stored') await digests.rememberStored(sight.info)
      return facts
    })
  }

  const open = (name: string, options: OpenOptions = {}) => openFor(name, options, false)

  /** As `open`; with `isRemembered` a whole that is read counts as a reading of it, for which it is hashed once more. */
  async function openFor(
    name: string,
    { range, ifDigest, signal }: OpenOptions,
    isRemembered: boolean,
  ): Promise<Opened | null> {
    signal?.throwIfAborted()
    const sight = await digests.look(root + requireName(name), signal)
    if (sight === null) return null
    const { info } = sight
    const known = await digests.find(info, undefined)
    if (known === undefined && ifDigest !== undefined && range === undefined) {
      return await openUnproven(sight, ifDigest, signal)
    }
    const facts = known === undefined ? await digests.describe(sight, { signal }) : toFacts(info, known)
    if (facts.digest !== (ifDigest ?? facts.digest)) throw changed()
    const { offset, length } = range ?? { offset: 0, length: info.size }
    if (offset + length > info.size) throw new StorageError('out-of-range', 'the range lies outside the file')
    const bytes =
      info.version === null ? await readProven(info, facts, signal) : await read(info, range, signal)
    const part = info.version === null && range !== undefined ? sliced(bytes, range) : bytes
    const body = exactly(part, length)
    return { facts, body: toStream(isRemembered ? digests.remembering(body, sight) : body, signal) }
  }

  /** All the bytes of an object without a version, which alone can tell that they are still those that were hashed. */
  async function readProven(info: ObjectInfo, { size, digest }: Facts, signal: AbortSignal | undefined) {
    return verified(await read(info, undefined, signal), { size, digest, createHasher }, changed)
  }

  /** A whole of which only the end will tell whether it is what was asked for: nothing is read twice for that. */
  async function openUnproven(
    sight: Sight,
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { info } = sight
    const readAt = Date.now()
    const bytes = exactly(await read(info, undefined, signal), info.size)
    const proven = verified(bytes, { size: info.size, digest, createHasher }, changed)
    const body = beforeEnd(proven, () => digests.remember(sight, { digest, readAt }))
    return { facts: toReadFacts(info, digest), body: toStream(body, signal) }
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
      if (info.stored === digest) {
        await digests.rememberStored(info)
        return toFacts(info, { digest, readAt: null })
      }
      await digests.remember({ info, askedAt: performance.now() }, { digest, readAt: Date.now() })
      return toReadFacts(info, digest)
    } finally {
      // After its end this does nothing.
      await chunks.cancel().catch(() => {})
    }
  }

  /** The object that a write is to replace, if the name holds that; null where it is to hold nothing. */
  async function requireHeld(name: string, replaces: Digest | null, signal: AbortSignal | undefined) {
    const sight = await digests.look(root + name, signal)
    const current = sight && (await digests.describe(sight, { signal }))
    if ((current?.digest ?? null) !== replaces) {
      throw new StorageError('precondition', 'the name does not hold what was to be replaced')
    }
    // Without a version a write could not be conditional on it.
    if (sight?.info.version === null) throw new StorageError('changed', 'the file was changed a moment ago')
    return sight?.info ?? null
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

  /**
   * Whatever was read is looked at once more before the end, so that the next survey need not read it: this one lasts
   * two seconds longer where that is so.
   */
  async function* survey(wanted: Survey, options: SurveyOptions = {}): AsyncGenerator<SurveyLine> {
    const looks = createSecondLooks((key) => digests.lookAgain(key, options.signal))
    const describeNoting = async (one: Listed, options: DescribeOptions) => {
      const facts = await describeListed(one, options)
      if (facts?.evidence === 'read' && digests.isProvisional(one.info.key)) looks.add(one.info.key)
      return facts
    }
    const lines = surveyPages(
      {
        list: listForSurvey,
        describe: (entries, options) => entries.map((one) => describeNoting(one, options)),
        open: (name, options = {}) => openFor(name, options, true),
      },
      wanted,
      { createHasher, ...options },
    )
    // A client may leave at the last line: it is held back until then.
    let held: SurveyLine | undefined
    let progress: SurveyLine | undefined
    try {
      for await (const line of lines) {
        if (held !== undefined) yield held
        held = line
        if ('seen' in line) progress = line
      }
      for (let i = 0; i < MAX_SETTLING_HEARTBEATS && !(await looks.settle(HEARTBEAT_MS)); i++) {
        options.signal?.throwIfAborted()
        if (progress !== undefined) yield progress
      }
      if (held !== undefined) yield held
    } finally {
      looks.close()
    }
  }

  return {
    describe,
    open,
    list,
    survey,
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
