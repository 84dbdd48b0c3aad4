import { LRUCache } from 'lru-cache'
import { MAX_HANDLES, MAX_STREAMS } from './limits.ts'
import type { OpenFile } from './open-file.ts'
import type { TreeEntry } from './tree.ts'

/** What programs have open, by numbers, of which none is used twice. */
export interface Handles {
  readonly isFull: boolean
  addFile(file: OpenFile): number
  addFolder(entries: readonly TreeEntry[]): number
  /** Undefined for what is not open. */
  findFile(handle: number): OpenFile | undefined
  findFolder(handle: number): readonly TreeEntry[] | undefined
  close(handle: number): void
  closeAll(): void
}

export function createHandles(): Handles {
  const files = new Map<number, OpenFile>()
  const folders = new Map<number, readonly TreeEntry[]>()
  // Those that were read from last.
  const busy = new LRUCache<number, OpenFile>({ max: MAX_STREAMS, dispose: (file) => file.rest() })
  let last = 0

  function close(handle: number): void {
    files.get(handle)?.rest()
    busy.delete(handle)
    files.delete(handle)
    folders.delete(handle)
  }

  return {
    get isFull() {
      return files.size + folders.size >= MAX_HANDLES
    },
    addFile(file) {
      files.set(++last, file)
      busy.set(last, file)
      return last
    },
    addFolder(entries) {
      folders.set(++last, entries)
      return last
    },
    findFile(handle) {
      const file = files.get(handle)
      if (file !== undefined && busy.get(handle) === undefined) busy.set(handle, file)
      return file
    },
    findFolder: (handle) => folders.get(handle),
    close,
    closeAll() {
      for (const handle of [...files.keys(), ...folders.keys()]) close(handle)
    },
  }
}
