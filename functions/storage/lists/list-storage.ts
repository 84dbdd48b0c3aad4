import type { Digest } from '../../wire/digest.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatCount, formatNumber } from '../../wire/text.ts'
import { type Facts, notFresh } from '../facts.ts'
import { compareNames, findFault, RESERVED, requireName } from '../names.ts'
import type { DescribeOptions, ListOptions as PageOptions, Page, Storage } from '../storage.ts'
import { createPageBuilder } from '../survey/page-builder.ts'
import { type List, type ListFile, type ListOptions, readList } from './list.ts'
import type { Fault } from './reading.ts'
import type { Recorded } from './sums.ts'

/** Where a list comes from. */
export interface ListSource {
  /**
   * Reads the list; resolves with null when it is still the version `known`. Rejects with `unreachable` when it is
   * gone or cannot be reached, and with `unreadable` when it has more than `MAX_LIST_BYTES`.
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

/** What a list is. */
export interface ListRecord extends Pick<List, 'format' | 'algorithm' | 'faults' | 'notes' | 'outside'> {
  /** When it was written: milliseconds since 1970; null when that is unknown. */
  readonly modified: number | null
  /** The number of its names. */
  readonly names: number
}

/** A replica of which only a list of sums is left. */
export interface ListStorage extends Storage {
  /** Reads the list, if it has changed, and resolves with what it is; rejects as every question does. */
  readRecord(signal?: AbortSignal): Promise<ListRecord>
}

interface Held extends List {
  readonly version: string
  readonly modified: number | null
}

/**
 * The files that a list of sums records, as a replica: each digest is `recorded`, and there are no bytes to open. The
 * list is read when it is first asked and whenever it has changed. A name that it does not have is absent only if
 * every line of the list is understood; otherwise it is `unreadable`, and so is a name with two contents. What is not
 * understood also counts among the entries that a listing from the beginning passes.
 *
 * @example
 * const then = createListStorage(createFileListSource('/archive/SHA256SUMS'))
 */
export function createListStorage(source: ListSource, options: ListOptions = {}): ListStorage {
  let held: Held | null = null
  let loading: Promise<Held> | null = null

  async function load(): Promise<Held> {
    const found = await source.read(held?.version ?? null)
    if (found === null && held !== null) return held
    // Let go before the next one is read: both may be large.
    held = null
    if (found === null) throw new StorageError('unreachable', 'the list was not sent')
    const list = await readList(found, options)
    held = { ...list, version: found.version, modified: found.modified }
    return held
  }

  /** Questions that come together share one look at the list. */
  async function hold(signal: AbortSignal | undefined): Promise<Held> {
    signal?.throwIfAborted()
    loading ??= load().finally(() => {
      loading = null
    })
    return await untilAborted(loading, signal)
  }

  async function describeOne(name: string, list: Promise<Held>, options: DescribeOptions): Promise<Facts | null> {
    requireName(name)
    const known = findRecorded(await list, name)
    if (known === null) return null
    if (options.maxAge !== undefined) throw notFresh()
    return toFacts(await list, known)
  }

  return {
    describe(names, options = {}) {
      if (names.length === 0) return []
      const list = hold(options.signal)
      // Invalid names do not wait for it.
      list.catch(() => {})
      return names.map((name) => describeOne(name, list, options))
    },
    async open(name, { signal } = {}) {
      requireName(name)
      if (findRecorded(await hold(signal), name) === null) return null
      throw new StorageError('unreadable', 'a list of sums keeps no bytes: open the file on another replica')
    },
    async list({ signal, ...options } = {}) {
      return toPage(await hold(signal), options)
    },
    async readRecord(signal) {
      const { format, algorithm, faults, notes, outside, modified, sums } = await hold(signal)
      return { format, algorithm, faults, notes, outside, modified, names: sums.count }
    },
  }
}

/** Settles as `work` does, or rejects with the reason of `signal`. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** What the list records of a name; null when it says that there was none, and throws when it does not say. */
function findRecorded(list: List, name: string): Recorded | null {
  const found = list.sums.find(name)
  if (found !== null) return found
  const [fault] = list.faults.first
  if (fault !== undefined)
    throw new StorageError('unreadable', `the list does not say that the file is missing: ${toFaultText(fault)}`)
  if (list.isMixed && list.sums.find(`${name}\r`) !== null) {
    const message = `the list has '${name}' with a CR, which may be of the name or of the line end: other lines do not end in CR`
    throw new StorageError('unreadable', message)
  }
  return null
}

/** `line 5 of the list is empty; it would have to be 'SUM NAME'`. */
function toFaultText({ line, words }: Fault): string {
  return line === 0 ? `the list ${words}` : `line ${formatNumber(line)} of the list ${words}`
}

function toFacts(list: Held, { sum, wrong, size, modified }: Recorded): Facts {
  if (sum === null) throw new StorageError('unreadable', `the list ${wrong}`)
  const { id } = list.algorithm
  const digest: Digest = id === 'sha256' ? sum : `${id}:${sum}`
  return { size, digest, modified, evidence: 'recorded', age: null }
}

function toPage(
  { sums, passed, faults }: List,
  { prefix = '', after = '', limit, isCounted = () => true }: PageOptions,
): Page {
  const page = createPageBuilder(limit)
  // They may be of any name, so that they come before the first.
  if (after === '') for (let i = 0; i < faults.count; i++) page.pass('other', toExampleOf(faults.first[i]))
  const others = passed.filter(({ name }) => name.startsWith(prefix) && compareNames(name, after) > 0)
  let next = 0
  const passBefore = (name: string | null) => {
    for (let one = others[next]; one !== undefined; one = others[++next]) {
      if (name !== null && compareNames(one.name, name) > 0) return
      if (isCounted(one.name) && !isOwn(one.name)) page.pass(one.kind, one.name)
    }
  }
  let place = sums.findPlace(compareNames(prefix, after) > 0 ? prefix : after)
  if (place < sums.count && sums.nameAt(place) === after) place++
  for (; place < sums.count; place++) {
    const name = sums.nameAt(place)
    if (!name.startsWith(prefix)) break
    passBefore(name)
    const fault = findFault(name)
    if (fault === null) {
      const { size, modified } = sums.at(place)
      if (!page.add({ name, size, modified })) return page.end()
    } else if (!isOwn(name) && isCounted(name)) page.pass(fault, name)
  }
  passBefore(null)
  return page.end()
}

/** Whether it lies in what vouch keeps for itself. */
function isOwn(name: string): boolean {
  return name.startsWith(`${RESERVED}/`)
}

function toExampleOf(fault: Fault | undefined): string {
  return fault === undefined ? '' : toFaultText(fault)
}

/** What people should know of a list before they believe it, a sentence each: what it is, and what it lacks. */
export function toRecordNotes({ algorithm, names, faults, notes, outside }: ListRecord): readonly string[] {
  const { title, isWeak } = algorithm
  return [
    ...(isWeak
      ? [`${title} finds accidents, not intent: two contents of one ${title} can be made`]
      : []),
    ...(outside > 0
      ? [`${formatCount(outside, 'name of the list lies', 'names of the list lie')} outside the root, beside ${formatNumber(names)}`]
      : []),
    ...faults.first.map(toFaultText),
    ...(faults.count > faults.first.length
      ? [`${formatNumber(faults.count - faults.first.length)} more lines of the list are not understood`]
      : []),
    ...notes,
  ]
}
