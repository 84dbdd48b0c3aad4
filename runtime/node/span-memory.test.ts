import { expect, it } from 'vitest'
import type { Survey } from '../../functions/storage/survey.ts'
import { createSpanMemory } from './span-memory.ts'

const NAMES = Array.from({ length: 5000 }, (_, i) => `f${String(i).padStart(5, '0')}`)
const DIGEST = 'a'.repeat(64)

function toSurvey(changes: Partial<Survey> = {}): Survey {
  const ranges = [{ after: '', until: null }]
  return { ranges, prefix: '', grain: 12, deep: false, pass: 'one', match: [], exclude: [], ...changes }
}

/** A memory of a survey that saw the names after one. */
function createFilled(survey: Survey) {
  const memory = createSpanMemory()
  const recorder = memory.begin(survey)
  for (const name of NAMES) if (name > (survey.ranges[0]?.after ?? '')) recorder.add(name, 1, DIGEST)
  recorder.end()
  return memory
}

it('gives the smaller spans of a pass for ranges that end where they do', () => {
  const memory = createFilled(toSurvey())
  const whole = memory.recall(toSurvey({ grain: 8 })) ?? []
  expect(whole.reduce((sum, { names }) => sum + names, 0)).toBe(NAMES.length)
  const [first, second, third] = whole.map(({ last }) => last ?? '')
  const ranges = [
    { after: first ?? '', until: second ?? null },
    { after: third ?? '', until: null },
  ]
  expect(memory.recall(toSurvey({ grain: 8, ranges }))).toEqual([whole[1], ...whole.slice(3)])
})

it.each([
  ['of another pass', toSurvey({ grain: 8, pass: 'two' })],
  ['of other names', toSurvey({ grain: 8, prefix: 'f0' })],
  ['of a grain that it did not make', toSurvey({ grain: 7 })],
  [
    'of a range that begins within a span',
    toSurvey({ grain: 8, ranges: [{ after: 'f00001x', until: null }] }),
  ],
  ['of a range that ends within a span', toSurvey({ grain: 8, ranges: [{ after: '', until: 'f00001x' }] })],
])('gives nothing %s', (_, survey) => {
  expect(createFilled(toSurvey()).recall(survey)).toBeNull()
})

it('gives nothing of a survey that went on where it broke off, and so has not seen all', () => {
  const memory = createFilled(toSurvey({ ranges: [{ after: 'f03000', until: null }] }))
  expect(memory.recall(toSurvey({ grain: 8 }))).toBeNull()
  expect(memory.recall(toSurvey({ grain: 8, ranges: [{ after: 'f03000', until: null }] }))).toBeNull()
})
