import type { Stats } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hasKey, type Identity, toKey } from './identity.ts'

/** Plain stats of an identity: Node computes their times from seconds and nanoseconds. */
function toStats({ device, inode, size, modifiedNs, changedNs }: Identity): Stats {
  const toMs = (ns: bigint) => Number(ns / 1_000_000_000n) * 1000 + Number(ns % 1_000_000_000n) / 1e6
  const [mtimeMs, ctimeMs] = [toMs(modifiedNs), toMs(changedNs)]
  return { dev: Number(device), ino: Number(inode), size, mtimeMs, ctimeMs } as Stats // all that is read
}

const time = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n })
const fields = {
  device: fc.bigInt({ min: 0n, max: 2n ** 32n }),
  inode: fc.bigInt({ min: 0n, max: 2n ** 53n }),
  size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  modifiedNs: time,
  changedNs: time,
}
const identity = fc.record(fields)

it('plain stats have the key of their own identity', () => {
  fc.assert(fc.property(identity, (one) => hasKey(toStats(one), Number(one.device), toKey(one.device, one))))
})

it('other numbers, or times some microseconds away, have other keys', () => {
  const others: readonly ((one: Identity, by: number) => Identity)[] = [
    (one, by) => ({ ...one, device: one.device + BigInt(by) }),
    (one, by) => ({ ...one, inode: one.inode - BigInt(by) }),
    (one, by) => ({ ...one, size: one.size + by }),
    (one, by) => ({ ...one, modifiedNs: one.modifiedNs + BigInt(4000 + by) }),
    (one, by) => ({ ...one, changedNs: one.changedNs + BigInt(4000 + by) }),
  ]
  const small = fc.record({ ...fields, inode: fc.bigInt({ min: 2n ** 20n, max: 2n ** 52n }), size: fc.nat() })
  const by = fc.integer({ min: 1, max: 2 ** 20 })
  fc.assert(
    fc.property(small, by, fc.constantFrom(...others), (one, by, toOther) => {
      const other = toOther(one, by)
      expect(hasKey(toStats(other), Number(other.device), toKey(one.device, one))).toBe(false)
    }),
  )
})

it.each(['', '1:2:3:4', '1:2:3:4:5:6', '1:2:3:-4:5', 'stored:etag'])('%j is not a valid key', (key) => {
  const stats = { dev: 1, ino: 2, size: 3, mtimeMs: 4e-6, ctimeMs: 5e-6 } as Stats // all that is read
  expect(hasKey(stats, 1, '1:2:3:4:5')).toBe(true)
  expect(hasKey(stats, 1, key)).toBe(false)
})
