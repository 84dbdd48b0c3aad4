import { createDrafts, type Drafts } from './drafts.ts'
import { createRoot, type Located } from './located.ts'
import type { Root } from './root.ts'

/** The drafts of one storage on each of the file systems that it writes to. */
export interface DraftOwners {
  /**
   * Runs `work` on the file system of what was located. Works that run there at once share its drafts, whose lock is given
   * back when the last of them ends: an open file would keep the file system from being unmounted.
   */
  use<T>(located: Omit<Located, 'other'>, work: (root: Root, drafts: Drafts) => Promise<T>): Promise<T>
}

interface Owner {
  readonly drafts: Drafts
  /** How many works are under way. */
  works: number
}

/** Locks a file system's drafts when the first is made there. */
export function createDraftOwners(): DraftOwners {
  const owners = new Map<string, Owner>()

  return {
    async use(located, work) {
      const { place, device, inode } = located
      const root = createRoot(located)
      // What `root` opens: two roots of one key open the same directory.
      const key = `${place.device}:${place.inode}:${device}:${inode}:${root.place.path}`
      const owner = owners.get(key) ?? { drafts: createDrafts(root), works: 0 }
      owners.set(key, owner)
      owner.works++
      try {
        return await work(root, owner.drafts)
      } finally {
        if (--owner.works === 0) {
          owners.delete(key)
          // The lock is given back even where the directory that it lies in is gone.
          await owner.drafts.close().catch(() => {})
        }
      }
    },
  }
}
