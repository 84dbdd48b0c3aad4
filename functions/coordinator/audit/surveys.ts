import { isFacts, isFresh, notFresh } from '../../storage/facts.ts'
import { compareNames } from '../../storage/names.ts'
import { readSurvey } from '../../storage/survey/read-survey.ts'
import {
  type Amount,
  addAmounts,
  cutRanges,
  type Found,
  isWithin,
  type Progress,
  type Range,
  type Span,
  type Survey,
  type SurveyLine,
} from '../../storage/survey/survey.ts'
import type { Digest } from '../../wire/digest.ts'
import type { Trace } from '../../wire/fields/trace.ts'
import { addPassed, type Passed } from '../../wire/passed.ts'
import { StorageError, toStorageError } from '../../wire/storage-error.ts'
import { watchStream } from '../ask/deadlines.ts'
import type { Member } from '../ask/member.ts'
import type { Answer } from '../compare/compare.ts'
import type { CoordinatorContext } from '../context.ts'

/** What all surveys of one audit share. */
export interface SurveyContext extends Pick<CoordinatorContext, 'deadlines' | 'createHasher'> {
  readonly trace: Trace | undefined
  readonly signal: AbortSignal
  /** Called with the progress of a replica. */
  readonly onProgress: (id: string, progress: Progress) => void
  /** Called once for each entry that a replica skipped, if the survey asks for them; `isAll` at the end. */
  readonly onPassed: (id: string, passed: readonly Passed[], isAll: boolean) => void
  /** Called with the size of each file that a replica has read for this audit. */
  readonly onRead?: ((id: string, bytes: number) => void) | undefined
}

/** The spans, or the files, of one replica's survey, in order. The caller must call `leave` in `finally`. */
export interface SurveyStream<T> {
  readonly id: string
  /** Returns the next; null after the last; the error once the survey has failed. */
  next(): Promise<T | null | StorageError>
  leave(): void
}

/**
 * Starts a survey of `member`, and resumes it where it breaks off as long as it makes progress: a replica
 * that was far ahead of the others may have lost its connection because this side did not read for long.
 */
export function openSurvey<T extends Span | Found>(
  member: Member,
  survey: Survey,
  { deadlines, createHasher, trace, signal, onProgress, onPassed, onRead }: SurveyContext,
): SurveyStream<T> {
  const silence = watchStream(deadlines)
  let { ranges } = survey
  let hasMoved = false
  let hasLeft = false
  // Skipped entries before a line that has not arrived yet: a resumed survey reports them again.
  let pending: readonly Passed[] = []
  let isAll = false
  let most = 0
  let abort = new AbortController()
  let lines = start()

  function start(): AsyncIterator<SurveyLine> {
    hasMoved = false
    pending = []
    isAll = false
    most = 0
    abort.abort(ENDED)
    abort = new AbortController()
    const options = { signal: AbortSignal.any([signal, abort.signal]), trace, createHasher }
    return readSurvey(member.storage, { ...survey, ranges }, options)[Symbol.asyncIterator]()
  }

  function leave(): void {
    hasLeft = true
    silence.stop(ENDED)
    abort.abort(ENDED)
  }

  function settlePassed(): void {
    onPassed(member.id, pending, isAll)
    pending = []
  }

  /** A replica that reports progress without making any counts as silent. */
  function noteProgress({ seen, of, work }: Progress): void {
    onProgress(member.id, { seen, of })
    const all = seen.names + seen.bytes + (work ?? 0)
    if (all > most) silence.note()
    most = Math.max(all, most)
  }

  async function read(): Promise<T | null> {
    while (ranges.length > 0) {
      const { done, value } = await silence.wait(lines.next())
      if (done) {
        settlePassed()
        return null
      }
      if ('seen' in value) {
        noteProgress(value)
        continue
      }
      if ('passed' in value) {
        isAll ||= value.passed.length === 0
        pending = addPassed(pending, value.passed)
        continue
      }
      hasMoved = true
      settlePassed()
      ranges = cutRanges(ranges, 'last' in value ? value.last : value.name)
      if ('said' in value && isFacts(value.said) && value.said.evidence === 'read')
        onRead?.(member.id, value.said.size ?? 0)
      if ('said' in value && isFacts(value.said) && !isFresh(value.said, survey.maxAge))
        return { name: value.name, said: notFresh() } as T // a file, like `value`
      return value as T // of the kind that a survey of this grain returns
    }
    return null
  }

  async function next(): Promise<T | null | StorageError> {
    silence.note()
    try {
      return await read()
    } catch (error) {
      signal.throwIfAborted()
      const failure = toStorageError(error)
      if (failure.code !== 'unreachable' || !hasMoved || hasLeft) return failure
      lines = start()
    }
    return await next()
  }

  return { id: member.id, next, leave }
}

const ENDED = new StorageError('unreachable', 'the coordinator ended the survey')

/** Called when a replica's survey fails. */
type OnLost = (id: string, error: StorageError) => void

/** Names between two ends of spans that all replicas have in common. */
interface Stretch {
  readonly range: Range
  /** Whether all replicas hold the same there. */
  readonly isAlike: boolean
  /** Whether it ends at a name that some replica may lack, because that is enough. */
  readonly isCut: boolean
  /** How many names the replica that holds most of them holds: each of them, where all are alike. */
  readonly names: number
  /** The bytes of all copies there, as far as their sizes are known. */
  readonly bytes: number
}

interface SpanCursor {
  readonly stream: SurveyStream<Span>
  readonly span: Span
  /** Of all its spans in this stretch, this one included. */
  readonly amount: Amount
}

/**
 * Compares the spans of several replicas in step, holding one of each. Where one replica lacks the last name
 * of another's span, their spans end apart, and everything up to the next common end differs, or up to where
 * `isEnough` returns true for what differs so far, where this ends. A replica whose survey fails is left out
 * from there on; when none is left, this ends.
 */
export async function* compareSpans(
  streams: readonly SurveyStream<Span>[],
  ranges: readonly Range[],
  onLost: OnLost,
  isEnough: (differing: Amount) => boolean,
): AsyncGenerator<Stretch> {
  async function advance(cursors: readonly Omit<SpanCursor, 'span'>[]): Promise<SpanCursor[]> {
    const read = await Promise.all(
      cursors.map(async (cursor) => ({ ...cursor, span: await cursor.stream.next() })),
    )
    return read.flatMap(({ stream, amount, span }) => {
      if (span !== null && !(span instanceof StorageError)) {
        const own = { names: span.names, bytes: span.bytes ?? 0 }
        return [{ stream, span, amount: addAmounts(amount, own) }]
      }
      onLost(stream.id, span ?? new StorageError('unreachable', 'the survey ended before its range'))
      return []
    })
  }

  let rest = ranges
  let cursors: SpanCursor[] = streams.map((stream) => ({ stream, span: START, amount: NOTHING }))
  for (let [range] = rest; range !== undefined; [range] = rest) {
    cursors = await advance(cursors.map((cursor) => ({ ...cursor, amount: NOTHING })))
    let isAlike = true
    for (let behind = findBehind(cursors); behind.length > 0; behind = findBehind(cursors)) {
      isAlike = false
      const amount = addUp(cursors)
      if (isEnough(amount)) {
        const [end = null] = behind.map(({ span }) => span.last).toSorted(compareEnds)
        return yield { range: { after: range.after, until: end }, isAlike, isCut: true, ...amount }
      }
      const ahead = cursors.filter((cursor) => !behind.includes(cursor))
      cursors = [...ahead, ...(await advance(behind))]
    }
    const [first] = cursors
    if (first === undefined) return
    const { last } = first.span
    // A list may not have them.
    const bytes = new Set(cursors.flatMap(({ span }) => span.bytes ?? []))
    isAlike &&= bytes.size <= 1 && cursors.every(({ span }) => isSame(span, first.span))
    yield { range: { after: range.after, until: last }, isAlike, isCut: false, ...addUp(cursors) }
    rest = cutRanges(rest, last)
  }
}

const START: Span = { last: '', names: 0, bytes: 0, fingerprint: null }
const NOTHING: Amount = { names: 0, bytes: 0 }

/** The names of the replica that holds most in a stretch, and the bytes of all. */
function addUp(cursors: readonly SpanCursor[]): Amount {
  const names = Math.max(0, ...cursors.map(({ amount }) => amount.names))
  return { names, bytes: cursors.reduce((sum, { amount }) => sum + amount.bytes, 0) }
}

/** The cursors whose span ends before another's; none when all end alike. */
function findBehind(cursors: readonly SpanCursor[]): SpanCursor[] {
  return cursors.filter(({ span }) => cursors.some((other) => compareEnds(span.last, other.span.last) < 0))
}

function compareEnds(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return compareNames(a, b)
}

function isSame(a: Span, b: Span): boolean {
  return a.fingerprint !== null && a.fingerprint === b.fingerprint && a.names === b.names
}

/** A name, and what each replica's survey reported about it, in the order of the streams. */
export interface Findings {
  readonly name: string
  readonly answers: readonly Answer[]
  /** What copies were that rotted, by replica. */
  readonly rotted: ReadonlyMap<string, Rotted>
  /**
   * For each replica that lacks the name, names of its own, or empty texts: in the range of the audit it
   * holds no name between this one and the nearest of these.
   */
  readonly around: ReadonlyMap<string, readonly string[]>
}

/** The earlier digest of a copy, and when it was last read, if that is known: milliseconds since 1970. */
interface Rotted {
  readonly from: Digest
  readonly goodAt: number | undefined
}

interface NameCursor {
  readonly stream: SurveyStream<Found>
  found: Found | null | StorageError
  /** The name before `found`; empty for the first. */
  before: string
}

/**
 * Merges replicas' files by name, holding one of each; a failed survey answers its error from there on. The
 * replicas must have the ends of the ranges in common, as those of `compareSpans`, but for the ends of the
 * ranges `whole`.
 */
export async function* mergeNames(
  streams: readonly SurveyStream<Found>[],
  ranges: readonly Range[],
  whole: readonly Range[],
  onLost: OnLost,
): AsyncGenerator<Findings> {
  async function advance(cursor: NameCursor): Promise<void> {
    cursor.before = cursor.found !== null && 'name' in cursor.found ? cursor.found.name : ''
    cursor.found = await cursor.stream.next()
    if (cursor.found instanceof StorageError) onLost(cursor.stream.id, cursor.found)
  }

  const cursors: NameCursor[] = streams.map((stream) => ({ stream, found: null, before: '' }))
  let due: readonly NameCursor[] = cursors
  let nth = 0
  for (;;) {
    await Promise.all(due.map(advance))
    const name = findLeast(cursors)
    if (name === null) return
    due = cursors.filter(({ found }) => isAt(found, name))
    while (!isWithin(name, ranges[nth]?.until ?? null)) nth++
    yield toFindings(name, cursors, toCommonEnds(ranges[nth], whole))
  }
}

/** The ends of a range that are names which all replicas hold. */
function toCommonEnds(range: Range | undefined, whole: readonly Range[]): readonly string[] {
  if (range === undefined) return []
  const { after, until } = range
  return [
    ...(whole.some((one) => one.after === after) ? [] : [after]),
    ...(until === null || whole.some((one) => one.until === until) ? [] : [until]),
  ]
}

function findLeast(cursors: readonly NameCursor[]): string | null {
  let least: string | null = null
  for (const { found } of cursors) {
    if (found === null || found instanceof StorageError) continue
    if (least === null || compareNames(found.name, least) < 0) least = found.name
  }
  return least
}

function isAt(found: NameCursor['found'], name: string): found is Found {
  return found !== null && !(found instanceof StorageError) && found.name === name
}

function toFindings(name: string, cursors: readonly NameCursor[], ends: readonly string[]): Findings {
  const rotted = new Map<string, Rotted>()
  const around = new Map<string, readonly string[]>()
  const answers = cursors.map(({ stream: { id }, found, before }): Answer => {
    if (found instanceof StorageError) return { id, said: found }
    if (found?.name !== name) {
      // The ends of the range too: `before` and `found` may lie in others, with names of the replica between.
      around.set(id, [before, found?.name ?? '', ...ends])
      return { id, said: null }
    }
    if (found.rottedFrom !== undefined) rotted.set(id, { from: found.rottedFrom, goodAt: found.goodAt })
    return { id, said: found.said }
  })
  return { name, answers, rotted, around }
}
