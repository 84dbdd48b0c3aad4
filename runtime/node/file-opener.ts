import { closeSync, fstatSync, openSync } from 'node:fs'
import { DIRECTORY_FLAGS, hasDescriptorPaths, isAt } from './directory.ts'
import { FILE_FLAGS, openFile, type RegularFile, toFile } from './regular-file.ts'
import { isOnMount, type Place, toPath } from './root.ts'

/**
 * Opens files one after the other, on the calling thread, most of them in the directory of the one before: that one is
 * held open and proved once, which costs less than to prove where each file is.
 */
export interface FileOpener {
  /** As `openFile`. */
  open(name: string): RegularFile | null
  /** Lets go of the directory, which might have been moved meanwhile: called before a pause, and at the end. */
  rest(): void
}

export function createFileOpener(place: Place): FileOpener {
  let held: { readonly parent: string; readonly fd: number } | null = null

  function rest(): void {
    if (held !== null) closeSync(held.fd)
    held = null
  }

  function hold(parent: string): number | null {
    if (held?.parent === parent) return held.fd
    rest()
    const path = parent === '' ? place.path : toPath(place, parent)
    const fd = openSync(path, DIRECTORY_FLAGS)
    held = { parent, fd }
    if (isAt({ fd }, path)) return fd
    rest()
    return null
  }

  /** Null where it is not as plain as that. */
  function openPlain(name: string): RegularFile | null {
    const end = name.lastIndexOf('/')
    try {
      const parent = hold(name.slice(0, Math.max(end, 0)))
      if (parent === null) return null
      return keepRegular(openSync(`/proc/self/fd/${parent}/${name.slice(end + 1)}`, FILE_FLAGS))
    } catch {
      // `openFile` tells what is wrong.
      return null
    }
  }

  /** The file, if it is a regular one on the root's device; else closes it. */
  function keepRegular(fd: number): RegularFile | null {
    let kept: RegularFile | null = null
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (stats.isFile() && stats.dev === place.device) kept = toFile(fd, stats)
      return kept
    } finally {
      if (kept === null) closeSync(fd)
    }
  }

  return {
    open: (name) =>
      (hasDescriptorPaths() && !isOnMount(place, name) ? openPlain(name) : null) ?? openFile(place, name),
    rest,
  }
}
