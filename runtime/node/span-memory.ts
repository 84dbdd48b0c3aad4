import { hash } from 'node:crypto'
import { compareNames } from '../../functions/storage/names.ts'
import {
  type Closed,
  createSpanner,
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

/** The spans of one grain, and what they are of. */
interface Remembered {
  readonly key: string
  spans: Span[]
}

export function createSpanMemory(): SpanMemory {
  let remembered: Remembered[] = []

  function record(survey: Survey, grain: number): Recorder {
    const spanner = createSpanner({ ...survey, grain })
    const one: Remembered = { key: toKey({ ...survey, grain }), spans: [] }
    remembered.push(one)
    const keep = (closed: readonly Closed[]) => {
      for (const span of closed) one.spans.push(toSpan(span))
      if (one.spans.length > MAX_REMEMBERED_SPANS) remembered = remembered.filter((other) => other !== one)
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
      // One that goes on where it broke off has not seen what came before.
      if (!isWhole(survey.ranges)) return { add() {}, end() {} }
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
      return one === undefined ? null : cut(one.spans, survey.ranges)
    },
  }
}

function isWhole([first, ...others]: readonly Range[]): boolean {
  return first?.after === '' && first.until === null && others.length === 0
}

/** Equal for surveys of the same files, in spans of the same grain, in the same pass. */
function toKey({ pass, grain, prefix, deep, match, exclude }: Survey): string {
  return JSON.stringify([pass, grain, prefix, deep, match, exclude])
}

/** The spans of these ranges; null when a range begins or ends within one. */
function cut(spans: readonly Span[], ranges: readonly Range[]): Span[] | null {
  const found: Span[] = []
  let next = 0
  for (const { after, until } of ranges) {
    while (next < spans.length && after !== '' && isUpTo(spans[next], after)) next++
    if ((spans[next - 1]?.last ?? '') !== after) return null
    do found.push(...spans.slice(next, next + 1))
    while (next < spans.length && spans[next++]?.last !== until)
    if (found.at(-1)?.last !== until) return null
  }
  return found
}

function isUpTo(span: Span | undefined, name: string): boolean {
  return span !== undefined && span.last !== null && compareNames(span.last, name) <= 0
}

/** The span with its fingerprint. */
export function toSpan({ text, ...span }: Closed): Span {
  return { ...span, fingerprint: text === null ? null : hash('sha256', text, 'hex') }
}
