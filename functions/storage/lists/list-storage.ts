import type { Digest } from '../../wire/digest.ts'
import { untilAborted } from '../../wire/limit.ts'
import { StorageError, settle } from '../../wire/storage-error.ts'
import { type Facts, isRecent, toAge } from '../facts.ts'
import { requireName } from '../names.ts'
import type { DescribeOptions, Storage } from '../storage.ts'
import { type Pages, surveyPages } from '../survey/read-survey.ts'
import { type List, type ListFile, readList } from './list.ts'
import type { ListOptions } from './list-options.ts'
import { type Placed, toPage } from './list-page.ts'
import { type ListRecord, toFaultText, toRecord } from './list-record.ts'
import { askPeers, findContent, type Peers } from './peers.ts'
import { hasSpans, surveySpans } from './span-survey.ts'
import type { Recorded } from './sums.ts'

/** Where a list comes from. */
export interface ListSource {
  /**
   * Reads the list; resolves with null when it is still the version `known`. Rejects with `unreachable` when
   * it is gone or cannot be reached, and with `unreadable` when it has more than `MAX_LIST_BYTES`.
   */
  read(known: string | null, signal?: AbortSignal): Promise<ListVersion | null>
}

/** A list at one moment. */
export interface ListVersion extends ListFile {
  /** Another text for each content. */
  readonly version: string
  /** When the list was written: milliseconds since 1970; null when that is unknown. */
  readonly modified: number | null
}

/** How a list is read. */
export interface ListStorageOptions extends ListOptions {
  /** Called whenever the list has been read, because it is asked for the first time or has changed. */
  readonly onRead?: ((record: ListRecord) => void) | undefined
}

/** The replica of a list. */
export interface ListStorage extends Storage {
  /**
   * The same list beside the other replicas, and read once for both; without them a list of other sums than
   * SHA-256 agrees with lists of the same sums alone.
   */
  beside(peers: Peers): Storage
}

interface Held extends List {
  readonly modified: number | null
}

/**
 * The files that a list of sums records, as a replica: each digest is `recorded`, and there are no bytes to
 * open. The list is read when it is first asked and whenever it has changed. A name that it does not have is
 * absent only if every line of the list is understood, and every name of it valid; otherwise it is
 * `unreadable`, and so is a name with two contents. What is not understood also counts among the entries that
 * a listing from the beginning passes. Of a list of other sums, such as MD5, the peers compute that sum of
 * their copies: where one has it, the digest is that of its copy; where none has it, the digest is `md5:` and
 * the sum.
 *
 * @example
 * const then = createListStorage(createFileListSource('/archive/SHA256SUMS'))
 */
export function createListStorage(source: ListSource, options: ListStorageOptions = {}): ListStorage {
  const hold = createHold(source, options)
  return { ...toStorage(hold, null), beside: (peers) => toStorage(hold, peers) }
}

type Hold = ReturnType<typeof createHold>

function toStorage(hold: Hold, peers: Peers | null): Storage {
  /** What the list says of names that it has; a promise where peers are asked. */
  function toAllFacts(
    list: Held,
    entries: readonly { readonly name: string; readonly known: Recorded }[],
    { maxAge: _, ...asked }: DescribeOptions,
  ): readonly (Promise<Facts> | Facts | StorageError)[] {
    const { id } = list.algorithm
    const age = toRecordAge(list.modified)
    if (id === 'sha256')
      return entries.map(({ known }) => {
        const { sum, size } = known
        return sum === null ? noSum(known) : toFacts(known, sum, size, age)
      })
    const wanted = entries.filter(({ known }) => known.sum !== null).map(({ name }) => name)
    const answersOf = peers === null ? () => [] : askPeers(peers, [...new Set(wanted)], id, asked)
    return entries.map(async ({ name, known }) => {
      const { sum } = known
      if (sum === null) throw noSum(known)
      const content = await findContent(known, { answers: answersOf(name), algorithm: id })
      return toFacts(known, content?.digest ?? `${id}:${sum}`, content?.size ?? known.size, age)
    })
  }

  async function describeAll(names: readonly string[], options: DescribeOptions) {
    const list = await hold(options.signal)
    const found = new Map<string, Promise<Facts> | Facts | StorageError>()
    const entries = [...new Set(names)].flatMap((name) => {
      const known = list.sums.find(name)
      return known === null ? [] : [{ name, known }]
    })
    for (const [i, facts] of toAllFacts(list, entries, options).entries()) {
      if (facts instanceof Promise) facts.catch(() => {})
      found.set(entries[i]?.name ?? '', facts)
    }
    return { list, found }
  }

  return {
    isRecord: true,
    describe(names, options = {}) {
      if (names.length === 0) return []
      const all = describeAll(names, options)
      // Invalid names do not wait for it.
      all.catch(() => {})
      return names.map(async (name) => {
        requireName(name)
        const { list, found } = await all
        const facts = found.get(name)
        if (facts === undefined) return requireAbsent(list, name)
        if (facts instanceof StorageError) throw facts
        return await facts
      })
    },
    async open(name, { signal } = {}) {
      requireName(name)
      const list = await hold(signal)
      if (list.sums.find(name) === null) return requireAbsent(list, name)
      throw noBytes()
    },
    async list({ signal, ...options } = {}) {
      const { entries, ...page } = toPage(await hold(signal), options)
      return { entries: entries.map(({ name, size, modified }) => ({ name, size, modified })), ...page }
    },
    // By the places of its entries: to find each by its name again would take three times as long.
    async *survey(survey, options = {}) {
      const list = await hold(options.signal)
      if (hasSpans(list, survey)) {
        yield* surveySpans(list, survey, toRecordAge(list.modified), options.signal)
        return
      }
      const pages: Pages<Placed> = {
        async list(options) {
          const { entries, next, passed = [] } = toPage(list, { ...options, limit: SURVEYED_NAMES })
          return { entries, next, gaps: [{ before: entries[0]?.name ?? null, passed }] }
        },
        describe(entries, options) {
          const known = entries.map(({ name, place }) => ({ name, known: list.sums.at(place) }))
          return toAllFacts(list, known, options)
        },
        open: () => Promise.reject(noBytes()),
      }
      // There are no bytes to read again.
      yield* surveyPages(pages, { ...survey, maxAge: null }, options)
    },
  }
}

/** Names of a page of a survey: few, so that most of what is made of them is gone at the next collection. */
const SURVEYED_NAMES = 100

/** Returns a function that resolves with the list as it is now, which it reads if it has changed. */
function createHold(source: ListSource, options: ListStorageOptions) {
  /** The list as it was read last, or why it was refused. */
  let last: { readonly version: string; readonly read: Held | StorageError } | null = null
  let loading: Promise<Held> | null = null

  async function load(): Promise<Held> {
    const found = await source.read(last?.version ?? null)
    if (found !== null) {
      // Let go before the next one is read: both may be large.
      last = null
      last = { version: found.version, read: await settle(readVersion(found, options)) }
    }
    if (last === null) throw new StorageError('unreachable', 'the list was not sent')
    if (last.read instanceof StorageError) throw last.read
    return last.read
  }

  // Questions that come together share one look at the list.
  return async (signal: AbortSignal | undefined): Promise<Held> => {
    signal?.throwIfAborted()
    loading ??= load().finally(() => {
      loading = null
    })
    return await untilAborted(loading, signal)
  }
}

async function readVersion(found: ListVersion, options: ListStorageOptions): Promise<Held> {
  const held = { ...(await readList(found, options)), modified: found.modified }
  options.onRead?.(toRecord(held))
  return held
}

/** Null for a name that the list does not have, if it says by that that there was none; else throws. */
function requireAbsent(list: List, name: string): null {
  const fault = list.faults.first[0] ?? list.misspelt
  if (fault !== null)
    throw new StorageError(
      'unreadable',
      `the list does not say that the file is missing: ${toFaultText(fault)}`,
    )
  if (list.isMixed && list.sums.find(`${name}\r`) !== null) {
    const message = `the list has '${name}' with a CR, which may be of the name or of the line end: other lines do not end in CR`
    throw new StorageError('unreadable', message)
  }
  return null
}

function noSum({ wrong }: Recorded): StorageError {
  return new StorageError('unreadable', `the list ${wrong}`)
}

/** Seconds since the list was written; null when that is unknown, or in the future. */
function toRecordAge(modified: number | null): number | null {
  const now = Date.now()
  return modified !== null && isRecent(modified, now, null) ? toAge(modified, now) : null
}

function toFacts({ modified }: Recorded, digest: Digest, size: number | null, age: number | null): Facts {
  return { size, digest, modified, evidence: 'recorded', age }
}

function noBytes(): StorageError {
  return new StorageError('unreadable', 'a list of sums keeps no bytes: open the file on another replica')
}
