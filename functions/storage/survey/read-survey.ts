import { createPace, type Pace } from '../../bytes/pace.ts'
import { type CreateHasher, type Digest, toDigest } from '../../wire/digest.ts'
import { withTimeout } from '../../wire/limit.ts'
import { HEARTBEAT_MS } from '../../wire/limits.ts'
import type { Passed } from '../../wire/passed.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import { type Facts, isFacts, isFresh, type SizedFacts } from '../facts.ts'
import { hashBody } from '../hash-body.ts'
import { compareNames } from '../names.ts'
import type {
  DescribeOptions,
  Entry,
  ListOptions,
  Opened,
  OpenOptions,
  Storage,
  SurveyOptions,
  Work,
} from '../storage.ts'
import { createSelect } from './globs.ts'
import {
  type Closed,
  createSeenCounter,
  createSpanner,
  type Found,
  isWithin,
  type Progress,
  type Span,
  type Survey,
  type SurveyLine,
} from './survey.ts'
import { createTally } from './tally.ts'

interface ReadSurveyOptions extends SurveyOptions {
  /** The host's SHA-256, for storages without their own survey; without it those reject a deep survey. */
  readonly createHasher?: CreateHasher | undefined
}

/** The storage's own survey; of a storage without one, the same by listing and describing, page by page. */
export function readSurvey(
  storage: Storage,
  survey: Survey,
  options: ReadSurveyOptions = {},
): AsyncIterable<SurveyLine> {
  return storage.survey ? storage.survey(survey, options) : surveyPages(toPages(storage), survey, options)
}

/** The entries that were skipped between two entries of a page. */
export interface Gap<T> {
  /** The entry that follows, or its name; null at the end of the page. */
  readonly before: T | null
  readonly passed: readonly Passed[]
}

/** A page of entries, and the gaps between them, in byte order. */
export interface GappedPage<E> {
  readonly entries: readonly E[]
  readonly next: string | null
  readonly gaps: readonly Gap<string>[]
}

/** Files that are listed page by page, and described by their listed entries. */
export interface Pages<E extends Entry> {
  list(options: ListOptions): Promise<GappedPage<E>>
  /** As `Storage.describe`, for listed entries; what is known at once need not be a promise. */
  describe(
    entries: readonly E[],
    options: DescribeOptions,
  ): readonly (Promise<Facts | null> | Found['said'] | null)[]
  /** As `Storage.open`, for a whole file whose digest need not be known. */
  open(name: string, options: OpenOptions): Promise<OpenedAgain | null>
}

/** A file opened to be read again. The caller reads `body` to its end or cancels it. */
export interface OpenedAgain extends Pick<Opened, 'body'> {
  /** `digest` is what the store claims or was read before; null for a file of which no digest is known. */
  readonly facts: Omit<SizedFacts, 'digest'> & { readonly digest: Digest | null }
}

function toPages(storage: Storage): Pages<Entry> {
  return {
    async list(options) {
      const { entries, next, passed = [] } = await storage.list(options)
      // The page does not have their places, so all of them count before its first entry.
      return { entries, next, gaps: [{ before: entries[0]?.name ?? null, passed }] }
    },
    describe(entries, options) {
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
  const tally = createTally()
  const seen = createSeenCounter()
  let work = 0
  const onProgress = ({ done }: Work) => {
    work += done
  }
  const toProgress = (): Progress => ({ seen: seen.get(), of: null, work })
  const pace = survey.rate === undefined ? undefined : createPace(survey.rate, signal)

  /** The lines, after those of the entries that were skipped before them. */
  function* toLines(lines: readonly (Found | Span)[]): Generator<SurveyLine> {
    if (lines.length > 0) for (const one of tally.take()) yield { passed: [one] }
    yield* lines
  }

  try {
    for await (const { entries, gaps, listed } of readPages(storage, survey, signal)) {
      work += listed
      const examining = { ...options, maxAge: survey.maxAge, signal, onProgress, pace }
      const counted = createGapCounter(gaps)
      // With a pace one after the other: none of many connections may be read so slowly that it breaks.
      const isTogether = pace === undefined || entries.length === 0
      for (const group of isTogether ? [entries] : entries.map((entry) => [entry])) {
        const found = yield* examine(storage, group, examining, toProgress)
        for (const { said } of found) seen.add(said)
        // First: whoever has the last name of a range reads no further.
        yield toProgress()
        for (const one of found) {
          for (const { passed } of counted.upTo(one.name)) tally.addAll(passed)
          if (survey.grain === 0) {
            yield* toLines([one])
            continue
          }
          const closed = spanner.add(one.name, getSize(one), toComparable(one))
          if (closed.length > 0) yield* toLines(await toSpans(closed))
        }
      }
      for (const { passed } of counted.upTo(null)) tally.addAll(passed)
    }
    const last = survey.grain > 0 ? await toSpans(spanner.end()) : []
    if (survey.passed) for (const passed of [...tally.take().map((one) => [one]), []]) yield { passed }
    yield* last
  } finally {
    // A caller that leaves at a heartbeat leaves a page that is still being examined.
    abort.abort(new StorageError('unreachable', 'the survey was cancelled'))
  }
}

/** Returns the gaps of a page in turn. */
function createGapCounter(gaps: readonly Gap<string>[]) {
  let next = 0
  return {
    /** The gaps before this name that were not returned yet; all that remain for null. */
    *upTo(name: string | null): Generator<Gap<string>> {
      for (let gap = gaps[next]; gap !== undefined; gap = gaps[++next]) {
        if (name !== null && (gap.before === null || compareNames(gap.before, name) > 0)) return
        yield gap
      }
    },
  }
}

/**
 * The selected files, page by page, and the gaps between them. The next page is listed while the caller uses
 * one, so that the listings of all replicas are under way at once, also where they differ. The caller aborts
 * `signal` when it leaves.
 */
async function* readPages<E extends Entry>(
  storage: Pages<E>,
  survey: Survey,
  signal: AbortSignal,
): AsyncGenerator<Pick<GappedPage<E>, 'entries' | 'gaps'> & { readonly listed: number }> {
  const { prefix } = survey
  const isWanted = createSelect(survey)
  for (const { after, until } of survey.ranges) {
    const isCounted = (name: string) => survey.passed === true && isWithin(name, until) && isWanted(name)
    const list = (after: string) => storage.list({ prefix, after, isCounted, signal })
    for (let listing: Promise<GappedPage<E>> | null = list(after); listing !== null; ) {
      const page: GappedPage<E> = await listing
      const held = page.entries.filter(({ name }) => isWithin(name, until))
      const gaps = survey.passed ? page.gaps : []
      listing = held.length < page.entries.length || page.next === null ? null : list(page.next)
      // The caller may leave before it fails.
      listing?.catch(() => {})
      yield { entries: held.filter(({ name }) => isWanted(name)), listed: page.entries.length, gaps }
    }
  }
}

interface ExamineOptions extends ReadSurveyOptions {
  readonly maxAge: number | null
  readonly pace: Pace | undefined
  readonly onProgress: (work: Work) => void
}

/** Examines the files of a page, and returns them; yields heartbeats of `toLine` while the store works. */
async function* examine<E extends Entry>(
  storage: Pages<E>,
  entries: readonly E[],
  options: ExamineOptions,
  toLine: () => Progress,
): AsyncGenerator<Progress, Found[]> {
  let [isAlive, isDone] = [false, false]
  const onProgress = (work: Work) => {
    isAlive = true
    options.onProgress(work)
  }
  const found = describeOrRead(storage, entries, { ...options, onProgress })
  const end = () => {
    isDone = true
  }
  const done = found.then(end, end)
  while (!isDone) {
    await withTimeout(HEARTBEAT_MS / 2, done)
    if (isAlive && !isDone) yield toLine()
    isAlive = false
  }
  return await found
}

async function describeOrRead<E extends Entry>(
  storage: Pages<E>,
  entries: readonly E[],
  options: ExamineOptions,
): Promise<Found[]> {
  // With 0 every byte is read, whatever is remembered.
  if (options.maxAge === 0)
    return await readStale(
      storage,
      entries.map(({ name }) => ({ name, said: null })),
      options,
    )
  const known = await describeAll(storage, entries, options)
  return options.maxAge === null ? known : await readStale(storage, known, options)
}

async function describeAll<E extends Entry>(
  storage: Pages<E>,
  entries: readonly E[],
  { signal, trace, onProgress, pace }: ExamineOptions,
): Promise<Found[]> {
  const answers = storage
    .describe(entries, { signal, trace, onProgress, pace })
    .map((answer) => (answer instanceof Promise ? answer.catch(toStorageError) : answer))
  const found: Found[] = []
  for (const [i, answer] of answers.entries()) {
    const said = answer instanceof Promise ? await answer : answer
    // A file that was removed after it was listed is left out.
    if (said !== null) found.push({ name: entries[i]?.name ?? '', said })
  }
  signal?.throwIfAborted()
  return found
}

/**
 * Reads every byte of the files without a reading recent enough for `maxAge`. It opens them, not describes,
 * so that the bytes are compared with the digest that the store still claims, which is how rot is found.
 */
async function readStale(
  storage: Pick<Pages<Entry>, 'open'>,
  files: readonly { readonly name: string; readonly said: Found['said'] | null }[],
  options: ExamineOptions,
): Promise<Found[]> {
  const found: Found[] = []
  for (const { name, said } of files) {
    const isEnough = said !== null && (!isFacts(said) || isFresh(said, options.maxAge))
    const one = isEnough ? { name, said } : await readOne(storage, name, options)
    options.signal?.throwIfAborted()
    if (one !== null) found.push(one)
  }
  return found
}

async function readOne(
  storage: Pick<Pages<Entry>, 'open'>,
  name: string,
  { createHasher, signal, trace, onProgress, pace }: ExamineOptions,
): Promise<Found | null> {
  if (createHasher === undefined)
    throw new StorageError('unreadable', 'this store cannot read its files again')
  try {
    const opened = await storage.open(name, { signal, trace, pace })
    if (opened === null) return null
    const { facts, body } = opened
    const hasher = createHasher()
    await hashBody(body, [hasher], { name, size: facts.size, onProgress, pace })
    const digest = await hasher.digest()
    const said = { ...facts, digest, evidence: 'read', age: 0 } as const
    const isRotten = facts.digest !== null && facts.digest !== digest
    return isRotten ? { name, said, rottedFrom: facts.digest } : { name, said }
  } catch (error) {
    return { name, said: toStorageError(error) }
  }
}

/** The digest by which a file counts in a span; null for a file that has to be examined by itself. */
function toComparable({ said, rottedFrom }: Found): string | null {
  return isFacts(said) && rottedFrom === undefined ? said.digest : null
}

function getSize({ said }: Found): number | null {
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
