import { isFresh, notFresh } from '../storage/freshness.ts'
import { readSurvey } from '../storage/read-survey.ts'
import {
  cutRanges,
  type Found,
  isFacts,
  type Progress,
  type Span,
  type Survey,
  type SurveyLine,
} from '../storage/survey.ts'
import type { CreateHasher } from '../wire/digest.ts'
import { addPassed, type Passed } from '../wire/passed.ts'
import type { Trace } from '../wire/trace.ts'
import { StorageError, toStorageError } from '../wire/trouble.ts'
import type { Member } from './gather.ts'
import { type Deadlines, type Watch, watchReplica } from './silence.ts'

/** What all surveys of one audit share. */
export interface SurveyContext {
  readonly deadlines: Deadlines
  readonly createHasher: CreateHasher
  readonly trace: Trace | undefined
  readonly signal: AbortSignal
  /** Told how far a replica is. */
  readonly onProgress: (id: string, progress: Progress) => void
  /** Told, once each, what a replica passed over, where the survey asks for that; and at the end that this was all. */
  readonly onPassed: (id: string, passed: readonly Passed[], isAll: boolean) => void
}

/** The spans, or the files, of one replica's survey, one after the other. Who reads them leaves them in `finally`. */
export interface Stream<T> {
  readonly id: string
  /** The next; null after the last. Once the replica cannot go on this is its error. */
  next(): Promise<T | null | StorageError>
  leave(): void
}

/**
 * A survey of `member`, which goes on where it broke off as long as it gets any further: a replica that was far ahead
 * of others may have been left by a server that took the silence of this side for its end.
 */
export function openStream<T extends Span | Found>(
  member: Member,
  survey: Survey,
  { deadlines, createHasher, trace, signal, onProgress, onPassed }: SurveyContext,
): Stream<T> {
  let { ranges } = survey
  let hasMoved = false
  // What was passed over before a line that has not come yet: it is reported once more if the survey breaks off first.
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
    abort.abort(new StorageError('unreachable', 'the survey was left'))
    abort = new AbortController()
    const options = { signal: AbortSignal.any([signal, abort.signal]), trace, createHasher }
    return readSurvey(member.storage, { ...survey, ranges }, options)[Symbol.asyncIterator]()
  }

  function settlePassed(): void {
    onPassed(member.id, pending, isAll)
    pending = []
  }

  /** A replica that only says how far it is, and does not get any further, is as silent as one that says nothing. */
  function noteProgress({ seen, of, work }: Progress, watch: Watch): void {
    onProgress(member.id, { seen, of })
    const all = seen.names + seen.bytes + (work ?? 0)
    if (all > most) watch.note({ done: all - most })
    most = Math.max(all, most)
  }

  async function read(): Promise<T | null> {
    const watch = watchReplica({ silence: deadlines.silence })
    try {
      return await readOn(watch)
    } finally {
      watch.stop()
    }
  }

  async function readOn(watch: Watch): Promise<T | null> {
    while (ranges.length > 0) {
      const { done, value } = await Promise.race([lines.next(), watch.expired])
      if (done) {
        settlePassed()
        return null
      }
      if ('seen' in value) {
        noteProgress(value, watch)
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
      if ('said' in value && isFacts(value.said) && !isFresh(value.said, survey.maxAge))
        return { name: value.name, said: notFresh() } as T // a file, as `value` is
      return value as T // the kind that a survey of this grain gives
    }
    return null
  }

  async function next(): Promise<T | null | StorageError> {
    try {
      return await read()
    } catch (error) {
      signal.throwIfAborted()
      const trouble = toStorageError(error)
      if (trouble.code !== 'unreachable' || !hasMoved) return trouble
      lines = start()
      return await next()
    }
  }

  function leave(): void {
    abort.abort(new StorageError('unreachable', 'the survey was left'))
  }

  return { id: member.id, next, leave }
}
