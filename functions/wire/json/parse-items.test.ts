import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { MAX_STEP_LENGTH } from '../limits.ts'
import { parsePlan } from '../schemas/plan.ts'
import { parseJsonItems, parseJsonWithItems } from './parse-items.ts'

const anything = { items: 1000, length: 100_000 }
const step = { name: 'f', to: 'r1', digest: 'a'.repeat(64), size: 1, seen: { r1: null, r2: 'b'.repeat(64) } }
const toPlan = (steps: unknown, more = '') =>
  `{"vouch": "plan", "version": 1, "replicas": ["r1", "r2"], "steps": ${JSON.stringify(steps)}${more}}`

describe('an array of JSON that is read item by item', () => {
  const spaced = fc.tuple(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'))

  // Valibot drops these members from every object, so that JSON cannot change a prototype.
  const dropped = ['__proto__', 'prototype', 'constructor']
  const key = fc.string().filter((text) => !dropped.includes(text))

  it('gives the same as JSON.parse', async () => {
    await fc.assert(
      fc.asyncProperty(spaced, async ([values, space]) => {
        const text = JSON.stringify(values, null, space)
        const read = await parseJsonItems(v.any(), text, anything)
        expect(read).toEqual({ success: true, output: JSON.parse(text) })
      }),
    )
  })

  it('gives the same as JSON.parse inside an object with other members', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, fc.jsonValue()), spaced, async (more, [values, space]) => {
        const text = JSON.stringify({ ...more, items: values, after: more }, null, space)
        const read = await parseJsonWithItems(v.looseObject({}), 'items', v.any(), text, anything)
        const { items, ...rest } = JSON.parse(text)
        expect(read).toEqual({ success: true, output: { whole: { ...rest, items: [] }, items } })
      }),
    )
  })

  it.each(['', ' ', '[', '[1', '[1,', '[1,]', '[,1]', '[1}', '[1]]', '[1] 2', '["a]', '{}', '[{]', 'null'])(
    'is refused where the text is %j',
    async (text) => {
      expect((await parseJsonItems(v.any(), text, anything)).success).toBe(false)
    },
  )

  it('is read until its first wrong item', async () => {
    let runs = 0
    const schema = v.custom<number>((value) => {
      runs++
      return value === 1
    })
    const text = JSON.stringify([1, 1, ...Array.from({ length: 100_000 }, () => 2)])
    const read = await parseJsonItems(schema, text, { ...anything, items: 200_000 })
    expect(read).toMatchObject({ success: false, wrong: expect.stringContaining('in [2], ') })
    expect(runs).toBe(3)
  })
})

describe('a plan', () => {
  it('of many steps is read to its end, and its other members are ignored', async () => {
    const steps = Array.from({ length: 5000 }, (_, i) => ({ ...step, name: `"[${i}]\\` }))
    const read = await parsePlan(toPlan(steps, ', "summary": {"steps": [1]}'))
    expect(read).toEqual({
      success: true,
      output: { vouch: 'plan', version: 1, replicas: ['r1', 'r2'], steps },
    })
  })

  it.each([
    [toPlan([step, { ...step, size: -1 }]), 'in steps[1], size must be >=0, got -1'],
    [toPlan([step, 5]), 'in steps[1], the whole must be an object, got 5'],
    [toPlan({}), 'steps must be an array'],
    [toPlan([], ', "steps": [5]'), 'steps[0] must be an object, got 5'],
    [toPlan([step], `, "steps": [${JSON.stringify(step)}]`), 'the plan has the member steps twice'],
    [toPlan([{ ...step, more: 'a'.repeat(MAX_STEP_LENGTH) }]), 'steps[0] takes at most 40,960 characters'],
    ['{"vouch": "plan", "version": 1, "replicas": []}', 'steps is missing'],
    ['[]', 'vouch is missing'],
    ['{"steps": [', 'in steps[0], the text is not valid JSON'],
  ])('that is not valid is refused with its first fault %#', async (text, wrong) => {
    expect(await parsePlan(text)).toMatchObject({ success: false, wrong })
  })
})
