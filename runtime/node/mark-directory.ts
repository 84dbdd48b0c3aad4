import { resolve } from 'node:path'
import { createDrafts } from './drafts.ts'
import { type IndexNotice, openIndexFile, openNoIndexFile } from './index-file.ts'
import { toIndexFile } from './index-path.ts'
import { createRoot } from './located.ts'
import { makeMarker } from './marker.ts'
import { type Root, requireReadable, resolvePlace, toRefusedRoot } from './root.ts'
import { acceptRoot } from './root-guard.ts'

/** Where the digest index of the directory lies, and who hears that it cannot be used; see `DirectoryOptions`. */
export interface MarkOptions {
  readonly indexPath: string | null
  readonly onNotice: (line: string) => void
}

/**
 * Takes a directory as it is now: makes its marker where it has none, and has its index forget what was mounted there or
 * below it before. Resolves with the marker's id. Rejects when the directory cannot be written to.
 */
export async function markDirectory(path: string, { indexPath, onNotice }: MarkOptions): Promise<string> {
  const root = resolve(path)
  try {
    requireReadable(root)
  } catch (error) {
    throw toRefusedRoot(path, error)
  }
  const place = resolvePlace(root)
  await mark(createRoot({ place, top: '', device: place.device, inode: place.inode }))
  const tell = ({ notice }: IndexNotice) => void (notice !== null && onNotice(notice))
  const index = indexPath === null ? openNoIndexFile() : openIndexFile(toIndexFile(indexPath, root), tell)
  try {
    return acceptRoot(root, index)
  } finally {
    index.close()
  }
}

async function mark(root: Root): Promise<void> {
  const drafts = createDrafts(root)
  try {
    await makeMarker(root, drafts)
  } finally {
    await drafts.close()
  }
}
