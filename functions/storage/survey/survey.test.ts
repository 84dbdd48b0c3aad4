import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Digest } from '../../wire/digest.ts'
import { MAX_SPAN_NAMES } from '../../wire/limits.ts'
import { compareNames } from '../names.ts'
import { type Closed, createSpanner, cutRanges, isCut, isWithin, type Range } from './survey.ts'

interface File {
  readonly name: string
  readonly size: number
  readonly digest: Digest | null
}

const WHOLE: readonly Range[] = [{ after: '', until: null }]
const [ONE, TWO] = ['1'.repeat(64), '2'.repeat(64)]

/** Few letters, so that names collide; a space and digits, which also separate the members of a text. */
const names = fc.string({
  unit: fc.constantFrom('a', 'b', '/', ' ', '1', '\uffff', '\u{1f600}'),
  minLength: 1,
  maxLength: 4,
})
const sizes = fc.nat({ max: 20 })
const digests = fc.constantFrom(ONE, TWO)
const grains = fc.integer({ min: 0, max: 4 })
const files = fc
  .uniqueArray(fc.record({ name: names, size: sizes, digest: digests }), {
    selector: ({ name }) => name,
    maxLength: 40,
  })
  .map((list) => list.sort((a, b) => compareNames(a.name, b.name)))

/** Some of the ranges that a few names divide all names into. */
const ranges = fc.uniqueArray(names, { maxLength: 6 }).chain((bounds) => {
  const all = ['', ...bounds.sort(compareNames), null]
  const pairs = all.slice(1).map((until, i) => ({ after: all[i] ?? '', until }))
  return fc.subarray(pairs, { minLength: 1 })
})

function isIn(name: string, ranges: readonly Range[]): boolean {
  return ranges.some(({ after, until }) => compareNames(name, after) > 0 && isWithin(name, until))
}

/** The spans of those of the files that lie in the ranges, as a survey passes them to the spanner. */
function cut(files: readonly File[], grains: number | readonly number[], ranges = WHOLE): Closed[] {
  const spanner = createSpanner(ranges, [grains].flat())
  const wanted = files.filter(({ name }) => isIn(name, ranges))
  const spans = wanted.flatMap(({ name, size, digest }) => spanner.add(name, size, digest))
  return [...spans, ...spanner.end()]
}

/** The spans with the texts of those of the smallest grain in them. */
function withTexts(spans: readonly Closed[], grains: readonly number[]): Closed[] {
  const least = Math.min(...grains)
  const open = new Map<number, (string | null)[]>(grains.map((grain) => [grain, []]))
  return spans.map((span) => {
    if (span.grain === least) for (const texts of open.values()) texts.push(span.text)
    else expect(span.text ?? '').toBe('')
    const texts = open.get(span.grain) ?? []
    open.set(span.grain, [])
    expect(span.text === null).toBe(texts.includes(null))
    return { ...span, text: texts.includes(null) ? null : texts.join('') }
  })
}

function file(name: string, size = 0, digest = ONE): File {
  return { name, size, digest }
}

function toText({ name, digest }: File): string {
  return `${digest} ${name}\0`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

describe('spans', () => {
  it('hold every name of the ranges once, in order, within their bounds', () => {
    fc.assert(
      fc.property(files, ranges, grains, (files, ranges, grain) => {
        let rest = files.filter(({ name }) => isIn(name, ranges))
        for (const { last, names, bytes, text } of cut(files, grain, ranges)) {
          const held = rest.filter(({ name }) => isWithin(name, last))
          rest = rest.slice(held.length)
          expect({ names, bytes, text }).toEqual({
            names: held.length,
            bytes: sum(held.map(({ size }) => size)),
            text: held.map(toText).join(''),
          })
        }
        expect(rest).toEqual([])
      }),
    )
  })

  it('end only at cuts and at ends of ranges', () => {
    fc.assert(
      fc.property(files, ranges, grains, (files, ranges, grain) => {
        const cuts = files.filter(({ name }) => isIn(name, ranges) && isCut(name, grain))
        const ends = new Set([...cuts.map(({ name }) => name), ...ranges.map(({ until }) => until)])
        const lasts = cut(files, grain, ranges).map(({ last }) => last)
        expect(new Set(lasts)).toEqual(ends)
        expect(lasts).toHaveLength(ends.size)
      }),
    )
  })

  it('end at the same names in two trees that both have the name', () => {
    fc.assert(
      fc.property(files, files, grains, (some, others, grain) => {
        const merged = new Map([...some, ...others].map((file) => [file.name, file]))
        const more = [...merged.values()].sort((a, b) => compareNames(a.name, b.name))
        const ends = new Set(cut(more, grain).map(({ last }) => last))
        for (const { last } of cut(some, grain)) expect(ends).toContain(last)
      }),
    )
  })

  it('are the same for the same files', () => {
    fc.assert(
      fc.property(files, ranges, grains, (files, ranges, grain) => {
        expect(cut(structuredClone(files), grain, ranges)).toEqual(cut(files, grain, ranges))
      }),
    )
  })

  it.each<[string, File[], File[]]>([
    ['a name ends as another file begins', [file('a'), file('b')], [file(`a${ONE} b`)]],
    ['a name ends in a space', [file('a'), file('b')], [file('a '), file('b')]],
    [
      "two files have each other's content",
      [file('a', 0, ONE), file('b', 0, TWO)],
      [file('a', 0, TWO), file('b', 0, ONE)],
    ],
  ])('have different texts when %s', (_what, some, others) => {
    expect(cut(some, 30)[0]?.text).not.toEqual(cut(others, 30)[0]?.text)
  })

  it('have other bytes when a size is another, and none when one is unknown', () => {
    const toBytes = (...sizes: (number | null)[]) => {
      const spanner = createSpanner(WHOLE, [30])
      for (const [i, size] of sizes.entries()) spanner.add(`f${i}`, size, ONE)
      return spanner.end().map(({ bytes }) => bytes)
    }
    expect([toBytes(1, 2), toBytes(1, 3), toBytes(1, null, 3)]).toEqual([[3], [4], [null]])
  })

  it('change with one file only in the span of that file', () => {
    const digit = fc.record({ at: fc.nat({ max: 63 }), to: fc.constantFrom('0', 'f') })
    const character = fc.record({ at: fc.nat({ max: 3 }), to: fc.constantFrom('a', 'c', '\uffff') })
    const change = fc.record({
      digit: fc.option(digit),
      name: fc.option(character),
    })
    fc.assert(
      fc.property(files, fc.nat(), change, grains, (files, at, change, grain) => {
        const file = files[at % Math.max(files.length, 1)]
        fc.pre(file !== undefined)
        const [name, digest] = [replace(file.name, change.name), replace(file.digest ?? '', change.digit)]
        const other = { name, size: file.size, digest }
        const changed = files.map((one) => (one === file ? other : one))
        const isSorted = changed.every(
          ({ name }, i) => i === 0 || compareNames(changed[i - 1]?.name ?? '', name) < 0,
        )
        fc.pre(toText(other) !== toText(file) && isSorted)
        // A name that is a cut, or becomes one, moves the end of a span: then two are others.
        fc.pre(name === file.name || (!isCut(name, grain) && !isCut(file.name, grain)))
        const before = cut(files, grain)
        const after = cut(changed, grain)
        expect(after).toHaveLength(before.length)
        const others = after.filter(({ text }, i) => text !== before[i]?.text)
        expect(others.map(({ text }) => text?.includes(toText(other)))).toEqual([true])
      }),
      { numRuns: 1000 },
    )
  })

  it('have no text only if a file in them has no digest', () => {
    fc.assert(
      fc.property(files, fc.nat(), grains, (files, at, grain) => {
        const file = files[at % Math.max(files.length, 1)]
        fc.pre(file !== undefined)
        const troubled = files.map((one) => (one === file ? { ...one, digest: null } : one))
        const before = cut(files, grain)
        const expected = before.map((span) => ({
          ...span,
          text: span.text?.includes(toText(file)) ? null : span.text,
        }))
        expect(cut(troubled, grain)).toEqual(expected)
      }),
    )
  })

  it('of several grains at once are those of each grain, smaller before larger at the same end', () => {
    const some = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1 })
    const troubled = fc.subarray([0, 5, 10, 15])
    fc.assert(
      fc.property(files, ranges, some, troubled, (files, ranges, grains, troubled) => {
        const given = files.map((file, i) => (troubled.includes(i) ? { ...file, digest: null } : file))
        const spans = cut(given, grains, ranges)
        const whole = withTexts(spans, grains)
        for (const grain of grains) {
          expect(whole.filter((span) => span.grain === grain)).toEqual(cut(given, [grain], ranges))
        }
        const isOrdered = spans.every(({ grain, last }, i) => {
          const before = spans[i - 1]
          return before === undefined || before.last !== last || before.grain < grain
        })
        expect(isOrdered).toBe(true)
      }),
    )
  })

  it('are a single empty one when there are no names', () => {
    expect(cut([], 12)).toEqual([{ grain: 12, last: null, names: 0, bytes: 0, text: '' }])
  })

  it('hold at most so many names, however they were chosen', () => {
    const chosen: File[] = []
    for (let i = 0; chosen.length < 2 * MAX_SPAN_NAMES + 1; i++) {
      const name = String(i).padStart(7, '0')
      if (!isCut(name, 12)) chosen.push({ name, size: 1, digest: ONE })
    }
    expect(cut(chosen, 12).map(({ names }) => names)).toEqual([MAX_SPAN_NAMES, MAX_SPAN_NAMES, 1])
  })
})

function replace(text: string, change: { readonly at: number; readonly to: string } | null): string {
  if (change === null) return text
  const characters = [...text]
  return characters.with(change.at % characters.length, change.to).join('')
}

describe('cuts', () => {
  it('are the same names in every version of vouch', () => {
    const all = ['a', 'b/c', 'é', '\u{1f600}', '\uffff', ...Array.from({ length: 40 }, (_, i) => `${i}`)]
    expect(all.filter((name) => isCut(name, 3))).toEqual(['18', '19', '26', '31', '32'])
  })

  it('of a grain are cuts of every finer one', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 30 }), fc.nat({ max: 30 }), (name, a, b) => {
        if (isCut(name, Math.max(a, b))) expect(isCut(name, Math.min(a, b))).toBe(true)
      }),
    )
    const all = Array.from({ length: 5000 }, (_, i) => `photos/${i}.jpg`)
    for (let grain = 1; grain < 8; grain++) {
      const coarse = all.filter((name) => isCut(name, grain))
      expect(coarse.length).toBeGreaterThan(0)
      expect(coarse.every((name) => isCut(name, grain - 1))).toBe(true)
    }
  })

  it.each([
    ['numbers', (i: number) => String(i)],
    ['photos', (i: number) => `DCIM/${100 + (i >> 10)}CANON/IMG_${String(i).padStart(5, '0')}.JPG`],
    ['names of one length that end alike', (i: number) => `${i.toString(36).padStart(4, '0')}/data.bin`],
  ])('are as frequent as the grain requires: %s', (_what, toName) => {
    const all = Array.from({ length: 65_536 }, (_, i) => toName(i))
    for (const grain of [4, 8]) {
      const share = (all.filter((name) => isCut(name, grain)).length * 2 ** grain) / all.length
      expect(share).toBeGreaterThan(0.75)
      expect(share).toBeLessThan(1.25)
    }
  })
})

describe('the rest of ranges', () => {
  it('holds the names after the given one, in ranges that are not empty', () => {
    fc.assert(
      fc.property(ranges, names, names, (ranges, last, name) => {
        const rest = cutRanges(ranges, last)
        expect(isIn(name, rest)).toBe(isIn(name, ranges) && compareNames(name, last) > 0)
        for (const { after, until } of rest) {
          expect(until === null || compareNames(after, until) < 0).toBe(true)
        }
      }),
    )
  })

  it('is empty after all names', () => {
    expect(
      cutRanges(
        [
          { after: 'a', until: 'b' },
          { after: 'b', until: null },
        ],
        null,
      ),
    ).toEqual([])
  })
})
