import { expect, it } from 'vitest'
import { CACHED_CONTENT_COST_BYTES as COST } from '../wire/limits.ts'
import { createContentCache } from './state.ts'

const bytes = (length: number) => new Uint8Array(length)

it('caches contents up to its limit, and drops the least recently used', () => {
  const cache = createContentCache(10 + 2 * COST)
  cache.set('a', bytes(4))
  cache.set('b', bytes(4))
  cache.get('a')
  cache.set('c', bytes(4))
  expect(['a', 'b', 'c'].map((digest) => cache.get(digest)?.length)).toEqual([4, undefined, 4])
})

it('counts a content that is cached again once', () => {
  const cache = createContentCache(10 + 2 * COST)
  for (let i = 0; i < 5; i++) cache.set('a', bytes(4))
  cache.set('b', bytes(6))
  expect(cache.get('a')).toHaveLength(4)
  expect(cache.get('b')).toHaveLength(6)
})

it('does not cache a content larger than its limit', () => {
  const cache = createContentCache(10 + COST)
  cache.set('a', bytes(11))
  expect(cache.get('a')).toBeUndefined()
})
