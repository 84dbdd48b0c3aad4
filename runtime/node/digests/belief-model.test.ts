import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Traits } from './belief-disk.suite.ts'
import { findWrong, history, type Step } from './belief-model.suite.ts'

const RUNS = Number(process.env['VOUCH_MODEL_RUNS'] ?? 3000)
const seed = Number(process.env['VOUCH_SEED'] ?? Date.now() % 2 ** 31)
let remembered = 0

afterAll(() => {
  console.log(
    `belief: ${RUNS} histories of each file system, seed ${seed}; ${remembered} answers were remembered`,
  )
})

const FINE: Traits = {
  showsStores: true,
  hasCtime: true,
  tick: 0,
  lag: 0,
  isImage: false,
  slowness: 1,
  isClockFree: false,
}

describe('a remembered digest', () => {
  it.each([
    ['ext4, xfs, btrfs or an overlay', FINE],
    ['ext2 or ext3 with times in seconds', { ...FINE, tick: 1000 }],
  ])(
    'is that of the bytes after every history on %s',
    (_, traits) => {
      fc.assert(
        fc.property(history, (steps) => {
          const found = findWrong(traits, steps)
          remembered += found.remembered
          expect(found.wrong).toBeNull()
        }),
        { numRuns: RUNS, seed },
      )
      expect(remembered).toBeGreaterThan(RUNS / 10)
    },
    3_600_000,
  )

  it.each([
    ['does not show stores through mappings, as tmpfs', { ...FINE, showsStores: false }],
    ['has no change time of its own, as sshfs, exfat-fuse and rclone mount', { ...FINE, hasCtime: false }],
    ['shows stale times, as sshfs and rclone mount', { ...FINE, lag: 20_000 }],
    ['is an image that may be made again, as squashfs and erofs', { ...FINE, isImage: true }],
    ['is written to by calls slower than 1 MiB/s, which is not covered', { ...FINE, slowness: 4 }],
  ])(
    'would be wrong after some history on a file system that %s',
    (_, traits) => {
      const { failed } = fc.check(
        fc.property(history, (steps) => findWrong(traits, steps).wrong === null),
        { numRuns: 20_000, seed },
      )
      expect(failed).toBe(true)
    },
    3_600_000,
  )

  it('would be wrong if the clock is set forward during a write, which is not covered', () => {
    const wait: Step = { do: 'wait', ms: 1100 }
    const ask: Step = { do: 'ask', file: 0, how: 'hash', before: [], after: [] }
    const call: Step = { do: 'call', file: 0, part: 0.9 }
    const steps = [call, wait, { do: 'set clock', ms: 60_000 }, wait, ask, wait, ask] as const
    expect(findWrong(FINE, steps).wrong).toBeNull()
    expect(findWrong({ ...FINE, isClockFree: true }, steps).wrong).not.toBeNull()
  })
})
