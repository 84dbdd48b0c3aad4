import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../wire/storage-error.ts'
import { compareNames, findFault, parseName, requireName } from './names.ts'

/** A name of exactly this many bytes in several segments, the last one filled up with `fill`. */
function ofBytes(bytes: number, fill = 'x'): string {
  const whole = Math.floor((bytes - 1) / 200)
  const rest = bytes - whole * 200
  const last = fill.repeat(Math.floor(rest / Buffer.byteLength(fill)))
  return (
    `${'y'.repeat(199)}/`.repeat(whole) + last.padStart(last.length + rest - Buffer.byteLength(last), 'z')
  )
}

describe('parseName', () => {
  test.each([
    ['a', 'one character'],
    ['file1.txt', 'a plain file'],
    ['photos/2024/1.jpg', 'a path'],
    ['.hidden', 'a hidden file'],
    ['...', 'three dots'],
    ['..a', 'a segment that begins with two dots'],
    ['a..', 'a segment that ends with two dots'],
    ['a/.b/..c', 'hidden files further down'],
    [' ', 'a blank'],
    ['a b', 'a blank inside'],
    ['a\nb', 'a line end'],
    ['\u0001', 'a control character that is not NUL'],
    ['a:b', 'a colon'],
    ['C:', 'a drive on Windows, a file here'],
    ['a?b#c%d', 'characters that URLs reserve'],
    ['%2e%2e', 'an encoded name is not decoded'],
    ['%2e%2e%2fa', 'an encoded path is not decoded'],
    ['%00', 'an encoded NUL is three characters'],
    ['~', 'a tilde'],
    ['-rf', 'a hyphen in front'],
    ['é', 'a composed character'],
    ['e\u0301', 'the same character decomposed: another name'],
    ['日本/\u{1F4C4}', 'characters of three and four bytes'],
    ['\ufeffa', 'a byte order mark'],
    ['\ufffd', 'a replacement character, sent as such'],
    ['a/.vouch', 'the reserved segment further down'],
    ['.vouch2', 'a segment that begins like the reserved one'],
    ['.Vouch', 'the reserved segment in another case'],
    ['vouch', 'the reserved segment without its dot'],
  ])('accepts %j: %s', (text) => {
    expect(parseName(text)).toBe(text)
    expect(requireName(text)).toBe(text)
  })

  test.each([
    ['', 'empty'],
    ['.', 'the root'],
    ['..', 'above the root'],
    ['../a', 'above the root'],
    ['a/..', 'a segment that goes up, at the end'],
    ['a/../b', 'a segment that goes up, inside, though it stays below the root'],
    ['a/../../b', 'above the root by way of a folder'],
    ['./a', 'a segment that stays, in front'],
    ['a/.', 'a segment that stays, at the end'],
    ['a/./b', 'a segment that stays, inside'],
    ['/', 'absolute, and empty'],
    ['/a', 'absolute'],
    ['/etc/passwd', 'absolute'],
    ['//a', 'absolute twice'],
    ['a/', 'a folder'],
    ['a//b', 'an empty segment'],
    ['\\', 'a backslash'],
    ['a\\b', 'a backslash, a separator elsewhere'],
    ['..\\a', 'above the root elsewhere'],
    ['C:\\a', 'absolute elsewhere'],
    ['\0', 'a NUL'],
    ['a\0', 'a NUL at the end'],
    ['a\0.txt', 'a NUL inside'],
    ['\ud800', 'a lone high surrogate'],
    ['\udc00', 'a lone low surrogate'],
    ['a\ud83d/\udcc4', 'a pair of surrogates parted by a separator'],
    ['\udcc4\ud83d', 'a pair of surrogates the wrong way round'],
    ['.vouch', 'the reserved segment itself'],
    ['.vouch/a', 'below the reserved segment'],
    ['.vouch/a/b', 'further below the reserved segment'],
  ])('refuses %j: %s', (text) => {
    expect(parseName(text)).toBeNull()
    expect(() => requireName(text)).toThrow(expect.objectContaining({ code: 'invalid-name' }))
  })

  test('throws the error that storages throw', () => {
    expect(() => requireName('..')).toThrow(StorageError)
  })

  test('accepts a segment of any length, since only the store knows its limit', () => {
    for (const name of ['x'.repeat(256), 'é'.repeat(512), `a/${'日'.repeat(100)}/b`])
      expect(parseName(name)).toBe(name)
  })

  test.each(['x', 'é', '日', '\u{1F4C4}'])(
    'accepts a name of 1024 bytes and refuses one of 1025, in characters like %j',
    (fill) => {
      for (const [bytes, taken] of [
        [1023, true],
        [1024, true],
        [1025, false],
      ] as const) {
        const name = ofBytes(bytes, fill)
        expect(Buffer.byteLength(name)).toBe(bytes)
        expect(parseName(name)).toBe(taken ? name : null)
      }
    },
  )

  test('accepts only names that are valid paths below a root', () => {
    const near = fc.stringMatching(/^[./\\a\0\ud800]{0,8}$/)
    const property = fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
      const name = parseName(text)
      if (name === null) return
      expect(name).toBe(text)
      expect(new URL(name.split('/').map(encodeURIComponent).join('/'), 'file:///base/').pathname).toMatch(
        /^\/base\/[^/]/,
      )
      expect(Buffer.from(name).toString()).toBe(name)
    })
    fc.assert(property, { numRuns: 3000 })
  })
})

describe('compareNames', () => {
  test.each([
    ['a', 'b', 'letters'],
    ['a', 'ab', 'a prefix comes first'],
    ['', 'a', 'nothing comes first'],
    ['B', 'a', 'capitals come before small letters'],
    ['a-b', 'a/b', 'a hyphen comes before the separator'],
    ['a/b', 'a0', 'the separator comes before digits'],
    ['z', 'é', 'ASCII comes before everything else'],
    ['e\u0301', 'é', 'decomposed before composed, by their bytes'],
    ['\ud7ff', '\ue000', 'on both sides of the surrogates'],
    ['\uffff', '\u{10000}', 'the last of the first plane comes before the second plane'],
    ['\ue000', '\u{1F4C4}', 'the private area comes before the second plane, unlike in UTF-16'],
    ['\u{1F4C4}', '\u{10FFFF}', 'planes in order'],
    ['\u{10000}', '\u{10001}', 'low surrogates in order'],
  ])('puts %j before %j: %s', (a, b) => {
    expect(compareNames(a, b)).toBeLessThan(0)
    expect(compareNames(b, a)).toBeGreaterThan(0)
    expect(compareNames(a, a)).toBe(0)
  })

  test('orders any two strings as their UTF-8 bytes are ordered', () => {
    const edges = fc.constantFrom('a', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}')
    const near = fc.string({ unit: edges, maxLength: 4 })
    const strings = fc.oneof(near, fc.string({ unit: 'binary' })).filter((text) => text.isWellFormed())
    const property = fc.property(strings, strings, (a, b) => {
      expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    })
    fc.assert(property, { numRuns: 5000 })
  })
})

describe('findFault', () => {
  test.each([
    ['a/b', null],
    ['a\udcff', 'not-utf-8'],
    ['a\\b', 'backslash'],
    ['a\0', 'nul'],
    ['.vouch', 'reserved'],
    ['.vouch/x', 'reserved'],
    ['', 'empty-segment'],
    ['/a', 'empty-segment'],
    ['a//b', 'empty-segment'],
    ['a/', 'empty-segment'],
    ['./a', 'dot-segment'],
    ['a/../b', 'dot-segment'],
    ['a'.repeat(1025), 'name-too-long'],
  ])('finds in %j the fault: %s', (text, expected) => {
    expect(findFault(text)).toBe(expected)
  })

  test('finds a fault in exactly the strings that are not valid names', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '/', '.', '\\', '\0', '\udc80', 'é', '.vouch'),
      maxLength: 6,
    })
    fc.assert(
      fc.property(text, (text) => {
        expect(findFault(text) === null).toBe(parseName(text) !== null)
      }),
    )
  })
})
