import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeBytes, encodeBytes, toExample } from './byte-names.ts'

/** Bytes of which some are UTF-8, some nearly so, and some not at all. */
const bytes = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => [...new TextEncoder().encode(text)]),
      fc.constantFrom([0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe0, 0x80], [0xf0, 0x8f, 0x80]),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
      fc.constantFrom([0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbd]),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Uint8Array.from(parts.flat()))

it('any bytes are decoded from the text that encodes them', () => {
  fc.assert(
    fc.property(bytes, (bytes) => {
      expect([...encodeBytes(decodeBytes(bytes))]).toEqual([...bytes])
    }),
    { numRuns: 2000 },
  )
})

it('the text is well-formed, and the same as that of any decoder, exactly for UTF-8', () => {
  fc.assert(
    fc.property(bytes, (bytes) => {
      const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      let expected: string | null = null
      try {
        expected = strict.decode(bytes)
      } catch {
        // Not UTF-8.
      }
      const text = decodeBytes(bytes)
      expect(text.isWellFormed() ? text : null).toBe(expected)
    }),
    { numRuns: 2000 },
  )
})

it('an example shows each byte that is not UTF-8, and only the start and the end of a long name', () => {
  expect(toExample(decodeBytes(Uint8Array.of(0x63, 0xe9, 0x0a, 0xff)))).toBe('c\\xe9\n\\xff')
  const long = toExample(`${'a'.repeat(1000)}/end`)
  expect([long.length, long.startsWith('aaa'), long.endsWith('a/end')]).toEqual([400, true, true])
  expect(toExample('\u{1f600}'.repeat(500)).isWellFormed()).toBe(true)
})
