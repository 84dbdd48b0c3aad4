import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFilePath, toFilePath } from './routes.ts'

const ORIGIN = 'http://127.0.0.1:6001'

describe('toFilePath', () => {
  test.each([
    ['file1.txt', '/files/file1.txt'],
    ['photos/2024/1.jpg', '/files/photos/2024/1.jpg'],
    ['a b', '/files/a%20b'],
    ['a?b#c', '/files/a%3Fb%23c'],
    ['100%', '/files/100%25'],
    ['a%2Fb', '/files/a%252Fb'],
    ['a%252Fb/c', '/files/a%25252Fb/c'],
    ['é/日本', '/files/%C3%A9/%E6%97%A5%E6%9C%AC'],
    ['\u{1F4C4}', '/files/%F0%9F%93%84'],
    ["it's!(*)~", "/files/it's!(*)~"],
    ['a:b@c;d=e&f+g,h$', '/files/a%3Ab%40c%3Bd%3De%26f%2Bg%2Ch%24'],
    ['...', '/files/...'],
  ])('makes %j the path %j', (name, path) => {
    expect(toFilePath(name)).toBe(path)
  })
})

describe('parseFilePath', () => {
  test.each([
    ['/files/a/b.txt', 'a/b.txt', 'a path'],
    [`${ORIGIN}/files/a/b.txt`, 'a/b.txt', 'a URL'],
    ['https://example.com/files/a', 'a', 'a URL of another scheme, without a port'],
    [`${ORIGIN}/files/a?version=1`, 'a', 'a query is left out'],
    [`${ORIGIN}/files/a#b`, 'a', 'a fragment is left out'],
    [`${ORIGIN}/files/a?b#c`, 'a', 'a query and a fragment are left out'],
    [`${ORIGIN}/files/a#b?c`, 'a', 'a question mark in a fragment is left out with it'],
    [`${ORIGIN}/files/a%3Fb%23c?d`, 'a?b#c', 'an encoded question mark belongs to the name'],
    ['/files/a%20b', 'a b', 'a blank'],
    ['/files/a+b', 'a+b', 'a plus sign is itself'],
    ['/files/%c3%A9', 'é', 'digits of either case'],
    ['/files/é', 'é', 'unencoded characters are taken literally'],
    ['/files/%66ile', 'file', 'what need not be encoded may be'],
    ['/files/a%252Fb', 'a%2Fb', 'decoding is done once'],
    ['/files/files/a', 'files/a', 'the prefix is cut once'],
    ['/files/a/files/b', 'a/files/b', 'the prefix is cut at the start only'],
    ['/files/', '', 'an invalid name is left to parseName: empty'],
    ['/files//a', '/a', 'an invalid name is left to parseName: absolute'],
    ['/files/%2e%2e/a', '../a', 'an invalid name is left to parseName: dots'],
    ['/files/a%00', 'a\0', 'an invalid name is left to parseName: NUL'],
    ['/files/a%5Cb', 'a\\b', 'an invalid name is left to parseName: a backslash'],
  ])('reads %j as %j: %s', (url, name) => {
    expect(parseFilePath(url)).toBe(name)
  })

  test.each([
    ['/files/a%2Fb', 'an encoded slash'],
    ['/files/a%2fb', 'an encoded slash with a small digit'],
    ['/files/%2Fetc/passwd', 'an encoded slash in front'],
    ['/files/%2e%2e%2fa', 'encoded dots and an encoded slash'],
    ['/files/%zz', 'no hexadecimal'],
    ['/files/%', 'a lone percent sign'],
    ['/files/100%', 'a percent sign at the end'],
    ['/files/%4', 'half an escape'],
    ['/files/%C0%AF', 'a slash in overlong UTF-8'],
    ['/files/%C0%80', 'a NUL in overlong UTF-8'],
    ['/files/%E0%80%AF', 'a slash in longer overlong UTF-8'],
    ['/files/%FF', 'a byte that is never UTF-8'],
    ['/files/%C3', 'half a character'],
    ['/files/%C3/%A9', 'a character across a separator'],
    ['/files/%ED%A0%80', 'a lone surrogate'],
    ['/files/%F4%90%80%80', 'beyond the last code point'],
    ['/files', 'the listing'],
    ['/Files/a', 'another case'],
    ['/file/a', 'another path'],
    ['//files/a', 'an empty segment in front'],
    ['/x/files/a', 'the prefix further on'],
    ['/?/files/a', 'the prefix in the query'],
    [`${ORIGIN}`, 'no path'],
    [`${ORIGIN}?x=/files/a`, 'no path but a query that looks like one'],
    [`${ORIGIN}#/files/a`, 'no path but a fragment that looks like one'],
    ['', 'nothing'],
  ])('refuses %j: %s', (url) => {
    expect(parseFilePath(url)).toBeNull()
  })

  // All that parseName accepts, and more: wire/ does not know the rules of names.
  const segment = fc.string({ unit: 'binary', minLength: 1 }).map((text) => text.replaceAll('/', '%2F'))
  const names = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map((segments) => segments.join('/'))
    .filter((name) => name.isWellFormed())

  test('returns every name that toFilePath made a path of', () => {
    const property = fc.property(names, (name) => {
      const path = toFilePath(name)
      expect(path).toMatch(/^\/files\/[\w%!'()*~./-]+$/)
      expect(parseFilePath(path)).toBe(name)
      expect(parseFilePath(`${ORIGIN}${path}?version=/x#/y`)).toBe(name)
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('returns every name after a client normalized the URL, except dot segments', () => {
    const plain = names.filter((name) => !name.split('/').some((part) => part === '.' || part === '..'))
    const property = fc.property(plain, (name) => {
      expect(parseFilePath(new Request(`${ORIGIN}${toFilePath(name)}`).url)).toBe(name)
    })
    fc.assert(property)
  })

  test('decodes each segment of the path by itself', () => {
    const raw = fc.stringMatching(/^[a%2F/fc3A9]{0,16}$/)
    const property = fc.property(raw, (path) => {
      expect(parseFilePath(`/files/${path}`)).toBe(decodeSlowly(path))
    })
    fc.assert(property, { numRuns: 3000 })
  })
})

function decodeSlowly(path: string): string | null {
  try {
    const segments = path.split('/').map(decodeURIComponent)
    return segments.some((segment) => segment.includes('/')) ? null : segments.join('/')
  } catch {
    return null
  }
}
