import { compareNames } from '../storage/names.ts'
import { type Amount, cutRanges, type Range, type Span } from '../storage/survey.ts'
import { StorageError } from '../wire/trouble.ts'
import type { Stream } from './survey-stream.ts'

/** Names that all replicas went through together, from one common end of spans to the next. */
export interface Stretch extends Amount {
  readonly range: Range
  /** Whether all that took part hold the same; what they hold is then `names` and `bytes`. */
  readonly isAlike: boolean
}

interface Cursor {
  readonly stream: Stream<Span>
  readonly span: Span
}

/**
 * Compares the spans of several replicas, in step, keeping one of each. Where one has a span's last name and another
 * lacks it their spans end apart: what lies between two ends that are common differs. A replica that cannot go on is
 * told to `onLost`, and left out from there on; when none is left, this ends.
 */
export async function* compareSpans(
  streams: readonly Stream<Span>[],
  ranges: readonly Range[],
  onLost: (id: string, error: StorageError) => void,
): AsyncGenerator<Stretch> {
  async function advance(cursors: readonly Pick<Cursor, 'stream'>[]): Promise<Cursor[]> {
    const read = await Promise.all(cursors.map(async ({ stream }) => ({ stream, span: await stream.next() })))
    return read.flatMap(({ stream, span }) => {
      if (span !== null && !(span instanceof StorageError)) return [{ stream, span }]
      onLost(stream.id, span ?? new StorageError('unreachable', 'the survey ended before its range'))
      return []
    })
  }

  let rest = ranges
  let cursors: Cursor[] = streams.map((stream) => ({ stream, span: START }))
  for (let [range] = rest; range !== undefined; [range] = rest) {
    cursors = await advance(cursors)
    let isAlike = true
    for (let behind = findBehind(cursors); behind.length > 0; behind = findBehind(cursors)) {
      isAlike = false
      const ahead = cursors.filter((cursor) => !behind.includes(cursor))
      cursors = [...ahead, ...(await advance(behind))]
    }
    const [first] = cursors
    if (first === undefined) return
    const { last, names, bytes } = first.span
    isAlike &&= cursors.every(({ span }) => isSame(span, first.span))
    yield { range: { after: range.after, until: last }, isAlike, names, bytes }
    rest = cutRanges(rest, last)
  }
}

const START: Span = { last: '', names: 0, bytes: 0, fingerprint: null }

/** Those whose span ends before another's; none when all end alike. */
function findBehind(cursors: readonly Cursor[]): Cursor[] {
  return cursors.filter(({ span }) => cursors.some((other) => compareEnds(span.last, other.span.last) < 0))
}

function compareEnds(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return compareNames(a, b)
}

function isSame(a: Span, b: Span): boolean {
  return (
    a.fingerprint !== null && a.fingerprint === b.fingerprint && a.names === b.names && a.bytes === b.bytes
  )
}
