import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countEdits, findNearest } from './nearest.ts'

const COMMANDS = [
  'get',
  'check',
  'explain',
  'plan',
  'apply',
  'restore',
  'replica',
  'coordinator',
  'help',
  'man',
]

test.each([
  ['chekc', 'check'],
  ['chek', 'check'],
  ['checkk', 'check'],
  ['Check', 'check'],
  ['gte', 'get'],
  ['cordinator', 'coordinator'],
  ['coord', 'coordinator'],
  ['replcia', 'replica'],
  ['restart', 'restore'],
  ['re', null],
  ['ge', 'get'],
  ['constructor', null],
  ['', null],
  ['delete', null],
  ['mount', null],
])('the suggestion for %j is %j', (typed, word) => {
  expect(findNearest(typed, COMMANDS)).toBe(word)
})

test('two words with the typed beginning give no suggestion', () => {
  expect(findNearest('client', ['client-cert', 'client-key'])).toBeNull()
})

test.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', 'acb', 1],
  ['abc', 'ab', 1],
  ['abc', 'abcd', 1],
  ['abc', 'axc', 1],
  ['ca', 'abc', 3],
  ['kitten', 'sitting', 3],
])('%j and %j are %i edits apart', (a, b, edits) => {
  expect(countEdits(a, b)).toBe(edits)
})

test('edits are symmetric, zero only between equals, and at most the longer length', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const edits = countEdits(a, b)
      expect(edits).toBe(countEdits(b, a))
      expect(edits === 0).toBe(a === b)
      expect(edits).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }),
  )
})
