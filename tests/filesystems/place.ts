import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mount, run, unmount } from './commands.ts'

/** Longer than `SETTLED_MS` in runtime/node/limits.ts, and a tick of FAT's clock. */
export const QUIET_MS = 4500

/** Long deadlines, since a busy machine is not a fault. */
export const DEADLINES = { silence: 120_000, answer: 120_000 }

const DISK_BYTES = 2 * 1024 ** 3

/** A directory for one file system: an ext4 of its own at `disk`, a mount point, and a plain directory. */
export interface Place {
  readonly disk: string
  readonly root: string
  readonly plain: string
  readonly index: string
  close(): Promise<void>
}

/** Creates a place. The caller closes it, once nothing is mounted at its root. */
export async function createPlace(): Promise<Place> {
  const home = mkdtempSync(join(tmpdir(), 'vouch-'))
  const [disk, root, plain, image] = [
    join(home, 'disk'),
    join(home, 'root'),
    join(home, 'plain'),
    join(home, 'image'),
  ]
  for (const directory of [disk, root, plain]) mkdirSync(directory)
  writeFileSync(image, '')
  truncateSync(image, DISK_BYTES)
  await run('mkfs.ext4', '-q', '-F', image)
  await mount(disk, 'mount', '-o', 'loop', image, disk)
  return {
    ...{ disk, root, plain, index: join(home, 'index') },
    async close() {
      await unmount(disk)
      rmSync(home, { recursive: true })
    },
  }
}
