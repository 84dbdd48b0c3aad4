import { expect, it } from 'vitest'
import { formatNumber } from './text.ts'

it.each([0, 7, 999, 1000, 65_536, 123_456, 1_000_000, 9_007_199_254_740_991])(
  'a number is grouped by thousands: %i',
  (number) => {
    expect(formatNumber(number)).toBe(number.toLocaleString('en'))
  },
)
