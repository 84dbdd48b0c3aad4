import { describe, expect, it } from 'vitest'
import {
  findOverlap,
  formatOverlap,
  type Places,
  toServerPlaces,
  toStorePlaces,
  toWebPlaces,
} from './overlap.ts'

function overlap(a: Places, b: Places) {
  return findOverlap([
    { id: 'a', places: a },
    { id: 'b', places: b },
  ])
}

describe('two replicas', () => {
  it.each([
    ['https://h/files/', 'https://H:443/files'],
    ['http://h/%61/', 'http://h/a/'],
    ['http://h/x/../a/', 'http://h/a/'],
    ['http://h//', 'http://h/'],
    ['http://h/%', 'http://h/%/'],
  ])('are the same web server by their normalized addresses: %s and %s', (one, other) => {
    expect(overlap(toWebPlaces(one), toWebPlaces(other))).toEqual({ outer: 'a', inner: 'b', isSame: true })
    expect(overlap(toServerPlaces(one), toServerPlaces(other))).toMatchObject({ isSame: true })
  })

  it.each([
    ['http://h/a/', 'http://h/ab/'],
    ['http://h/a/', 'https://h/a/'],
    ['http://h/a/', 'http://h:81/a/'],
    ['http://h/a%2Fb/', 'http://h/a/b/'],
  ])('lie apart on web servers: %s and %s', (one, other) => {
    expect(overlap(toWebPlaces(one), toWebPlaces(other))).toBeNull()
    expect(overlap(toServerPlaces(one), toServerPlaces(other))).toBeNull()
  })

  it('lie inside each other in a bucket and on a web server, whichever comes first, but not as replica servers', () => {
    const [whole, part] = [toStorePlaces('s3 bucket', ''), toStorePlaces('s3 bucket', 'photos/2026/')]
    expect(overlap(whole, part)).toEqual({ outer: 'a', inner: 'b', isSame: false })
    expect(overlap(part, whole)).toEqual({ outer: 'b', inner: 'a', isSame: false })
    expect(overlap(part, part)).toMatchObject({ isSame: true })
    expect(overlap(toStorePlaces('s3 bucket', 'photos/'), part)).toMatchObject({ isSame: false })
    expect(overlap(toStorePlaces('s3 bucket', 'photo/'), part)).toBeNull()
    expect(overlap(toStorePlaces('s3 other', ''), part)).toBeNull()
    expect(overlap(toWebPlaces('http://h/'), toWebPlaces('http://h/a/'))).toMatchObject({ isSame: false })
    expect(overlap(toServerPlaces('http://h/'), toServerPlaces('http://h/a/'))).toBeNull()
  })

  it('that overlap are named, with advice', () => {
    expect(formatOverlap({ outer: 'a', inner: 'b', isSame: true })).toMatch(/^a and b are the same place/)
    expect(formatOverlap({ outer: 'a', inner: 'b', isSame: false })).toMatch(
      /^b is inside a, .*separate places$/,
    )
  })
})
