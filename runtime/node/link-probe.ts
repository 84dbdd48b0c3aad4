import { link, lstat } from 'node:fs/promises'
import type { Drafts } from './drafts.ts'
import { isWithoutLinks } from './errno.ts'
import { isSameContent, toIdentity } from './identity.ts'
import type { Root } from './root.ts'

/**
 * Whether a hard link below the root is seen at once as the file that it is, by inode, size and time: what a link that is
 * made can be told by. On sshfs, mergerfs and unionfs-fuse it has another inode, on gocryptfs another size for a second.
 */
export interface LinkProbe {
  /** Found out once for each file system, with two drafts. */
  showsLinks(root: Root, drafts: Drafts): Promise<boolean>
  /** Has it found out again: another file system may lie there by now. */
  forget(root: Root): void
}

/** Remembers what was found. */
export function createLinkProbe(): LinkProbe {
  const found = new Map<string, boolean>()
  return {
    async showsLinks(root, drafts) {
      const known = found.get(toKey(root))
      if (known !== undefined) return known
      const shown = await probe(drafts)
      found.set(toKey(root), shown)
      return shown
    },
    forget: (root) => void found.delete(toKey(root)),
  }
}

function toKey({ place }: Root): string {
  return `${place.device}:${place.inode}:${place.path}`
}

async function probe(drafts: Drafts): Promise<boolean> {
  return await drafts.withDraft(async ({ handle, path }) => {
    // What is empty is as large encrypted as not.
    await handle.writeFile('vouch')
    await handle.sync()
    return await drafts.withPath(async (other) => {
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
