import { hash } from 'node:crypto'
import {
  type Closed,
  createSpanner,
  cutRanges,
  type Range,
  type Span,
  type Survey,
} from '../../functions/storage/survey.ts'
import { SPAN_GRAINS } from '../../functions/wire/limits.ts'
import { MAX_REMEMBERED_SPANS } from './limits.ts'

/**
 * The smaller spans that a survey's files made as well, for who asks for them next (see `Survey.pass`): so the files
 * are looked at once for all of them. The last survey's only, and no more than `MAX_REMEMBERED_SPANS`.
 */
export interface SpanMemory {
  /** Takes what the survey sees, in order, if it is one of a pass. */
  begin(survey: Survey): Pick<Recorder, 'add' | 'end'>
  /** The spans that the survey asks for, if they are remembered, and its ranges end where they do; else null. */
  recall(survey: Survey): readonly Span[] | null
}

interface Recorder {
  add(name: string, size: number, digest: string | null): void
  end(): void
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
}

export function createSpanMemory(): SpanMemory {
  let remembered: Remembered[] = []

  function record(survey: Survey, grain: number): Recorder {
    const spanner = createSpanner({ ...survey, grain })
    const one: Remembered = { key: toKey({ ...survey, grain }), pieces: [] }
    remembered.push(one)
    let { ranges } = survey
    const keep = (closed: readonly Closed[]) => {
      for (const span of closed) {
        one.pieces.push({ after: ranges[0]?.after ?? '', span: toSpan(span) })
        ranges = cutRanges(ranges, span.last)
      }
      if (one.pieces.length > MAX_REMEMBERED_SPANS) remembered = remembered.filter((other) => other !== one)
    }
    return {
      add(name, size, digest) {
        if (remembered.includes(one)) keep(spanner.add(name, size, digest))
      },
      end: () => keep(spanner.end()),
    }
  }

  return {
    begin(survey) {
      const { pass, grain } = survey
      if (pass === undefined || grain === 0) return { add() {}, end() {} }
      remembered = []
      const recorders = SPAN_GRAINS.filter((finer) => finer < grain).map((finer) => record(survey, finer))
      return {
        add(name, size, digest) {
          for (const recorder of recorders) recorder.add(name, size, digest)
        },
        end() {
          for (const recorder of recorders) recorder.end()
        },
      }
    },
    recall(survey) {
      const one = remembered.find(({ key }) => key === toKey(survey))
      return one === undefined ? null : cut(one.pieces, survey.ranges)
    },
  }
}

/** Equal for surveys of the same files, in spans of the same grain, in the same pass. */
function toKey({ pass, grain, prefix, deep, match, exclude }: Survey): string {
  return JSON.stringify([pass, grain, prefix, deep, match, exclude])
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
export function toSpan({ text, ...span }: Closed): Span {
  return { ...span, fingerprint: text === null ? null : hash('sha256', text, 'hex') }
}
