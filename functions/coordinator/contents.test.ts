import { expect, it } from 'vitest'
import { KEPT_CONTENT_COST_BYTES as COST } from '../wire/limits.ts'
import { createContents } from './contents.ts'

const bytes = (length: number) => new Uint8Array(length)

it('keeps contents up to its limit, and lets go of the one asked for longest ago', () => {
  const contents = createContents(10 + 2 * COST)
  contents.keep('a', bytes(4))
  contents.keep('b', bytes(4))
  contents.get('a')
  contents.keep('c', bytes(4))
  expect(['a', 'b', 'c'].map((digest) => contents.get(digest)?.length)).toEqual([4, undefined, 4])
})

it('counts a content that is kept again once', () => {
  const contents = createContents(10 + 2 * COST)
  for (let i = 0; i < 5; i++) contents.keep('a', bytes(4))
  contents.keep('b', bytes(6))
  expect(contents.get('a')).toHaveLength(4)
  expect(contents.get('b')).toHaveLength(6)
})

it('keeps nothing that is larger than its limit', () => {
  const contents = createContents(10 + COST)
  contents.keep('a', bytes(11))
  expect(contents.get('a')).toBeUndefined()
})
