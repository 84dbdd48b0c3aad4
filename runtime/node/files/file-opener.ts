import { closeSync, fstatSync, openSync } from 'node:fs'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from './directory.ts'
import { toIdentity } from './identity.ts'
import { FILE_FLAGS, openFile, type RegularFile } from './regular-file.ts'
import { isOnMount, type Place, toPath } from './root.ts'

/** Opens files in turn, on the calling thread. A directory stays open for its files, and is checked once. */
export function createFileOpener(place: Place) {
  let held: { readonly parent: string; readonly fd: number } | null = null

  /** Closes the directory, which might be moved meanwhile: called before a pause, and at the end. */
  function rest(): void {
    if (held !== null) closeSync(held.fd)
    held = null
  }

  function hold(parent: string): number | null {
    if (held?.parent === parent) return held.fd
    rest()
    const path = toPath(place, parent)
    const fd = openSync(path, DIRECTORY_FLAGS)
    held = { parent, fd }
    if (isAt({ fd }, path)) return fd
    rest()
    return null
  }

  /** Null where `openFile` has to check. */
  function openPlain(name: string): RegularFile | null {
    const end = name.lastIndexOf('/')
    try {
      const parent = hold(name.slice(0, Math.max(end, 0)))
      if (parent === null) return null
      return keepRegular(openSync(`/proc/self/fd/${parent}/${name.slice(end + 1)}`, FILE_FLAGS))
    } catch {
      // `openFile` reports the error.
      return null
    }
  }

  /** Returns a regular file on the root's device; closes any other. */
  function keepRegular(fd: number): RegularFile | null {
    let kept: RegularFile | null = null
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (stats.isFile() && stats.dev === place.device) kept = { fd, identity: toIdentity(stats) }
      return kept
    } finally {
      if (kept === null) closeSync(fd)
    }
  }

  return {
    /** Like `openFile`. */
    open: (name: string): RegularFile | null =>
      (hasDescriptorPaths() && !isOnMount(place, name) ? openPlain(name) : null) ?? openFile(place, name),
    rest,
  }
}
