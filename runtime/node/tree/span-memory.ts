import { createHash, hash } from 'node:crypto'
import {
  type Closed,
  cutRanges,
  type Range,
  type Span,
  type Survey,
} from '../../../functions/storage/survey/survey.ts'
import type { Digest } from '../../../functions/wire/digest.ts'
import { SPAN_GRAINS } from '../../../functions/wire/limits.ts'
import type { Content } from '../disk/disk-messages.ts'
import { MAX_REMEMBERED_SPANS } from '../limits.ts'

export type SpanMemory = ReturnType<typeof createSpanMemory>

/** Remembers what one survey sees. */
export interface Recorder {
  /** Large files' contents by name, found in this pass (at most `MAX_PASS_FILES`) or, without one, survey. */
  readonly files: Map<string, Content>
  /** The grains of the spans to remember, which come in order. */
  readonly grains: readonly number[]
  remember(span: Span, grain: number): void
}

/** A span, and the name that its names follow. */
interface Piece {
  readonly after: string
  readonly span: Span
}

interface Remembered {
  /** See `toKey`. */
  readonly key: string
  readonly pieces: Piece[]
  /** Still to come. */
  ranges: readonly Range[]
}

/**
 * Remembers the smaller spans of a survey's files for the next survey of its pass (see `Survey.pass`), so
 * that all look at the files once; of the last survey only, and at most `MAX_REMEMBERED_SPANS` of a grain.
 */
export function createSpanMemory() {
  let remembered: ReadonlyMap<number, Remembered> = new Map()
  let last: { readonly pass: string; readonly files: Map<string, Content> } | undefined

  function findFiles(pass: string | undefined): Map<string, Content> {
    if (pass === undefined) return new Map()
    if (last?.pass !== pass) last = { pass, files: new Map() }
    return last.files
  }

  return {
    /** Starts to remember what a survey sees, if it belongs to a pass. */
    begin(survey: Survey): Recorder {
      const { pass, grain } = survey
      const files = findFiles(pass)
      const grains = pass === undefined ? [] : SPAN_GRAINS.filter((finer) => finer < grain)
      if (grains.length === 0) return { files, grains, remember() {} }
      const mine = new Map<number, Remembered>()
      for (const grain of grains) {
        mine.set(grain, { key: toKey({ ...survey, grain }), pieces: [], ranges: survey.ranges })
      }
      remembered = mine
      return {
        ...{ files, grains },
        remember(span, grain) {
          const one = remembered === mine ? mine.get(grain) : undefined
          if (one === undefined) return
          one.pieces.push({ after: one.ranges[0]?.after ?? '', span })
          one.ranges = cutRanges(one.ranges, span.last)
          if (one.pieces.length > MAX_REMEMBERED_SPANS) mine.delete(grain)
        },
      }
    },
    /** The spans of a survey, if they are remembered and its ranges end where they do; else null. */
    recall(survey: Survey): readonly Span[] | null {
      const one = remembered.get(survey.grain)
      return one?.key === toKey(survey) ? cut(one.pieces, survey.ranges) : null
    },
  }
}

/** Equal for surveys of the same files, in spans of the same grain, in the same pass. */
function toKey({ pass, grain, prefix, maxAge, match, exclude }: Survey): string {
  return JSON.stringify([pass, grain, prefix, maxAge, match, exclude])
}

/** The spans of these ranges; null when a range begins or ends within a span, or is not covered. */
function cut(pieces: readonly Piece[], ranges: readonly Range[]): Span[] | null {
  const found: Span[] = []
  for (const { after, until } of ranges) {
    let next = pieces.findIndex((piece) => piece.after === after)
    for (let end: string | null = after; end !== until; next++) {
      const piece = pieces[next]
      if (piece?.after !== end) return null
      found.push(piece.span)
      end = piece.span.last
    }
  }
  return found
}

/**
 * Returns a function that makes spans of those that a spanner of these grains closes, in its order. It
 * encodes each text once, for the span itself and for the larger ones that it is a part of.
 */
export function createFingerprints(grains: readonly number[]): (closed: Closed) => Span {
  const least = Math.min(...grains)
  const larger = new Map(
    grains.filter((grain) => grain !== least).map((grain) => [grain, createHash('sha256')]),
  )

  function hashLeast(text: string): Digest {
    const bytes = Buffer.from(text)
    for (const open of larger.values()) open.update(bytes)
    return hash('sha256', bytes, 'hex')
  }

  function endLarger(grain: number): Digest | null {
    const digest = larger.get(grain)?.digest('hex') ?? null
    larger.set(grain, createHash('sha256'))
    return digest
  }

  return ({ grain, last, names, bytes, text }) => {
    const digest = grain === least ? hashLeast(text ?? '') : endLarger(grain)
    return { last, names, bytes, fingerprint: text === null ? null : digest }
  }
}
