import { describe, expect, it } from 'vitest'
import type { Storage } from '../../storage/storage.ts'
import type { Survey, SurveyLine } from '../../storage/survey/survey.ts'
import { isValid } from '../../wire/json/parse.ts'
import type { Passed } from '../../wire/passed.ts'
import { auditSummary } from '../../wire/schemas/audit.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { audit, createTreeStorage, toFacts, toRows, withSurvey } from './audit.suite.ts'

const TREE = new Map(['a', 'b', 'c'].map((name, i) => [name, toFacts(i)]))

function backslash(...examples: readonly string[]): Passed {
  return { kind: 'backslash', count: examples.length, examples }
}

/** A replica whose listing skips those entries. */
function passing(...passed: readonly Passed[]): Storage {
  const storage = createTreeStorage(TREE)
  return { ...storage, list: async (options) => ({ ...(await storage.list(options)), passed }) }
}

describe('an audit', () => {
  it('counts what each replica skips, and is degraded where that may be files', async () => {
    const { summary } = await audit([passing(backslash('x\\y', 'z\\')), createTreeStorage(TREE)])
    expect(summary).toMatchObject({ agreement: 'degraded', agreements: { unanimous: 3 }, uncompared: 2 })
    const passed = summary.replicas.map((replica) => replica.passed)
    expect(passed).toEqual([[backslash('x\\y', 'z\\')], []])
  })

  it('is unanimous when only links and the like are skipped', async () => {
    const link: Passed = { kind: 'link', count: 1, examples: ['l'] }
    const { summary } = await audit([passing(link), createTreeStorage(TREE)])
    expect(summary).toMatchObject({ agreement: 'unanimous', uncompared: 0 })
    expect(summary.replicas[0]?.passed).toEqual([link])
  })

  it('counts each skipped entry once, even if files differ', async () => {
    const other = createTreeStorage(new Map([...TREE, ['b', toFacts(9)]]))
    for (const query of ['', '?all']) {
      const result = await audit([passing(backslash('x\\y')), other], query)
      expect(result.summary).toMatchObject({ agreement: 'conflict', uncompared: 1 })
    }
  })

  it('is degraded when a replica of an older version does not report what it skips', async () => {
    const old = withSurvey(createTreeStorage(TREE), async function* () {
      yield* toLines()
    })
    const result = await audit([old, old])
    expect([toRows(result), result.summary.agreement]).toEqual([[], 'degraded'])
    expect(result.summary.replicas[0]).not.toHaveProperty('passed')
  })

  it('counts skipped entries once when a survey resumes', async () => {
    const broken = new StorageError('unreachable', 'broke off')
    const flaky = () =>
      withSurvey(createTreeStorage(TREE), async function* (_survey, nth) {
        if (nth === 1) {
          yield { passed: [backslash('a\\1')] }
          yield span('b')
          yield { passed: [backslash('b\\2')] }
          yield { passed: [] }
          throw broken
        }
        yield { passed: [backslash('b\\2')] }
        yield { passed: [] }
        yield span(null)
      })
    const { summary } = await audit([flaky(), flaky()])
    for (const replica of summary.replicas) expect(replica.passed).toEqual([backslash('a\\1', 'b\\2')])
    expect(summary.uncompared).toBe(4)
  })

  it('stays valid with any counts that a replica claims', async () => {
    const most: Passed = { kind: 'backslash', count: Number.MAX_SAFE_INTEGER, examples: [] }
    const lying = () =>
      withSurvey(createTreeStorage(TREE), async function* () {
        yield { passed: [most] }
        yield { passed: [most, { ...most, kind: 'nul' }] }
        yield { passed: [] }
        yield* toLines()
      })
    const { summary } = await audit([lying(), lying()])
    expect(summary).toMatchObject({ agreement: 'degraded', uncompared: Number.MAX_SAFE_INTEGER })
    expect(summary.replicas[0]?.passed).toEqual([most, { ...most, kind: 'nul' }])
    expect(isValid(auditSummary, summary)).toBe(true)
  })

  it('requests the skipped entries only in the first survey', async () => {
    const asked: (boolean | undefined)[] = []
    const seeing = withSurvey(createTreeStorage(TREE), (survey) => {
      asked.push(survey.passed)
      return toSurvey(survey)
    })
    await audit([seeing, createTreeStorage(new Map([['a', toFacts(7)]]))])
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.map((passed) => passed === true)).toEqual(asked.map((_, i) => i === 0))
  })
})

function span(last: string | null): SurveyLine {
  return { last, names: 1, bytes: 1, fingerprint: '0'.repeat(64) }
}

function* toLines(): Generator<SurveyLine> {
  yield span(null)
}

/** Spans and files unlike those of any other replica. */
async function* toSurvey({ grain, passed, ranges }: Survey): AsyncGenerator<SurveyLine> {
  if (passed) yield { passed: [] }
  if (grain === 0) yield { name: 'a', said: toFacts(8) }
  else for (const { until } of ranges) yield { last: until, names: 1, bytes: 8, fingerprint: '1'.repeat(64) }
}
