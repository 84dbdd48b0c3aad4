import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseEnds } from './split.ts'

const ALL = { prefix: '', isDeep: false }
const marks = fc
  .array(fc.record({ names: fc.integer({ min: 1, max: 50 }), bytes: fc.nat({ max: 1_000_000 }) }), {
    maxLength: 100,
  })
  .map((all) => all.map((amount, i) => ({ name: String(i).padStart(3, '0'), ...amount })))

describe('the names at which a check is split', () => {
  it('are one fewer than parts, in order, and null only where there are too few to choose from', () => {
    fc.assert(
      fc.property(marks, fc.integer({ min: 1, max: 40 }), fc.boolean(), (marks, parts, isDeep) => {
        const ends = chooseEnds(marks, parts, { ...ALL, isDeep })
        expect(ends === null).toBe(marks.length < parts - 1)
        if (ends === null) return
        expect(ends).toHaveLength(parts - 1)
        expect(ends).toEqual([...new Set(ends)].sort())
        for (const end of ends) expect(marks.map(({ name }) => name)).toContain(end)
      }),
    )
  })

  it('make parts of equal numbers of names, or of work where bytes are read', () => {
    const even = Array.from({ length: 8 }, (_, i) => ({
      name: `${i}`,
      names: 10,
      bytes: i < 2 ? 30_000_000 : 0,
    }))
    expect(chooseEnds(even, 4, ALL)).toEqual(['1', '3', '5'])
    expect(chooseEnds(even, 2, { ...ALL, isDeep: true })).toEqual(['0'])
    expect(chooseEnds(even, 3, { ...ALL, isDeep: true })).toEqual(['0', '1'])
  })

  it('have the prefix', () => {
    const some = ['a/1', 'a/2', 'b/1', 'b/2', 'b/3'].map((name) => ({ name, names: 1, bytes: 0 }))
    expect(chooseEnds(some, 3, { ...ALL, prefix: 'b/' })).toEqual(['b/1', 'b/2'])
    expect(chooseEnds(some, 5, { ...ALL, prefix: 'b/' })).toBeNull()
  })
})
