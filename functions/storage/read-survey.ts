import { type CreateHasher, type Digest, toDigest } from '../wire/digest.ts'
import { HEARTBEAT_MS } from '../wire/limits.ts'
import type { Passed } from '../wire/passed.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import { within } from '../wire/within.ts'
import { isFresh } from './freshness.ts'
import { createSelect } from './globs.ts'
import { compareNames } from './names.ts'
import type { DescribeOptions, Entry, Facts, ListOptions, Storage, SurveyOptions, Work } from './storage.ts'
import { readChunks, toChunks } from './streams.ts'
import {
  type Closed,
  createSeenCounter,
  createSpanner,
  type Found,
  isFacts,
  isWithin,
  type Progress,
  type Span,
  type Survey,
  type SurveyLine,
} from './survey.ts'
import { createTally } from './tally.ts'

export interface ReadSurveyOptions extends SurveyOptions {
  /** The host's SHA-256, for storages that have no survey of their own; without it those refuse a deep one. */
  readonly createHasher?: CreateHasher | undefined
}

/** The storage's survey; of one that has none, the same by listing and describing, page by page. */
export function readSurvey(
  storage: Storage,
  survey: Survey,
  options: ReadSurveyOptions = {},
): AsyncIterable<SurveyLine> {
  return storage.survey ? storage.survey(survey, options) : surveyPages(toPages(storage), survey, options)
}

/** What was passed over between two entries of a page. */
export interface Gap {
  /** The name of the entry that follows; null at the end of the page. */
  readonly before: string | null
  readonly passed: readonly Passed[]
}

/** A page of entries, and in byte order what lies between them. */
export interface GappedPage<E> {
  readonly entries: readonly E[]
  readonly next: string | null
  readonly gaps: readonly Gap[]
}

/** Files that are listed page by page, and described by what the listing says of them. */
export interface Pages<E extends Entry> extends Pick<Storage, 'open'> {
  list(options: ListOptions): Promise<GappedPage<E>>
  /** As `Storage.describe` has it, for listed entries. */
  describe(entries: readonly E[], options: DescribeOptions): readonly Promise<Facts | null>[]
}

function toPages(storage: Storage): Pages<Entry> {
  return {
    async list(options) {
      const { entries, next, passed = [] } = await storage.list(options)
      // The page does not say where in it: all of it counts before any of it is told.
      return { entries, next, gaps: [{ before: entries[0]?.name ?? null, passed }] }
    },
    describe: (entries, options) => {
      const names = entries.map(({ name }) => name)
      return storage.describe(names, options)
    },
    open: (name, options) => storage.open(name, options),
  }
}

/** A survey by listing and describing, page by page. */
export async function* surveyPages<E extends Entry>(
  storage: Pages<E>,
  survey: Survey,
  options: ReadSurveyOptions,
): AsyncGenerator<SurveyLine> {
  const spanner = createSpanner(survey.ranges, [survey.grain])
  const abort = new AbortController()
  const signal = AbortSignal.any([abort.signal, ...(options.signal ? [options.signal] : [])])
  const look = toLook(survey.maxAge)
  const tally = createTally()
  const seen = createSeenCounter()
  let work = 0
  const onProgress = ({ done }: Work) => {
    work += done
  }

  /** Lines, after what was passed over before them. */
  function* toLines(lines: readonly (Found | Span)[]): Generator<SurveyLine> {
    if (lines.length > 0) for (const one of tally.take()) yield { passed: [one] }
    yield* lines
  }

  try {
    for await (const { entries, gaps, listed } of readPages(storage, survey, signal)) {
      work += listed
      const { found, whileWorking } = look(storage, entries, { ...options, signal, onProgress })
      yield* whileWorking(() => ({ seen: seen.get(), of: null, work }))
      const counted = createGapCounter(gaps)
      for (const one of await found) {
        seen.add(one.said)
        for (const { passed } of counted.upTo(one.name)) tally.addAll(passed)
        if (survey.grain === 0) yield* toLines([one])
        else yield* toLines(await toSpans(spanner.add(one.name, toSize(one), toComparable(one))))
      }
      for (const { passed } of counted.upTo(null)) tally.addAll(passed)
      yield { seen: seen.get(), of: null, work }
    }
    const last = survey.grain > 0 ? await toSpans(spanner.end()) : []
    if (survey.passed) for (const passed of [...tally.take().map((one) => [one]), []]) yield { passed }
    yield* last
  } finally {
    // Who leaves at a sign of life leaves a page that is being looked at.
    abort.abort(new StorageError('unreachable', 'the survey was left'))
  }
}

/** The gaps of a page, one after the other. */
function createGapCounter(gaps: readonly Gap[]) {
  let next = 0
  return {
    /** Those before this name that were not given yet; with null all that are left. */
    *upTo(name: string | null): Generator<Gap> {
      for (let gap = gaps[next]; gap !== undefined; gap = gaps[++next]) {
        if (name !== null && (gap.before === null || compareNames(gap.before, name) > 0)) return
        yield gap
      }
    },
  }
}

/** A page of a listing. */
interface Listed<E> extends Pick<GappedPage<E>, 'gaps'> {
  /** Those that are wanted, */
  readonly entries: readonly E[]
  /** of so many. */
  readonly listed: number
}

/** The files that are wanted, of one page after the other, and what is passed over between them. */
async function* readPages<E extends Entry>(
  storage: Pages<E>,
  survey: Survey,
  signal: AbortSignal,
): AsyncGenerator<Listed<E>> {
  const { prefix } = survey
  const isWanted = createSelect(survey)
  for (const { after, until } of survey.ranges) {
    const isCounted = (name: string) => survey.passed === true && isWithin(name, until) && isWanted(name)
    for (let next: string | null = after; next !== null; ) {
      const page: GappedPage<E> = await storage.list({ prefix, after: next, isCounted, signal })
      const held = page.entries.filter(({ name }) => isWithin(name, until))
      const gaps = survey.passed ? page.gaps : []
      yield { entries: held.filter(({ name }) => isWanted(name)), listed: page.entries.length, gaps }
      next = held.length < page.entries.length ? null : page.next
    }
  }
}

/** Files that are being looked at. */
interface Look {
  readonly found: Promise<Found[]>
  /** A line now and then, as long as the store works and is not done. */
  whileWorking(toLine: () => Progress): AsyncGenerator<Progress>
}

interface LookOptions extends ReadSurveyOptions {
  readonly onProgress: (work: Work) => void
}

/** Runs `look`, which reports now and then what it has done. */
function createLook(
  { onProgress }: LookOptions,
  look: (onProgress: (work: Work) => void) => Promise<Found[]>,
): Look {
  let isAlive = false
  let isDone = false
  const found = look((work) => {
    isAlive = true
    onProgress(work)
  })
  const done = found.then(
    () => (isDone = true),
    () => (isDone = true),
  )
  return {
    found,
    async *whileWorking(toLine) {
      while (!isDone) {
        await within(HEARTBEAT_MS / 2, done)
        if (isAlive && !isDone) yield toLine()
        isAlive = false
      }
    },
  }
}

/** How the files of a page are looked at. */
function toLook(maxAge: number | null) {
  return <E extends Entry>(storage: Pages<E>, entries: readonly E[], options: LookOptions): Look =>
    createLook(options, async (onProgress) => {
      // With 0 every byte is read, whatever is known.
      const known =
        maxAge === 0 ? entries.map(toName) : await describeAll(storage, entries, options, onProgress)
      return await readStale(storage, known, maxAge, options, onProgress)
    })
}

function toName({ name }: Entry): Known {
  return { name, said: null }
}

/** A file and what is known of it; null for nothing yet. */
interface Known {
  readonly name: string
  readonly said: Found['said'] | null
}

async function describeAll<E extends Entry>(
  storage: Pages<E>,
  entries: readonly E[],
  { signal, trace }: LookOptions,
  onProgress: (work: Work) => void,
): Promise<Found[]> {
  const answers = await Promise.allSettled(storage.describe(entries, { signal, trace, onProgress }))
  signal?.throwIfAborted()
  return answers.flatMap((answer, i) => {
    const said = answer.status === 'fulfilled' ? answer.value : toStorageError(answer.reason)
    // What is gone since it was listed is no file of the store's.
    return said === null ? [] : [{ name: entries[i]?.name ?? '', said }]
  })
}

/**
 * Reads every byte of the files of which no reading is known that `maxAge` takes. They are opened rather than described:
 * the bytes are then compared with the digest that the store goes on to claim, which is how rot is found.
 */
async function readStale(
  storage: Pick<Storage, 'open'>,
  files: readonly Known[],
  maxAge: number | null,
  options: LookOptions,
  onProgress: (work: Work) => void,
): Promise<Found[]> {
  const found: Found[] = []
  for (const { name, said } of files) {
    const isEnough = said !== null && (!isFacts(said) || isFresh(said, maxAge))
    const one = isEnough ? { name, said } : await readOne(storage, name, options, onProgress)
    options.signal?.throwIfAborted()
    if (one !== null) found.push(one)
  }
  return found
}

async function readOne(
  storage: Pick<Storage, 'open'>,
  name: string,
  { createHasher, signal, trace }: ReadSurveyOptions,
  onProgress: (work: Work) => void,
): Promise<Found | null> {
  if (createHasher === undefined) throw new StorageError('unreadable', 'this store reads no file anew')
  try {
    const opened = await storage.open(name, { signal, trace })
    if (opened === null) return null
    const { facts, body } = opened
    const hasher = createHasher()
    for await (const chunk of readChunks(toChunks(body))) {
      await hasher.update(chunk)
      onProgress({ done: chunk.length })
    }
    const digest = await hasher.digest()
    return digest === facts.digest
      ? { name, said: { ...facts, evidence: 'read', age: 0 } }
      : { name, said: { ...facts, digest, evidence: 'read', age: 0 }, rottedFrom: facts.digest }
  } catch (error) {
    return { name, said: toStorageError(error) }
  }
}

/** The digest by which a file counts in a span; null for one that has to be looked at by itself. */
function toComparable({ said, rottedFrom }: Found): string | null {
  return isFacts(said) && rottedFrom === undefined ? said.digest : null
}

function toSize({ said }: Found): number {
  return isFacts(said) ? said.size : 0
}

async function toSpans(closed: readonly Closed[]): Promise<Span[]> {
  return await Promise.all(
    closed.map(async ({ grain: _, text, ...span }) => ({
      ...span,
      fingerprint: text === null ? null : await readFingerprint(text),
    })),
  )
}

async function readFingerprint(text: string): Promise<Digest> {
  return toDigest(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
