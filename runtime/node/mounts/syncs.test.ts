import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { createSyncs } from './syncs.ts'

it('syncs again after the program failed to start', async () => {
  const notices: string[] = []
  const syncs = createSyncs({ now: Date.now, onNotice: (line) => notices.push(line) })
  try {
    // `spawn` throws, as it does where no memory is left for another process.
    syncs.aim({ path: '/no\0path', device: 1n, id: 1n })
    expect(await syncs.wait()).toBe(false)
    expect(notices).toEqual([expect.stringMatching(/^'sync -f' failed/)])

    syncs.aim({ path: tmpdir(), device: 2n, id: 2n })
    expect(await syncs.wait()).toBe(true)
    expect(syncs.last()?.id).toBe(2n)
  } finally {
    syncs.close()
  }
})

it('waits for a sync that begins after the request, not for one under way', async () => {
  let ahead = 0
  const now = () => Date.now() + ahead
  const syncs = createSyncs({ now, onNotice: () => {} })
  try {
    syncs.aim({ path: tmpdir(), device: 1n, id: 1n })
    const first = syncs.wait()
    ahead = 500
    const asked = now()
    expect(await syncs.wait()).toBe(true)
    expect(await first).toBe(true)
    expect(syncs.last()?.at).toBeGreaterThanOrEqual(asked)
  } finally {
    syncs.close()
  }
})
