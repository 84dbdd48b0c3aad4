import type { Digest } from '../wire/digest.ts'
import { MAX_SPAN_LENGTH, MAX_SPAN_NAMES } from '../wire/limits.ts'
import type { Passed } from '../wire/passed.ts'
import type { StorageError } from '../wire/trouble.ts'
import { compareNames } from './names.ts'
import type { Evidence, Facts } from './storage.ts'

/** The names after `after` and up to `until`, in byte order; `''` is before all of them, null after all. */
export interface Range {
  readonly after: string
  readonly until: string | null
}

/** Which files are to be looked at, and how closely. */
export interface Survey {
  /** Ascending, none overlapping another. */
  readonly ranges: readonly Range[]
  /** Only names that start with this string. */
  readonly prefix: string
  /** 0 for each file by itself; else spans of about 2 to this power of names. */
  readonly grain: number
  /**
   * As in `DescribeOptions`; null for any evidence. A file whose bytes were read once more for this, and are others than
   * those remembered for the same size and times, is reported with `rottedFrom`.
   */
  readonly maxAge: number | null
  /**
   * Who asks for smaller and smaller spans of the same files names them together: the smaller ones may then be those
   * that the files made when the largest were asked for.
   */
  readonly pass?: string | undefined
  /** Whether the survey says what it passes over too; it does not when absent. */
  readonly passed?: boolean | undefined
  /** Globs (see `createSelect`): only names that one of these matches, unless there is none, */
  readonly match: readonly string[]
  /** and none that one of these matches. */
  readonly exclude: readonly string[]
}

/**
 * Names that follow one another, and what stands for all their contents. Where a span ends hangs on its last name
 * alone, so the spans of two replicas end alike but where one lacks a name; and each range ends one.
 */
export interface Span {
  /** Null where it goes to the end of all names. */
  readonly last: string | null
  readonly names: number
  /** Sum of the sizes. */
  readonly bytes: number
  /**
   * SHA-256 over name, size and digest of each file, in order; null when something in it has to be looked at. It is
   * the function that the contents are compared by, at its full length: whoever can make two spans look alike can make
   * two files look alike.
   */
  readonly fingerprint: Digest | null
}

/** One file, with its trouble in the place of its facts where it could not be read. */
export interface Found {
  readonly name: string
  readonly said: Facts | StorageError
  /** What its bytes were before they changed with no change of its size and its times: silent rot. */
  readonly rottedFrom?: Digest | undefined
}

/** Whether a replica holds the name. */
export function isFacts(said: Facts | StorageError | null): said is Facts {
  return said !== null && 'digest' in said
}

/** How many files, and their bytes. */
export interface Amount {
  readonly names: number
  readonly bytes: number
}

/** How many digests rest on what; see `Evidence`. */
export interface EvidenceCounts extends Readonly<Record<Evidence, number>> {
  /** The greatest `Facts.age` among them; null where none has one. */
  readonly oldest: number | null
}

/** Of nothing. */
export const NOTHING_SEEN: Progress['seen'] = {
  ...{ names: 0, bytes: 0, read: 0, remembered: 0, stored: 0, recorded: 0 },
  oldest: null,
}

/** Counts the files that a survey has seen. */
export interface SeenCounter {
  /** Takes what is known of a file, or why nothing is. */
  add(said: Facts | { readonly code: unknown }): void
  /** All so far. */
  get(): Progress['seen']
}

export function createSeenCounter(): SeenCounter {
  const seen = { ...NOTHING_SEEN }
  return {
    add(said) {
      seen.names++
      if (!('digest' in said)) return
      const { evidence, age, size } = said
      seen.bytes += size
      seen[evidence]++
      if (age !== null && (seen.oldest === null || age > seen.oldest)) seen.oldest = age
    },
    get: () => ({ ...seen }),
  }
}

/** How far the survey is. */
export interface Progress {
  /** With what their digests rest on; a file that could not be read counts under no evidence. */
  readonly seen: Amount & EvidenceCounts
  /** Of how much; null until that is known. */
  readonly of: Amount | null
  /**
   * What was done so far, which grows whenever anything is done, also for files that are not in `seen` yet or never
   * will be: entries of directories looked at, bytes read. Absent from a replica of an earlier version.
   */
  readonly work?: number | undefined
}

/**
 * What was passed over (see `Page.passed`) since the last line of this kind. It comes before the span or the file that
 * comes after it in byte order. The last one is empty, and comes before the last span: all was counted. A directory that
 * cannot be named is walked all the same, so that each file in it counts. Globs are held against these names too; a
 * byte that is not UTF-8 is one character for them.
 */
export interface Skipped {
  readonly passed: readonly Passed[]
}

/** What a survey says. */
export type SurveyLine = Span | Found | Progress | Skipped

/** A span whose fingerprint is the SHA-256 of `text` in UTF-8, or null. */
export interface Closed extends Omit<Span, 'fingerprint'> {
  readonly grain: number
  readonly text: string | null
}

/** Cuts a survey's files, given in byte order, into spans of some grains at once, of which the larger hold the smaller. */
export interface Spanner {
  /** The spans that end before or at this name, the smaller first; a digest of null is one that has to be looked at. */
  add(name: string, size: number, digest: Digest | null): readonly Closed[]
  /** Those that are left, once there are no more names. */
  end(): readonly Closed[]
}

/** What is known of the span of one grain beyond the last of the next smaller that ended. */
interface Level {
  /** Of the levels, from the smallest grain up. */
  readonly nth: number
  readonly grain: number
  names: number
  bytes: number
  text: string | null
}

const NONE: readonly Closed[] = []

export function createSpanner(ranges: readonly Range[], grains: readonly number[]): Spanner {
  const levels = grains.toSorted((a, b) => a - b).map((grain, nth): Level => ({ nth, grain, ...EMPTY }))
  const largest = levels.length - 1
  let range = 0

  /** Ends the spans of so many levels, each of which is a part of the one above it. */
  function close(top: number, last: string | null): readonly Closed[] {
    return levels.slice(0, top + 1).map((level, i) => {
      const { grain, names, bytes, text } = level
      const above = levels[i + 1]
      if (above !== undefined) {
        above.names += names
        above.bytes += bytes
        above.text = above.text === null || text === null ? null : above.text + text
      }
      Object.assign(level, EMPTY)
      return { grain, last, names, bytes, text }
    })
  }

  function closeRangesBefore(name: string | null): readonly Closed[] {
    let closed = NONE
    for (; range < ranges.length; range++) {
      const until = ranges[range]?.until ?? null
      if (name !== null && isWithin(name, until)) break
      closed = [...closed, ...close(largest, until)]
    }
    return closed
  }

  /** The largest level whose span ends with this name, or is full by it; -1 where none is. */
  function findTop(name: string): number {
    const hash = hashName(name)
    let top = -1
    let [names, length] = [0, 0]
    for (const level of levels) {
      names += level.names
      length += level.text?.length ?? 0
      const isFull = names >= MAX_SPAN_NAMES || length >= MAX_SPAN_LENGTH
      if (isFull || isCutBy(hash, level.grain)) top = level.nth
    }
    return top
  }

  return {
    add(name, size, digest) {
      const closed = closeRangesBefore(name)
      const least = levels[0]
      if (least === undefined) return closed
      least.names++
      least.bytes += size
      least.text = least.text === null || digest === null ? null : `${least.text}${digest} ${size} ${name}\0`
      const isEnd = name === ranges[range]?.until
      if (isEnd) range++
      const top = isEnd ? largest : findTop(name)
      if (top < 0) return closed
      return closed.length === 0 ? close(top, name) : [...closed, ...close(top, name)]
    },
    end: () => closeRangesBefore(null),
  }
}

const EMPTY = { names: 0, bytes: 0, text: '' } as const

/** Whether a name is not beyond the end of a range. */
export function isWithin(name: string, until: string | null): boolean {
  return until === null || compareNames(name, until) <= 0
}

/**
 * Whether a span ends with this name: one in 2 to the power of `grain`. FNV-1a with the finish of MurmurHash3: quick,
 * even, and no secret. Who chooses names by it makes spans large or small, which costs time and hides nothing.
 */
export function isCut(name: string, grain: number): boolean {
  return isCutBy(hashName(name), grain)
}

function isCutBy(hash: number, grain: number): boolean {
  return (hash & (2 ** grain - 1)) === 0
}

function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** The rest of the ranges once all names up to `last` are done; null stands for all names. */
export function cutRanges(ranges: readonly Range[], last: string | null): Range[] {
  if (last === null) return []
  return ranges.flatMap(({ after, until }) => {
    if (until !== null && compareNames(until, last) <= 0) return []
    return { after: compareNames(after, last) < 0 ? last : after, until }
  })
}
