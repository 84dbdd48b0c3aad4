import { expect, it } from 'vitest'
import { fromRcloneSegment, isHiddenByRclone, toRcloneName } from './rclone-names.ts'

it.each([
  ['plain.txt', 'plain.txt'],
  ['line\nbreak', 'line\u240abreak'],
  ['line\u240abreak', 'line\u201b\u240abreak'],
  ['del\x7f', 'del\u2421'],
  ['\u201bq', '\u201b\u201bq'],
  ['a\u201bFF', 'a\u201b\u201bFF'],
  ['a\\b%41', 'a\\b%41'],
  ['...', '...'],
  ['\uff0e\uff0e', '\u201b\uff0e\u201b\uff0e'],
  ['a\uff0e', 'a\uff0e'],
  ['\u{1f600}\u2420', '\u{1f600}\u2420'],
])('%j is %j in rclone, and back', (name, text) => {
  expect(toRcloneName(name)).toBe(text)
  expect(fromRcloneSegment(text)).toBe(name)
})

it.each([
  ['\uff0e', '.'],
  ['\uff0e\uff0e', '..'],
  ['a\uff0fb', 'a/b'],
  ['\u2400', '\0'],
  ['\u201bq', null],
  ['raw\n', null],
  ['\u201b', null],
])('rclone’s %j is %j', (text, name) => {
  expect(fromRcloneSegment(text)).toBe(name)
})

it('names that rclone may not find where they are', () => {
  const names = ['a\uff0fb', 'd/\uff0e', '\uff0e\uff0e/x', 'a\uff0e', 'a/b', '...']
  expect(names.map(isHiddenByRclone)).toEqual([true, true, true, false, false, false])
})
