import { lstatSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { openBoth, toDigest } from './asked.ts'
import { mount, run, unmount } from './commands.ts'
import { createPlace, QUIET_MS } from './place.ts'
import { requirePackages } from './requirements.ts'

const IMAGE_BYTES = 256 * 1024 ** 2
const TIME_S = 1_600_000_000
/** How often the subvolumes are mounted again until they have swapped their device numbers. */
const MAX_SWAPS = 50

describe('btrfs', () => {
  beforeAll(() => requirePackages(['btrfs-progs']))

  it('answers with the digest of the bytes where two subvolumes have swapped their device numbers', async () => {
    const place = await createPlace()
    const [image, whole] = [join(place.disk, 'image'), join(place.disk, 'whole')]
    const [one, two] = [join(place.disk, 'one'), join(place.disk, 'two')]
    for (const at of [whole, one, two]) mkdirSync(at)
    writeFileSync(image, '')
    truncateSync(image, IMAGE_BYTES)
    await run('mkfs.btrfs', '-q', image)
    const device = (await run('losetup', '-f', '--show', image)).trim()
    await mount(whole, 'mount', device, whole)
    for (const name of ['one', 'two']) {
      await run('btrfs', '-q', 'subvolume', 'create', join(whole, name))
      writeFileSync(join(whole, name, 'file'), name)
      utimesSync(join(whole, name, 'file'), TIME_S, TIME_S)
    }
    await unmount(whole)

    async function mountAll(...points: readonly string[]): Promise<string[]> {
      for (const at of points) {
        await mount(at, 'mount', '-o', `subvol=${at === one ? 'one' : 'two'}`, device, at)
        lstatSync(join(at, 'file'))
      }
      return [one, two].map((at) => String(lstatSync(join(at, 'file')).dev))
    }

    const numbers = await mountAll(one, two)
    const asked = openBoth(one, two, place.index)
    try {
      for (const pause of [QUIET_MS, QUIET_MS]) {
        await setTimeout(pause)
        expect(await asked.ask('file')).toMatchObject({ digest: toDigest('one'), agreement: 'conflict' })
      }
      await asked.stop()
      // The next mount on the machine takes a number: another program may have taken one.
      let now = numbers
      for (let attempt = 0; attempt < MAX_SWAPS && now.join() !== numbers.toReversed().join(); attempt++) {
        for (const at of [one, two]) await unmount(at)
        now = await mountAll(two, one)
      }
      expect(now).toEqual(numbers.toReversed())
      asked.start()
      expect(await asked.ask('file')).toMatchObject({ digest: toDigest('one'), agreement: 'conflict' })
    } finally {
      await asked.stop()
      for (const at of [one, two]) await unmount(at)
      await run('losetup', '-d', device)
      await place.close()
    }
  })
})
