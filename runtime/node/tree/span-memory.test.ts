import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { compareNames } from '../../../functions/storage/names.ts'
import {
  type Closed,
  createSpanner,
  isWithin,
  type Range,
  type Span,
  type Survey,
} from '../../../functions/storage/survey/survey.ts'
import { createFingerprints, createSpanMemory, type SpanMemory } from './span-memory.ts'

// So small that a few dozen names make spans of every grain.
vi.mock('../../../functions/wire/limits.ts', async (load) => ({
  ...(await load<typeof import('../../../functions/wire/limits.ts')>()),
  SPAN_GRAINS: [3, 2, 1],
}))
vi.mock('../limits.ts', async (load) => ({
  ...(await load<typeof import('../limits.ts')>()),
  MAX_REMEMBERED_SPANS: 30,
}))

const WHOLE: readonly Range[] = [{ after: '', until: null }]
const SURVEY: Survey = {
  ranges: WHOLE,
  prefix: '',
  grain: 3,
  maxAge: null,
  pass: 'p',
  match: [],
  exclude: [],
}
const digest = 'ab'.repeat(32)

const name = fc.nat({ max: 99 }).map((n) => `f${String(n).padStart(2, '0')}`)
const names = fc.uniqueArray(name, { maxLength: 40 }).map((list) => list.sort(compareNames))
const bounds = fc.uniqueArray(name, { maxLength: 4 }).map((list) => list.sort(compareNames))

/** The ranges that these names divide all names into, except the one at `leftOut`. */
function toRanges(bounds: readonly string[], leftOut: number): Range[] {
  const all = ['', ...bounds]
  return all
    .map((after, i) => ({ after, until: all[i + 1] ?? null }))
    .filter((_, i) => all.length === 1 || i !== leftOut)
}

function divide(ranges: readonly Range[], at: string): Range[] {
  return ranges.flatMap(({ after, until }) =>
    isIn(at, [{ after, until }]) && at !== until
      ? [
          { after, until: at },
          { after: at, until },
        ]
      : [{ after, until }],
  )
}

function isIn(name: string, ranges: readonly Range[]): boolean {
  return ranges.some(({ after, until }) => compareNames(name, after) > 0 && isWithin(name, until))
}

/** The spans of a survey of these files, each hashed by itself. */
function toSpans(names: readonly string[], { ranges, grain }: Survey): Span[] {
  const spanner = createSpanner(ranges, [grain])
  const spans = names
    .filter((name) => isIn(name, ranges))
    .flatMap((name) => spanner.add(name, 1, digestOf(name)))
  return [...spans, ...spanner.end()].map(({ grain: _, text, ...span }) => {
    return { ...span, fingerprint: text === null ? null : hash('sha256', text, 'hex') }
  })
}

/** Null for a few files, which have to be examined by themselves. */
function digestOf(name: string): string | null {
  return name.endsWith('7') ? null : digest
}

/** Cuts these files for a survey, to its end or only so many of them, as the tree thread does. */
function see(
  { grains, remember }: ReturnType<SpanMemory['begin']>,
  names: readonly string[],
  { ranges }: Survey,
  most = Number.POSITIVE_INFINITY,
): void {
  const spanner = createSpanner(ranges, [3, ...grains])
  const toSpan = createFingerprints([3, ...grains])
  const take = (closed: Closed) => remember(toSpan(closed), closed.grain)
  const wanted = names.filter((name) => isIn(name, ranges))
  for (const name of wanted.slice(0, most)) spanner.add(name, 1, digestOf(name)).forEach(take)
  if (most >= wanted.length) spanner.end().forEach(take)
}

/** A memory of a survey of these files, to its end or only of the first `most`. */
function remember(names: readonly string[], survey: Survey, most = Number.POSITIVE_INFINITY) {
  const memory = createSpanMemory()
  see(memory.begin(survey), names, survey, most)
  return memory
}

describe('the smaller spans of a survey', () => {
  it('are the same as another survey would return, or not remembered, for any ranges of both', () => {
    fc.assert(
      fc.property(
        names,
        bounds,
        bounds,
        fc.nat({ max: 4 }),
        fc.nat({ max: 50 }),
        (names, first, second, leftOut, most) => {
          const memory = remember(names, { ...SURVEY, ranges: toRanges(first, leftOut) }, most)
          for (const grain of [1, 2]) {
            for (const ranges of [toRanges(second, leftOut), toRanges(first, leftOut), WHOLE]) {
              const spans = memory.recall({ ...SURVEY, grain, ranges })
              // The ranges of the first end spans too.
              const divided = { ...SURVEY, grain, ranges: first.reduce<readonly Range[]>(divide, ranges) }
              if (spans !== null) expect(spans).toEqual(toSpans(names, divided))
            }
          }
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('are remembered for every range bounded by larger spans', () => {
    fc.assert(
      fc.property(names, fc.subarray([0, 1, 2, 3, 4, 5, 6]), (names, chosen) => {
        const memory = remember(names, SURVEY)
        const lasts = toSpans(names, SURVEY).map(({ last }) => last)
        const stretches = lasts.map((until, i) => ({ after: lasts[i - 1] ?? '', until }))
        const ranges = stretches.filter((_, i) => chosen.includes(i))
        fc.pre(ranges.length > 0)
        const survey = { ...SURVEY, grain: 2, ranges }
        expect(memory.recall(survey)).toEqual(toSpans(names, survey))
      }),
    )
  })

  it.each<[string, Partial<Survey>]>([
    ['another pass', { pass: 'q' }],
    ['no pass', { pass: undefined }],
    ['the same grain', { grain: 3 }],
    ['an unused grain', { grain: 5 }],
    ['single files', { grain: 0 }],
    ['another prefix', { prefix: 'f' }],
    ['every byte', { maxAge: 0 }],
    ['names that match', { match: ['*'] }],
    ['all but some', { exclude: ['x'] }],
  ])('are not used for %s', (_what, changes) => {
    const memory = remember(['f1', 'f2'], SURVEY)
    expect(memory.recall({ ...SURVEY, grain: 2 })).not.toBeNull()
    expect(memory.recall({ ...SURVEY, grain: 2, ...changes })).toBeNull()
  })

  it('are not mixed with those of a later pass', () => {
    const memory = createSpanMemory()
    const first = memory.begin(SURVEY)
    const second = memory.begin({ ...SURVEY, pass: 'q' })
    see(first, ['f1', 'f2', 'f3'], SURVEY)
    see(second, ['f4', 'f5'], SURVEY)
    const survey = { ...SURVEY, grain: 2, pass: 'q' }
    expect(memory.recall(survey)).toEqual(toSpans(['f4', 'f5'], survey))
  })

  it('are forgotten when another pass begins, and when they are too many', () => {
    const memory = remember(['f1'], SURVEY)
    memory.begin({ ...SURVEY, pass: undefined })
    expect(memory.recall({ ...SURVEY, grain: 2 })).not.toBeNull()
    memory.begin({ ...SURVEY, pass: 'q' })
    expect(memory.recall({ ...SURVEY, grain: 2 })).toBeNull()
    const many = Array.from({ length: 100 }, (_, i) => `f${i}`).sort(compareNames)
    const [two, one] = [2, 1].map((grain) => remember(many, SURVEY).recall({ ...SURVEY, grain }))
    expect([two === null, one === null]).toEqual([false, true])
  })
})
