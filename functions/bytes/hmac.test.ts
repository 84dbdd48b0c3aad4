import { expect, it } from 'vitest'
import { createTestHasher as createHasher } from '../storage/suite/set-up.suite.ts'
import { toBytes } from '../wire/digest.ts'
import { createHmac } from './hmac.ts'

// Test cases 1, 2 and 3 of RFC 4231 §4, whose keys fit in a block.
it.each([
  ['0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    '4a656665',
    '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  ['aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
])('computes the HMAC of RFC 4231 with the key %s', async (key, data, hmac) => {
  const hasher = createHmac(createHasher, toBytes(key))
  const bytes = toBytes(data)
  await hasher.update(bytes.subarray(0, 3))
  await hasher.update(bytes.subarray(3))
  expect(await hasher.digest()).toBe(hmac)
})

it('refuses a key that is longer than a block', () => {
  expect(() => createHmac(createHasher, new Uint8Array(65))).toThrow(/at most 64 bytes, got 65/)
})
