import { expect, test } from 'vitest'
import { SUM_ALGORITHMS } from '../../../functions/wire/sums.ts'
import { createSum } from './sums.ts'

/**
 * Of `abc`, by the specifications: RFC 1321, RFC 3174, FIPS 180-4, ITU-T V.42, and the BLAKE3 paper's
 * reference.
 */
const OF_ABC = {
  md5: '900150983cd24fb0d6963f7d28e17f72',
  sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
  sha224: '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7',
  sha384: 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  sha512:
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  blake3: '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
  crc32: '352441c2',
}

test.each(SUM_ALGORITHMS)('%s is computed over chunks', async (algorithm) => {
  const hasher = createSum(algorithm)
  for (const text of ['a', '', 'bc']) await hasher?.update(Buffer.from(text))
  expect(await hasher?.digest()).toBe(OF_ABC[algorithm])
})
