import type { CreateHasher } from '../../wire/digest.ts'
import { createLimit } from '../../wire/limit.ts'
import {
  HEARTBEAT_MS,
  MAX_LISTING_PAGE,
  MAX_OBJECTS_AT_ONCE,
  MAX_SETTLING_HEARTBEATS,
} from '../../wire/limits.ts'
import { addPassed, type Passed, type PassedKind } from '../../wire/passed.ts'
import { askOnce } from '../ask-once.ts'
import type { Facts } from '../facts.ts'
import { findFault, isReserved, parseName, requireName } from '../names.ts'
import type {
  DescribeOptions,
  Entry,
  EstimateOptions,
  ListOptions,
  Storage,
  SurveyOptions,
  WritableStorage,
} from '../storage.ts'
import { toPageSize } from '../survey/page-builder.ts'
import { type GappedPage, surveyPages } from '../survey/read-survey.ts'
import type { Survey, SurveyLine } from '../survey/survey.ts'
import { createObjectBatches } from './object-batches.ts'
import { createObjectDigests, type DigestCache, type ObjectDigests, toFacts } from './object-digests.ts'
import { estimateObjects } from './object-estimate.ts'
import { createObjectKept } from './object-kept.ts'
import { collect } from './object-pages.ts'
import { createObjectReader } from './object-reader.ts'
import { createObjectWriter } from './object-writer.ts'
import type { ListedObject, ObjectInfo, Objects, WritableObjects } from './objects.ts'
import { createSecondLooks, type SecondLooks } from './second-looks.ts'

/** What a storage over a store of objects takes beside the store. */
export interface ObjectStorageOptions {
  readonly createHasher: CreateHasher
  /** Where computed digests are remembered; each is computed again for every question when absent. */
  readonly cache?: DigestCache | undefined
  /** What the keys of all names begin with: '' or ending in a slash. */
  readonly root?: string | undefined
  /** Whether the storage has `put` and `restore`, if the store has `writes`. */
  readonly writable?: boolean | undefined
}

/** A listed object, under its name. */
interface Listed extends Entry {
  readonly info: ObjectInfo
}

/**
 * The objects of a store as a storage. Keys that are not valid names are skipped and counted. A digest is the
 * store's own, if of the whole content; else it is computed by reading the object, and remembered in `cache`.
 *
 * @example
 * const objects = createS3Objects({ bucket: 'photos', root: '', endpoint, region, style, credentials })
 * const storage = createObjectStorage(objects, { createHasher, cache: createDigestCache(), writable: true })
 */
export function createObjectStorage(
  objects: WritableObjects,
  options: ObjectStorageOptions & { readonly writable: true },
): WritableStorage
export function createObjectStorage(objects: Objects, options: ObjectStorageOptions): Storage
export function createObjectStorage(objects: Objects, options: ObjectStorageOptions): Storage {
  const { createHasher, cache, root = '', writable = false } = options
  const kept = createObjectKept(objects, root)
  const limit = createLimit(MAX_OBJECTS_AT_ONCE)
  const toName = (key: string) => key.slice(root.length)
  const digests = createObjectDigests(objects, createHasher, cache, toName)
  const { open, openAgain } = createObjectReader(digests, root, createHasher)
  const describeAll = objects.readAll && createObjectBatches(objects.readAll, digests)

  async function describeOne(name: string, options: DescribeOptions): Promise<Facts | null> {
    const key = root + requireName(name)
    return await limit.run(async () => {
      options.signal?.throwIfAborted()
      const sight = await digests.look(key, options.signal)
      return sight && (await digests.describe(sight, options))
    })
  }

  /** Describes a listed object by what is known of it; else asks the store, or reads the object. */
  async function describeListed({ info }: Listed, options: DescribeOptions): Promise<Facts | null> {
    const known = await digests.find(info, options.maxAge)
    if (known !== undefined) return toFacts(info, known)
    return await limit.run(async () => {
      options.signal?.throwIfAborted()
      return await digests.describeListed(info.key, options)
    })
  }

  const toListed = createToListed(toName)

  async function listGapped(options: ListOptions): Promise<GappedPage<Listed>> {
    const { prefix = '', after = '', limit, signal, isCounted } = options
    const { found, next, gaps } = await collect(objects, root, {
      ...{ prefix: root + prefix, after: root + after, size: toPageSize(limit), signal },
      pick: toListed,
      toPassed(info) {
        const name = toName(info.key)
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

  async function* survey(wanted: Survey, options: SurveyOptions = {}): AsyncGenerator<SurveyLine> {
    const looks = createSecondLooks((key) => digests.lookAgain(key, options.signal))
    const describeNoting = async (one: Listed, options: DescribeOptions) => {
      const facts = await describeListed(one, options)
      if (facts?.evidence === 'read' && digests.isProvisional(one.info.key)) looks.add(one.info.key)
      return facts
    }

    const pages = {
      // One fewer than a store lists at once, so that it need not be asked again whether there are others.
      list: (options: ListOptions) => listGapped({ ...options, limit: MAX_LISTING_PAGE - 1 }),
      describe(entries: readonly Listed[], options: DescribeOptions) {
        if (describeAll === undefined) return entries.map((one) => describeNoting(one, options))
        const listed = entries.map(({ info }) => info)
        const together = describeAll(listed, wanted.pass, options)
        return entries.map(
          async (one) => (await together).get(one.info.key) ?? (await describeNoting(one, options)),
        )
      },
      open: openAgain,
    }
    yield* afterLooks(surveyPages(pages, wanted, { createHasher, ...options }), looks, options.signal)
  }

  const reads = {
    ...(objects.billing && {
      billing: {
        ...objects.billing,
        estimate: (options: EstimateOptions) =>
          estimateObjects(createLooks(objects, digests, root, toListed), options),
      },
    }),
    describe: (names: readonly string[], options: DescribeOptions = {}) =>
      askOnce(names, (name) => describeOne(name, options)),
    open,
    list,
    survey,
    listKept: kept.list,
  }
  if (!writable || objects.writes === undefined) return reads
  return { ...reads, ...createObjectWriter(objects.writes, { digests, kept, root, createHasher }) }
}

/** What is listed of an object under its name; null for one that is not. */
function createToListed(toName: (key: string) => string) {
  return (info: ListedObject): Listed | null => {
    const name = toName(info.key)
    if (info.passed !== undefined || parseName(name) === null) return null
    return { name, size: info.size, modified: info.modified, info }
  }
}

/** How an estimate looks at a store: it lists all objects, and asks what is known of each. */
function createLooks(
  objects: Objects,
  digests: ObjectDigests,
  root: string,
  toListed: (info: ListedObject) => Listed | null,
) {
  async function* listAll({ prefix, signal }: EstimateOptions, onCall: () => void) {
    const counted: Objects = {
      ...objects,
      list(...asked) {
        onCall()
        return objects.list(...asked)
      },
    }
    for (let after: string | null = ''; after !== null; ) {
      const asked = { prefix: root + prefix, after: root + after, size: MAX_LISTING_PAGE - 1, signal }
      const page: { found: Listed[]; next: Listed | null } = await collect(counted, root, {
        ...asked,
        pick: toListed,
      })
      yield page.found
      after = page.next?.name ?? null
    }
  }

  return {
    listAll,
    isKnown: async (info: ObjectInfo) => (await digests.find(info, undefined)) !== undefined,
    async hasStored(key: string, signal: AbortSignal | undefined) {
      const info = await objects.head(key, signal)
      return info && info.stored !== null
    },
  }
}

/**
 * The lines of a survey, the last only after the second looks, which take two seconds more and spare the next
 * survey a reading: a client may leave once it has the last line.
 */
async function* afterLooks(
  lines: AsyncIterable<SurveyLine>,
  looks: SecondLooks,
  signal: AbortSignal | undefined,
): AsyncGenerator<SurveyLine> {
  let held: SurveyLine | undefined
  let progress: SurveyLine | undefined
  try {
    for await (const line of lines) {
      if (held !== undefined) yield held
      held = line
      if ('seen' in line) progress = line
    }
    for (let i = 0; i < MAX_SETTLING_HEARTBEATS && !(await looks.settle(HEARTBEAT_MS)); i++) {
      signal?.throwIfAborted()
      if (progress !== undefined) yield progress
    }
    if (held !== undefined) yield held
  } finally {
    looks.close()
  }
}

/** Why an object is not listed; null for what vouch itself keeps below `.vouch/`. */
function toPassed(name: string, { size, passed }: ListedObject): PassedKind | null {
  if (passed !== undefined) return passed
  if (isReserved(name)) return null
  const isFolder = name === '' || (name.endsWith('/') && parseName(name.slice(0, -1)) !== null)
  return isFolder && size === 0 ? 'folder-marker' : findFault(name)
}
