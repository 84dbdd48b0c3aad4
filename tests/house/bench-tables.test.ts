import { expect, it } from 'vitest'
import { median, toRatioTable, toTable } from '../../bench/harness/runner.ts'

it('a table has the median of each figure with its bounds, and the processes of a row in one cell', () => {
  const rounds = [
    { one: { rate: 300, 'CPU|a': 1, 'CPU|b': 2 }, two: { rate: 5 } },
    { one: { rate: 100, 'CPU|a': 1, 'CPU|b': 2 } },
    { one: { rate: 200, 'CPU|a': 1, 'CPU|b': 2 } },
  ]
  expect(toTable('reads', ['one', 'two', 'three'], rounds).split('\n')).toEqual([
    '| reads | rate | CPU |',
    '| --- | --- | --- |',
    '| one | 200 (100–300) | a 1, b 2 |',
    '| two | 5 |  |',
  ])
  expect(toTable('reads', ['three'], rounds)).toBe('')
})

it('a ratio is computed within each round, and judged by its median', () => {
  const rounds = [
    { a: { rate: 10 }, b: { rate: 20 } },
    { a: { rate: 90 }, b: { rate: 100 } },
    { a: { rate: 1 } },
  ]
  const ratio = { what: 'a / b', of: 'a', over: 'b', column: 'rate' }
  const table = toRatioTable(
    [
      { ...ratio, atLeast: 0.5 },
      { ...ratio, atMost: 0.5 },
      { ...ratio, over: 'c' },
    ],
    rounds,
  )
  expect(table.split('\n').slice(2)).toEqual([
    '| a / b | 0.700 (0.500–0.900) | at least 0.5 | ok |',
    '| a / b | 0.700 (0.500–0.900) | at most 0.5 | short |',
  ])
  expect(median([])).toBeNaN()
  expect(median([1, 4, 2, 3])).toBe(2.5)
})
