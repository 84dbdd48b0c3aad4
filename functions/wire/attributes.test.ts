import { expect, it } from 'vitest'
import { parseFileModes, parseNotKept, toFileModes, toNotKept, UNKEPT } from './attributes.ts'
import { parseSeconds, toSeconds } from './fields/dates.ts'

it.each([
  [0, '0'],
  [1, '0.001'],
  [-1, '-0.001'],
  [-1500, '-1.5'],
  [1_700_000_000_000, '1700000000'],
  [1_265_079_845_678, '1265079845.678'],
  [1_265_079_845_070, '1265079845.07'],
])('%d milliseconds are %s seconds, and back', (ms, text) => {
  expect(toSeconds(ms)).toBe(text)
  expect(parseSeconds(text)).toBe(ms)
})

it('seconds with nanoseconds, as rclone writes them, are truncated to milliseconds', () => {
  expect(parseSeconds('1265079845.678999999')).toBe(1_265_079_845_678)
})

it.each([
  '',
  '-',
  '.5',
  '1.',
  '1e9',
  ' 1',
  '1 ',
  '+1',
  '0x1',
  '1.0000000000',
  '999999999999',
  '-99999999999',
  'NaN',
])('%j is not a time', (text) => {
  expect(parseSeconds(text)).toBeNull()
})

it('modes are octal numbers, from the outermost directory to the file', () => {
  expect(toFileModes([0o755, 0o700, 0o6])).toBe('755, 700, 6')
  expect(parseFileModes('755, 700,6')).toEqual([0o755, 0o700, 0o6])
})

it.each(['', '0755', '4755', '755,', ',755', '8', '-1', '755;700', Array(600).fill('755').join(',')])(
  '%s are not modes',
  (field) => {
    expect(parseFileModes(field)).toBeNull()
  },
)

it('a field of modes made of blanks is parsed in linear time', () => {
  expect(parseFileModes(`7${' '.repeat(200_000)}7`)).toBeNull()
  expect(parseFileModes(' 755 ,\t700 ')).toEqual([0o755, 0o700])
})

it('the attributes that were not kept are a list, in which unknown words are ignored', () => {
  expect(toNotKept()).toEqual({})
  expect(toNotKept(['owner', 'attributes'])).toEqual({ 'Not-Kept': 'owner, attributes' })
  expect(parseNotKept(UNKEPT.join(', '))).toEqual(UNKEPT)
  expect(parseNotKept('labels, owner')).toEqual(['owner'])
  expect(parseNotKept('')).toEqual([])
})
