import { lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { openBoth, toDigest } from './asked.ts'
import { mount, run, unmount } from './commands.ts'
import { createPlace, type Place, QUIET_MS } from './place.ts'
import { requirePackages } from './requirements.ts'

/** A kind of read-only image. */
interface ImageKind {
  readonly name: string
  readonly packages: readonly string[]
  /** The program and arguments that make it of a directory. */
  toMake(source: string, image: string): readonly [string, ...string[]]
  /** Those that mount it. The kernel is given a block device. */
  toMount(image: string, at: string): readonly string[]
  readonly isOfKernel: boolean
}

const SQUASH = ['-noappend', '-quiet', '-no-progress']
const EROFS = ['-T', '1600000000', '-U', '00000000-0000-4000-8000-000000000000']

const KINDS: readonly ImageKind[] = [
  {
    ...{ name: 'squashfs', packages: ['squashfs-tools'], isOfKernel: true },
    toMake: (source, image) => ['mksquashfs', source, image, ...SQUASH],
    toMount: (device, at) => ['mount', '-t', 'squashfs', '-o', 'ro', device, at],
  },
  {
    ...{ name: 'squashfuse', packages: ['squashfs-tools', 'squashfuse'], isOfKernel: false },
    toMake: (source, image) => ['mksquashfs', source, image, ...SQUASH],
    toMount: (image, at) => ['squashfuse', image, at],
  },
  {
    ...{ name: 'erofs', packages: ['erofs-utils'], isOfKernel: true },
    toMake: (source, image) => ['mkfs.erofs', ...EROFS, image, source],
    toMount: (device, at) => ['mount', '-t', 'erofs', '-o', 'ro', device, at],
  },
  {
    ...{ name: 'archivemount', packages: ['archivemount'], isOfKernel: false },
    toMake: (source, image) => ['tar', '-C', source, '-cf', image, 'file'],
    toMount: (image, at) => ['archivemount', '-o', 'readonly', image, at],
  },
]

const TIME_S = 1_600_000_000

/** An image at a place, of a directory with one file. */
function createImage({ toMake, toMount, isOfKernel }: ImageKind, { disk, root }: Place) {
  const [source, image] = [join(disk, 'source'), join(disk, 'image')]
  mkdirSync(source)
  let device: string | null = null

  return {
    async mount(text: string): Promise<void> {
      writeFileSync(join(source, 'file'), text)
      for (const path of [join(source, 'file'), source]) utimesSync(path, TIME_S, TIME_S)
      const [program, ...args] = toMake(source, image)
      await run(program, ...args)
      if (!isOfKernel) return await mount(root, ...toMount(image, root))
      // Another image on the device that the first one had.
      if (device === null) device = (await run('losetup', '-f', '--show', image)).trim()
      else await run('losetup', device, image)
      await mount(root, ...toMount(device, root))
    },
    async unmount(): Promise<void> {
      await unmount(root)
      if (device !== null) await run('losetup', '-d', device)
    },
  }
}

/** Everything that distinguishes a file from another without a read. */
function readStats(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

describe.concurrent.each(KINDS)('$name', (kind) => {
  beforeAll(() => requirePackages(kind.packages))

  it('answers with the digest of the bytes of an image that was made again and looks the same', async () => {
    const place = await createPlace()
    const image = createImage(kind, place)
    const file = join(place.root, 'file')
    writeFileSync(join(place.plain, 'file'), 'old')
    await image.mount('old')
    const asked = openBoth(place.root, place.plain, place.index)
    try {
      const before = readStats(file)
      for (const pause of [0, QUIET_MS]) {
        await setTimeout(pause)
        expect(await asked.ask('file')).toMatchObject({ digest: toDigest('old'), agreement: 'unanimous' })
      }
      await image.unmount()
      await image.mount('new')
      expect(readFileSync(file, 'utf8')).toBe('new')
      if (kind.isOfKernel) expect(readStats(file)).toBe(before)
      expect(await asked.ask('file')).toMatchObject({ digest: toDigest('new'), agreement: 'conflict' })
      await asked.stop()
      await image.unmount()
      await image.mount('two')
      asked.start()
      expect(await asked.ask('file')).toMatchObject({ digest: toDigest('two'), agreement: 'conflict' })
    } finally {
      await asked.stop()
      await image.unmount()
      await place.close()
    }
  })
})
