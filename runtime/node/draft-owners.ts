import { createDrafts, type Drafts } from './drafts.ts'
import { createRoot, type Located } from './located.ts'
import type { Root } from './root.ts'

/** The drafts of one storage on each of the file systems that it writes to. */
export interface DraftOwners {
  /** Runs `work` on the file system of what was located. Its drafts stay owned at least until `work` ends. */
  use<T>(located: Omit<Located, 'other'>, work: (root: Root, drafts: Drafts) => Promise<T>): Promise<T>
  /** Gives all locks back. Called when no work is under way. */
  close(): Promise<void>
}

interface Owner {
  readonly top: string
  readonly drafts: Drafts
  readonly underWay: Set<symbol>
}

/** Locks a file system's drafts when the first is made there. */
export function createDraftOwners(): DraftOwners {
  const owners = new Map<string, Owner>()

  /** A root that was pointed elsewhere, or whose disk is another now: its drafts go once nothing is written there. */
  async function leaveOthers(key: string, top: string): Promise<void> {
    for (const [other, owner] of [...owners]) {
      if (other === key || owner.top !== top || owner.underWay.size > 0) continue
      owners.delete(other)
      await release(owner)
    }
  }

  return {
    async use(located, work) {
      const { top, device, inode } = located
      const root = createRoot(located)
      const key = `${device}:${inode}:${root.place.path}`
      const owner = owners.get(key) ?? { top, drafts: createDrafts(root), underWay: new Set<symbol>() }
      const one = Symbol(key)
      owners.set(key, owner)
      owner.underWay.add(one)
      try {
        await leaveOthers(key, top)
        return await work(root, owner.drafts)
      } finally {
        owner.underWay.delete(one)
      }
    },
    async close() {
      const all = [...owners.values()]
      owners.clear()
      await Promise.all(all.map(release))
    },
  }
}

/** The lock is given back even where the directory that it lies in is gone. */
async function release({ drafts }: Owner): Promise<void> {
  await drafts.close().catch(() => {})
}
