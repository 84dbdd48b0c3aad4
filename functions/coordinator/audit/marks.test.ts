import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MAX_MARKS } from '../../wire/limits.ts'
import { createMarks } from './marks.ts'

const amounts = fc.record({ names: fc.integer({ min: 1, max: 3 }), bytes: fc.nat({ max: 100 }) })

it('marks of any number of names are few, in order, and count all up to the last of them', () => {
  fc.assert(
    fc.property(fc.array(amounts, { maxLength: 3000 }), fc.integer({ min: 1, max: 9 }), (all, least) => {
      const marks = createMarks(least)
      const sums = new Map<string, { names: number; bytes: number }>()
      let sum = { names: 0, bytes: 0 }
      for (const [i, amount] of all.entries()) {
        sum = { names: sum.names + amount.names, bytes: sum.bytes + amount.bytes }
        sums.set(`${i}`, sum)
        marks.add(`${i}`, amount)
      }
      const got = marks.get()
      expect(got.length).toBeLessThanOrEqual(MAX_MARKS)
      let before = { names: 0, bytes: 0 }
      for (const { name, names, bytes } of got) {
        expect(names).toBeGreaterThanOrEqual(least)
        before = { names: before.names + names, bytes: before.bytes + bytes }
        expect(before).toEqual(sums.get(name))
      }
      // No more is left over than lies between two of them.
      const most = Math.max(least, ...got.map(({ names }) => names)) + 3
      expect(sum.names - before.names).toBeLessThan(most)
    }),
    { numRuns: 200 },
  )
})
