import { expect, it } from 'vitest'
import { MAX_LIST_BYTES } from '../../wire/limits.ts'
import { SHA256 } from './algorithms.ts'
import { createSumsBuilder } from './sums.ts'

it('names that take many times as much as the longest list are refused before they take it', () => {
  const builder = createSumsBuilder(SHA256, { size: 3, lines: 1 })
  const name = new Uint8Array([0x61, 0x62, 0x63])
  const entry = { line: 1, name, start: 0, end: 3, hexAt: -1, hex: name, size: null, modified: null }
  builder.add(entry, 0)
  const long = { ...entry, end: 4 * MAX_LIST_BYTES - 2 }
  expect(() => builder.add(long, 0)).toThrow('the names of the list take more than')
  expect(builder.end().nameAt(0)).toBe('abc')
})
