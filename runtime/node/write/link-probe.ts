import { link, lstat } from 'node:fs/promises'
import { isWithoutLinks } from '../files/errno.ts'
import { isSameContent, toIdentity } from '../files/identity.ts'
import type { Root } from '../files/root.ts'
import type { TempFiles } from './temp-files.ts'

export type LinkProbe = ReturnType<typeof createLinkProbe>

/**
 * Finds out whether a hard link at once has the inode, size and time of its file, by which it is recognized.
 * On sshfs, mergerfs and unionfs-fuse it has another inode, on gocryptfs another size for a second.
 */
export function createLinkProbe() {
  const found = new Map<string, boolean>()
  return {
    /** Found out once for each file system, with two temporary files. */
    async showsLinks(root: Root, tempFiles: TempFiles): Promise<boolean> {
      const known = found.get(toKey(root))
      if (known !== undefined) return known
      const shown = await probe(tempFiles)
      found.set(toKey(root), shown)
      return shown
    },
    /** Tests again next time: another file system may lie there by now. */
    forget: (root: Root) => void found.delete(toKey(root)),
  }
}

function toKey({ place }: Root): string {
  return `${place.device}:${place.inode}:${place.path}`
}

async function probe(tempFiles: TempFiles): Promise<boolean> {
  return await tempFiles.withFile(async ({ handle, path }) => {
    // An empty file is as large encrypted as not.
    await handle.writeFile('vouch')
    await handle.sync()
    return await tempFiles.withPath(async (other) => {
      const before = toIdentity(await lstat(path, { bigint: true }))
      try {
        await link(path, other)
      } catch (error) {
        if (isWithoutLinks(error)) return false
        throw error
      }
      return isSameContent(toIdentity(await lstat(other, { bigint: true })), before)
    })
  })
}
