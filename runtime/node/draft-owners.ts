import { createDrafts, type Drafts } from './drafts.ts'
import { createRoot, type Located } from './located.ts'
import type { Root } from './root.ts'

/**
 * Runs `work` on the file system of what was located. Its drafts are owned until the last work there has ended, and no
 * longer: an open lock would keep a disk from being unmounted.
 */
export type UseDrafts = <T>(
  located: Omit<Located, 'other'>,
  work: (root: Root, drafts: Drafts) => Promise<T>,
) => Promise<T>

interface Owner {
  readonly drafts: Drafts
  readonly underWay: Set<symbol>
}

/** The drafts of one storage on each of the file systems that it writes to. */
export function createDraftOwners(): UseDrafts {
  const owners = new Map<string, Owner>()

  return async (located, work) => {
    const root = createRoot(located)
    const key = `${located.device}:${located.inode}:${root.place.path}`
    const owner = owners.get(key) ?? { drafts: createDrafts(root), underWay: new Set<symbol>() }
    const one = Symbol(key)
    owners.set(key, owner)
    owner.underWay.add(one)
    try {
      return await work(root, owner.drafts)
    } finally {
      owner.underWay.delete(one)
      if (owner.underWay.size === 0) {
        owners.delete(key)
        // The lock is given back even where the directory that it lies in is gone.
        await owner.drafts.close().catch(() => {})
      }
    }
  }
}
