import { lstatSync, opendirSync, realpath } from 'node:fs'
import { withTimeout } from '../../../functions/wire/limit.ts'
import { LOCAL_DISK_MS, MAX_FILES_HERE, READ_BYTES } from '../limits.ts'
import { findMount, isAtOrBelow, readMountEntries } from '../mounts/mounts.ts'

/**
 * File systems of disks and of memory. The others may wait for a network, or for a program that stands still.
 */
const LOCAL: readonly string[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'overlay']

/**
 * Whether the directory `path` and all that is mounted below it lie on disks of this machine, so that a call
 * to them may block a thread that answers others. False where that cannot be determined.
 */
export async function isOnLocalDisk(path: string): Promise<boolean> {
  const { promise: resolved, resolve } = Promise.withResolvers<string | undefined>()
  realpath.native(path, (_error, found) => resolve(found))
  const found = await withTimeout(LOCAL_DISK_MS, resolved)
  if (found === undefined) return false
  const mounts = readMountEntries() ?? []
  const holder = findMount(found, mounts)
  const below = mounts.filter(({ point }) => point !== found && isAtOrBelow(point, found))
  return holder !== null && [holder, ...below].every(({ kind }) => LOCAL.includes(kind))
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
