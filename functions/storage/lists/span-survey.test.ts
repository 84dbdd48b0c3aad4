import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { addPassed, type Passed } from '../../wire/passed.ts'
import { encodeBytes } from '../byte-names.ts'
import { compareNames } from '../names.ts'
import { readSurvey } from '../survey/read-survey.ts'
import type { Survey, SurveyLine } from '../survey/survey.ts'
import { createStorage } from './lists.suite.ts'

vi.mock('../../wire/limits.ts', async (load) => ({
  ...(await load<object>()),
  ...{ MAX_SPAN_NAMES: 20, MAX_SPAN_LENGTH: 1000 },
}))

// The age of a list is of this moment.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

/** Names, valid or not, of which many share a beginning. */
const name = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      'c',
      '/',
      '.',
      '\\',
      'é',
      '\uffff',
      '\u{1f600}',
      '\udcff',
      '.vouch/',
      'x'.repeat(90),
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((parts) => parts.join(''))
const digest = fc.constantFrom('a'.repeat(64), 'b'.repeat(64))

/** Ascending ranges between these names. */
function toRanges(bounds: readonly string[], isOpen: boolean): Survey['ranges'] {
  const sorted = [...new Set(bounds)].sort(compareNames)
  const ranges = sorted.slice(1).map((until, i) => ({ after: sorted[i] ?? '', until }))
  const open = { after: sorted.at(-1) ?? '', until: null }
  return isOpen || ranges.length === 0 ? [...ranges, open] : ranges
}

/** The spans, the last totals, and what was skipped in all, whose end comes before the last span. */
async function readLines(lines: AsyncIterable<SurveyLine>) {
  const spans: SurveyLine[] = []
  let [seen, passed, isAll]: [unknown, readonly Passed[], boolean] = [null, [], false]
  for await (const line of lines) {
    if ('seen' in line) seen = line.seen
    else if ('passed' in line) {
      expect(isAll).toBe(false)
      passed = addPassed(passed, line.passed)
      isAll = line.passed.length === 0
    } else spans.push(line)
  }
  return { spans, seen, passed, isAll }
}

it('the spans are those of any storage with the same files, and so is what is skipped', async () => {
  const options = {
    globs: fc.constantFrom([], ['*a*'], ['b/**']),
    prefix: fc.constantFrom('', 'a', 'é', 'b/'),
  }
  const survey = fc.record({ ...options, grain: fc.nat({ max: 3 }).map((n) => n + 1), passed: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, digest), { minLength: 1, maxLength: 60 }),
      survey,
      fc.uniqueArray(fc.constantFrom('', 'a', 'aé', 'b', 'b/c', 'é'), { maxLength: 3 }),
      fc.boolean(),
      async (files, { globs, ...rest }, bounds, isOpen) => {
        const list = files.map(([name, digest]) => `${digest}  ./${name}\0`).join('')
        const storage = createStorage({ name: 'SHA256SUMS', bytes: encodeBytes(list) })
        const asked = { ...rest, ranges: toRanges(bounds, isOpen), maxAge: null, match: globs, exclude: [] }
        const { survey: own, ...other } = storage
        expect(own).toBeDefined()
        const [bySpans, byNames] = await Promise.all([
          readLines(readSurvey(storage, asked)),
          readLines(readSurvey(other, asked)),
        ])
        expect(bySpans).toEqual(byNames)
      },
    ),
    { numRuns: 500 },
  )
})
