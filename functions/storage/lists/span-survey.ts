import { toDigest } from '../../wire/digest.ts'
import { encodeBytes } from '../byte-names.ts'
import { compareNames, findFault, isReserved } from '../names.ts'
import { createSelect } from '../survey/globs.ts'
import {
  addSizes,
  isCut,
  isCutInAscii,
  isFull,
  NOTHING_SEEN,
  type Span,
  type Survey,
  type SurveyLine,
} from '../survey/survey.ts'
import { createTally } from '../survey/tally.ts'
import type { List } from './list.ts'
import { isDoubtful } from './plain-names.ts'
import type { Sums } from './sums.ts'

/** Whether `surveySpans` can make the survey: one of spans, of a list that is nothing but entries. */
export function hasSpans({ algorithm, faults, passed, unnamed }: List, { grain }: Survey): boolean {
  return algorithm.id === 'sha256' && grain > 0 && faults.count + passed.length + unnamed.size === 0
}

/**
 * The spans that `createSpanner` cuts, made of the bytes of the list: texts of its names and digests would
 * take most of the time, and most of the memory. `age` is that of the record, as in `Facts`.
 */
export async function* surveySpans(
  { sums }: List,
  survey: Survey,
  age: number | null,
  signal?: AbortSignal,
): AsyncGenerator<SurveyLine> {
  const { prefix, ranges, grain } = survey
  const isWanted = survey.match.length + survey.exclude.length > 0 ? createSelect(survey) : null
  const start = encodeBytes(prefix)
  const seen = { ...NOTHING_SEEN }
  const tally = createTally()
  const span = createOpenSpan(sums)

  /** Adds an entry; returns whether the span ends with it. */
  function add(place: number): boolean {
    const [from, to] = span.write(place)
    const { bytes } = span
    let name: string | null = null
    if (isWanted !== null || isDoubtful(bytes, from, to)) {
      name = sums.nameAt(place)
      if (isWanted?.(name) === false) return false
      const fault = findFault(name)
      if (fault !== null) {
        if (survey.passed && !isReserved(name)) tally.add(fault, name)
        return false
      }
    }
    const hasSum = sums.hasSumAt(place)
    const size = hasSum ? sums.sizeAt(place) : 0
    seen.names++
    seen.bytes += size ?? 0
    if (hasSum) [seen.recorded, seen.oldest] = [seen.recorded + 1, age]
    const isFilled = span.take({ to, size, hasSum, units: name?.length ?? to - from })
    return isFilled || (name === null ? isCutInAscii(bytes, from, to, grain) : isCut(name, grain))
  }

  async function* end(last: string | null, isLast: boolean): AsyncGenerator<SurveyLine> {
    signal?.throwIfAborted()
    for (const one of tally.take()) yield { passed: [one] }
    if (isLast && survey.passed) yield { passed: [] }
    yield { seen: { ...seen }, of: null, work: seen.names }
    yield { last, ...(await span.close()) }
  }

  for (const [i, { after, until }] of ranges.entries()) {
    // The first text of all that come after a name.
    const first = `${after}\0`
    const beyond = until === null ? sums.count : sums.findPlace(`${until}\0`)
    let place = sums.findPlace(compareNames(prefix, first) > 0 ? prefix : first)
    for (; place < beyond && sums.startsAt(place, start); place++) {
      if (!add(place)) continue
      const last = sums.nameAt(place)
      if (last !== until) yield* end(last, false)
    }
    yield* end(until, i === ranges.length - 1)
  }
}

/** An entry that was written behind a span. */
interface Written {
  /** Where its name ends. */
  readonly to: number
  readonly size: number | null
  readonly hasSum: boolean
  /** UTF-16 units of its name. */
  readonly units: number
}

/** The span that is being made, as bytes of the text that `Span.fingerprint` is of. */
function createOpenSpan(sums: Sums) {
  let bytes = new Uint8Array(FIRST_ROOM)
  let used = 0
  let units = 0
  let names = 0
  let size: number | null = 0
  let isWhole = true

  return {
    get bytes(): Uint8Array {
      return bytes
    },
    /** Writes an entry behind the span, in place of one not taken; returns the bounds of its name. */
    write(place: number): readonly [from: number, to: number] {
      const from = used + BEFORE_NAME
      const to = from + sums.lengthAt(place)
      if (to >= bytes.length) {
        const larger = new Uint8Array(2 * (to + 1))
        larger.set(bytes.subarray(0, used))
        bytes = larger
      }
      sums.write(place, bytes, used)
      bytes[to] = 0
      return [from, to]
    },
    /** Takes the entry written last into the span; returns whether that is full. */
    take(entry: Written): boolean {
      names++
      size = addSizes(size, entry.size)
      isWhole &&= entry.hasSum
      used = isWhole ? entry.to + 1 : 0
      units = isWhole ? units + BEFORE_NAME + entry.units + 1 : 0
      return isFull(names, units)
    },
    /** Returns the span but for its last name, and begins the next one. */
    async close(): Promise<Omit<Span, 'last'>> {
      const digest = isWhole ? await crypto.subtle.digest('SHA-256', bytes.subarray(0, used)) : null
      const span = { names, bytes: size, fingerprint: digest && toDigest(digest) }
      ;[used, units, names, size, isWhole] = [0, 0, 0, 0, true]
      return span
    },
  }
}

/** A span of 600 short names; it grows. */
const FIRST_ROOM = 64 * 1024

/** A digest and a blank. */
const BEFORE_NAME = 65
