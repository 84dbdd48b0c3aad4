import { lstatSync, opendirSync } from 'node:fs'
import { attempt } from '../../../functions/wire/attempt.ts'
import { MAX_FILES_HERE, READ_BYTES } from '../limits.ts'
import { resolveNear } from '../mounts/lineage.ts'
import { findMount, isAtOrBelow, readMountEntries } from '../mounts/mounts.ts'

/**
 * File systems of disks and of memory. The others may wait for a network, or for a program that stands still.
 */
const LOCAL: readonly string[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'overlay']

/**
 * Whether the directory `path` (absolute) and all that is mounted below it lie on disks of this machine, so
 * that a call to them may block a thread that answers others. False where that cannot be determined. Touches
 * no other file system.
 */
export function isOnLocalDisk(path: string): boolean {
  const mounts = readMountEntries()
  if (mounts === null) return false
  // The last mount at a point covers those before.
  const kinds = new Map(mounts.map(({ point, kind }) => [point, kind]))
  const isElsewhere = (path: string) => {
    const kind = kinds.get(path)
    return kind !== undefined && !LOCAL.includes(kind)
  }
  const found = attempt(() => resolveNear(path, isElsewhere))
  if (found === null || findMount(found, mounts) === null) return false
  return mounts.every(({ point }) => !isElsewhere(point) || !isAtOrBelow(point, found))
}

/**
 * Whether the tree at `path` has no more than `MAX_FILES_HERE` entries, none of them large, so that it is
 * read sooner than a thread starts. Blocks the calling thread. False for one that cannot be read.
 */
export function isSmallTree(path: string): boolean {
  let room = MAX_FILES_HERE
  const isSmall = (directory: string): boolean => {
    const entries = opendirSync(directory)
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (room-- === 0) return false
        const below = `${directory}/${entry.name}`
        if (entry.isDirectory() ? !isSmall(below) : entry.isFile() && lstatSync(below).size > READ_BYTES)
          return false
      }
      return true
    } finally {
      entries.closeSync()
    }
  }
  try {
    return isSmall(path)
  } catch {
    return false
  }
}
