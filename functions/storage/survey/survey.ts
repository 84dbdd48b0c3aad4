import type { Digest } from '../../wire/digest.ts'
import { MAX_SPAN_LENGTH, MAX_SPAN_NAMES } from '../../wire/limits.ts'
import { addCounts, type Passed } from '../../wire/passed.ts'
import type { StorageError } from '../../wire/storage-error.ts'
import type { Evidence, Facts } from '../facts.ts'
import { compareNames } from '../names.ts'

/** The names after `after` and up to `until`, in byte order; `''` is before all of them, null after all. */
export interface Range {
  readonly after: string
  readonly until: string | null
}

/** Which files a survey reports, and how closely. */
export interface Survey {
  /** Ascending, none overlapping another. */
  readonly ranges: readonly Range[]
  /** Only names that start with this string. */
  readonly prefix: string
  /** 0 for each file by itself; else spans of about 2 to this power of names. */
  readonly grain: number
  /**
   * As in `DescribeOptions`; null for any evidence. A file that was read again for this, and whose bytes
   * differ from those remembered for the same size and times, is reported with `rottedFrom`.
   */
  readonly maxAge: number | null
  /**
   * The same text in all the surveys of one comparison, which asks for smaller and smaller spans of the same
   * files: the smaller spans may then be those that the files made when the largest were asked for.
   */
  readonly pass?: string | undefined
  /** Whether the survey also reports the entries that it skips; it does not when absent. */
  readonly passed?: boolean | undefined
  /**
   * The bytes of files that may be read in a second for this survey, a whole number from 1 up; as many as can
   * be when absent. It may read up to 1 MiB at a time, and waits after that.
   */
  readonly rate?: number | undefined
  /** Globs (see `createSelect`): only names that one of these matches, or all names without globs. */
  readonly match: readonly string[]
  /** No names that one of these globs matches. */
  readonly exclude: readonly string[]
}

/**
 * A run of consecutive names and one fingerprint of their contents. Boundaries depend only on the name, so
 * two replicas cut at the same places unless one lacks a boundary name. Each range ends a span.
 */
export interface Span {
  /** The last name of the span; null when it reaches the end of all names. */
  readonly last: string | null
  readonly names: number
  /** Sum of the sizes, by which sizes are compared; null when some size is unknown. */
  readonly bytes: number | null
  /**
   * SHA-256 over name and digest of each file, in order; null when a file in it has to be examined by itself.
   * It is as hard to make two spans with one fingerprint as two files with one digest.
   */
  readonly fingerprint: Digest | null
}

/** One file, with an error in place of its facts when it could not be read. */
export interface Found {
  readonly name: string
  readonly said: Facts | StorageError
  /** The digest of its bytes before they changed without a change of size or times: silent rot. */
  readonly rottedFrom?: Digest | undefined
  /** When they were last read before that: milliseconds since 1970; undefined where it is not known. */
  readonly goodAt?: number | undefined
}

/** How many files, and their bytes. */
export interface Amount {
  readonly names: number
  readonly bytes: number
}

/** The number of digests by their `Evidence`. */
export interface EvidenceCounts extends Readonly<Record<Evidence, number>> {
  /** The greatest `Facts.age` among them; null when no file has one. */
  readonly oldest: number | null
}

/** The counts before the first file. */
export const NOTHING_SEEN: Progress['seen'] = {
  ...{ names: 0, bytes: 0, read: 0, remembered: 0, stored: 0, recorded: 0 },
  oldest: null,
}

/** Counts the files of a survey. */
export function createSeenCounter() {
  const seen = { ...NOTHING_SEEN }

  function noteAge(age: number): void {
    if (seen.oldest === null || age > seen.oldest) seen.oldest = age
  }

  return {
    /** Counts a file by its facts, or by the error in their place. */
    add(said: Facts | { readonly code: unknown }): void {
      seen.names++
      if (!('digest' in said)) return
      const { evidence, age, size } = said
      seen.bytes += size ?? 0
      seen[evidence]++
      if (age !== null) noteAge(age)
    },
    /** Counts files whose digests are remembered; `age` is the greatest of theirs. */
    addRemembered({ names, bytes }: Amount, age: number): void {
      seen.names += names
      seen.bytes += bytes
      seen.remembered += names
      noteAge(age)
    },
    get: (): Progress['seen'] => ({ ...seen }),
  }
}

/** How far a survey has come. */
export interface Progress {
  /** The files so far, by evidence; a file that could not be read counts under none. */
  readonly seen: Amount & EvidenceCounts
  /** All files of the survey; null until their number is known. */
  readonly of: Amount | null
  /**
   * The work done so far: directory entries examined, bytes read. It grows whenever anything is done, also
   * for files that are not in `seen` yet or never will be. Absent from a replica of an earlier version.
   */
  readonly work?: number | undefined
}

/**
 * The entries that were skipped (see `Page.passed`) since the last line of this kind. The line comes before
 * the span or file that follows them in byte order. The last one is empty, and comes before the last span:
 * all entries were counted. A directory whose name is not valid is walked, so that each file in it counts.
 * Globs apply to these names too, where a byte that is not UTF-8 is one character.
 */
export interface Skipped {
  readonly passed: readonly Passed[]
}

/** A line of a survey. */
export type SurveyLine = Span | Found | Progress | Skipped

/**
 * A span that has ended. Its fingerprint is the SHA-256 of `text` in UTF-8, or null with it. The text of a
 * larger span is that of all spans of the smallest grain in it: `text` is empty then.
 */
export interface Closed extends Omit<Span, 'fingerprint'> {
  readonly grain: number
  readonly text: string | null
}

/** The open span of one grain, without the open span of the next smaller grain. */
interface Level {
  /** The index of the level; 0 is the smallest grain. */
  readonly nth: number
  readonly grain: number
  names: number
  bytes: number | null
  /** UTF-16 units of its text; null when a file in it has to be examined by itself. */
  length: number | null
}

/** Cuts files, added in byte order, into spans of several grains at once; the larger contain the smaller. */
export function createSpanner(ranges: readonly Range[], grains: readonly number[]) {
  const levels = grains.toSorted((a, b) => a - b).map((grain, nth): Level => ({ nth, grain, ...EMPTY }))
  const largest = levels.length - 1
  const leastMask = 2 ** (levels[0]?.grain ?? 0) - 1
  /** What the text of the open span of the smallest grain is made of. */
  let pieces: string[] = []
  /** The names in open spans, and no fewer units than those have of text. */
  let [openNames, openLength] = [0, 0]
  let range = 0

  /** Ends the spans of the levels up to `top`, each of which is a part of the one above it. */
  function close(top: number, last: string | null): readonly Closed[] {
    if (top === largest) [openNames, openLength] = [0, 0]
    const text = pieces.join('')
    pieces = []
    return levels.slice(0, top + 1).map((level, i) => {
      const { grain, names, bytes, length } = level
      const above = levels[i + 1]
      if (above !== undefined) {
        above.names += names
        above.bytes = addSizes(above.bytes, bytes)
        above.length = addSizes(above.length, length)
      }
      Object.assign(level, EMPTY)
      return { grain, last, names, bytes, text: length === null ? null : i === 0 ? text : '' }
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

  /** The largest level whose span ends with this name, or is full with it; -1 when none does. */
  function findTop(name: string): number {
    const hash = hashName(name)
    // The case of most names: none that ends a larger span does not end the least.
    if ((hash & leastMask) !== 0 && !isFull(openNames, openLength)) return -1
    let top = -1
    let [names, length] = [0, 0]
    for (const level of levels) {
      names += level.names
      length += level.length ?? 0
      if (isFull(names, length) || isCutBy(hash, level.grain)) top = level.nth
    }
    return top
  }

  return {
    /** The spans that end before or at this name, smaller first. A `digest` of null: to be examined alone. */
    add(name: string, size: number | null, digest: Digest | null): readonly Closed[] {
      const closed = closeRangesBefore(name)
      const least = levels[0]
      if (least === undefined) return closed
      const length = digest === null ? null : digest.length + name.length + 2
      least.names++
      least.bytes = addSizes(least.bytes, size)
      least.length = addSizes(least.length, length)
      if (least.length === null || digest === null) pieces = []
      else pieces.push(digest, ' ', name, '\0')
      openNames++
      openLength += length ?? 0
      const isEnd = name === ranges[range]?.until
      if (isEnd) range++
      const top = isEnd ? largest : findTop(name)
      if (top < 0) return closed
      return closed.length === 0 ? close(top, name) : [...closed, ...close(top, name)]
    },
    /** The spans that remain after the last name. */
    end: () => closeRangesBefore(null),
  }
}

const NONE: readonly Closed[] = []
const EMPTY = { names: 0, bytes: 0, length: 0 } as const

/** Whether a span ends because of its number of names, or of the UTF-16 units of its text. */
export function isFull(names: number, length: number): boolean {
  return names >= MAX_SPAN_NAMES || length >= MAX_SPAN_LENGTH
}

/** A sum of sizes; null when one of them is unknown. */
export function addSizes(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}

/** Names and bytes together, limited as by `addCounts`. */
export function addAmounts(a: Amount, b: Amount): Amount {
  return { names: addCounts(a.names, b.names), bytes: addCounts(a.bytes, b.bytes) }
}

/** Whether the name is not beyond `until`, the end of a range. */
export function isWithin(name: string, until: string | null): boolean {
  return until === null || compareNames(name, until) <= 0
}

/**
 * Whether a span ends with this name: one in 2 to the power of `grain`. FNV-1a and MurmurHash3's finalizer:
 * fast, even, not secret. Names chosen by it make spans large or small, which costs time and hides nothing.
 */
export function isCut(name: string, grain: number): boolean {
  return isCutBy(hashName(name), grain)
}

/** The same of a name in ASCII, which lies in `bytes` from `start` to `end`. */
export function isCutInAscii(bytes: Uint8Array, start: number, end: number, grain: number): boolean {
  let hash = FNV_OFFSET
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME)
  return isCutBy(finalize(hash), grain)
}

function isCutBy(hash: number, grain: number): boolean {
  return (hash & (2 ** grain - 1)) === 0
}

function hashName(name: string): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), FNV_PRIME)
  return finalize(hash)
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

function finalize(fnv: number): number {
  let hash = Math.imul(fnv ^ (fnv >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** The rest of ascending ranges after `last`; none when `last` is null, which is the end of all names. */
export function cutRanges(ranges: readonly Range[], last: string | null): Range[] {
  if (last === null) return []
  const first = ranges.findIndex(({ until }) => until === null || compareNames(until, last) > 0)
  const head = ranges[first]
  if (head === undefined) return []
  const after = compareNames(head.after, last) < 0 ? last : head.after
  return [{ after, until: head.until }, ...ranges.slice(first + 1)]
}
