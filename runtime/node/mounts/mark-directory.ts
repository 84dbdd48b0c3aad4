import { resolve } from 'node:path'
import { type IndexNotice, openIndexFile } from '../digests/index-file.ts'
import { toIndexFile } from '../digests/index-path.ts'
import { requireReadable, resolvePlace, toRefusedRoot } from '../files/root.ts'
import { createTempFiles } from '../write/temp-files.ts'
import { createRoot } from './located.ts'
import { makeMarker } from './marker.ts'
import { acceptRoot } from './root-guard.ts'

/**
 * Accepts a directory in its present state: makes its marker where it has none, and its index forget what was
 * mounted there or below it. Resolves with the marker's id. Rejects when the directory cannot be written to.
 */
export async function markDirectory(
  path: string,
  { indexPath, onNotice }: { readonly indexPath: string | null; readonly onNotice: (line: string) => void },
): Promise<string> {
  const root = resolve(path)
  try {
    requireReadable(root)
  } catch (error) {
    throw toRefusedRoot(path, error)
  }
  const place = resolvePlace(root)
  const whole = createRoot({ place, top: '', device: place.device, inode: place.inode })
  const tempFiles = createTempFiles(whole)
  try {
    await makeMarker(whole, tempFiles)
  } finally {
    await tempFiles.close()
  }
  const report = ({ notice }: IndexNotice) => void (notice !== null && onNotice(notice))
  const index = openIndexFile(indexPath === null ? null : toIndexFile(indexPath, root), report)
  try {
    return acceptRoot(root, index)
  } finally {
    index.close()
  }
}
