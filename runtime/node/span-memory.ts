import { hash } from 'node:crypto'
import { type Closed, cutRanges, type Range, type Span, type Survey } from '../../functions/storage/survey.ts'
import { SPAN_GRAINS } from '../../functions/wire/limits.ts'
import type { Content } from './disk-messages.ts'
import { MAX_REMEMBERED_SPANS } from './limits.ts'

/**
 * The smaller spans that a survey's files made as well, for who asks for them next (see `Survey.pass`): so the files
 * are looked at once for all of them. The last survey's only, and no more than `MAX_REMEMBERED_SPANS` of a grain.
 */
export interface SpanMemory {
  /** Takes what a survey sees, if it is one of a pass. */
  begin(survey: Survey): Recorder
  /** The spans that the survey asks for, if they are remembered, and its ranges end where they do; else null. */
  recall(survey: Survey): readonly Span[] | null
}

/** Takes the spans of these grains, in order. */
interface Recorder {
  /**
   * The contents of large files by name, as surveys of the same pass found them. It takes `MAX_PASS_FILES` at most; of a
   * survey without a pass it is empty.
   */
  readonly files: Map<string, Content>
  readonly grains: readonly number[]
  keep(span: Closed): void
}

/** A span, and what its names come after. */
interface Piece {
  readonly after: string
  readonly span: Span
}

/** The spans of one grain, in order, and what they are of. */
interface Remembered {
  readonly key: string
  readonly pieces: Piece[]
  /** What is still to come. */
  ranges: readonly Range[]
}

export function createSpanMemory(): SpanMemory {
  let remembered: ReadonlyMap<number, Remembered> = new Map()
  let last: { readonly pass: string; readonly files: Map<string, Content> } | undefined

  function findFiles(pass: string | undefined): Map<string, Content> {
    if (pass === undefined) return new Map()
    if (last?.pass !== pass) last = { pass, files: new Map() }
    return last.files
  }

  return {
    begin(survey) {
      const { pass, grain } = survey
      const files = findFiles(pass)
      const grains = pass === undefined ? [] : SPAN_GRAINS.filter((finer) => finer < grain)
      if (grains.length === 0) return { files, grains, keep() {} }
      const mine = new Map<number, Remembered>(grains.map((grain) => [grain, begin({ ...survey, grain })]))
      remembered = mine
      return {
        ...{ files, grains },
        keep(span) {
          const one = remembered === mine ? mine.get(span.grain) : undefined
          if (one === undefined) return
          one.pieces.push({ after: one.ranges[0]?.after ?? '', span: toSpan(span) })
          one.ranges = cutRanges(one.ranges, span.last)
          if (one.pieces.length > MAX_REMEMBERED_SPANS) mine.delete(span.grain)
        },
      }
    },
    recall(survey) {
      const one = remembered.get(survey.grain)
      return one?.key === toKey(survey) ? cut(one.pieces, survey.ranges) : null
    },
  }
}

function begin(survey: Survey): Remembered {
  return { key: toKey(survey), pieces: [], ranges: survey.ranges }
}

/** Equal for surveys of the same files, in spans of the same grain, in the same pass. */
function toKey({ pass, grain, prefix, maxAge, match, exclude }: Survey): string {
  return JSON.stringify([pass, grain, prefix, maxAge, match, exclude])
}

/** The spans of these ranges; null when a range begins or ends within one, or where none are. */
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

/** The span with its fingerprint. */
export function toSpan({ grain: _, text, ...span }: Closed): Span {
  return { ...span, fingerprint: text === null ? null : hash('sha256', text, 'hex') }
}
