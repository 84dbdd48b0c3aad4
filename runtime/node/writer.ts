import { requireName } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Disk } from './disk.ts'
import { removeStaleDrafts } from './drafts.ts'
import { toIoError } from './errno.ts'
import { createReaderBelow, type FileReader } from './file-reader.ts'
import { createFileWriter } from './file-writer.ts'
import { createRoot, type Located } from './located.ts'
import { createLocks } from './locks.ts'
import { makeMarker } from './marker.ts'
import { noteTop, readTops } from './tops.ts'

/** Writes to one storage, which may lie on several file systems. */
export interface Writer extends Pick<Storage, 'put' | 'restore'> {
  /** See `removeStaleDrafts`; on every file system that was written to. */
  tidy(now: number): Promise<void>
}

/** Reads through `reader`, and has `disk` find where names are to be written; their owner closes both. */
export function createWriter(disk: Disk, reader: FileReader): Writer {
  const lock = createLocks()
  const noted = new Set<string>()

  /** A writer on the file system where the name is to be, and the name from its top on. */
  async function begin(name: string) {
    const located = await disk.locate(requireName(name))
    requireNoOther(name, located)
    const { top } = located
    await prepare(located)
    const writer = createFileWriter(createRoot(located), {
      reader: createReaderBelow(reader, top),
      lock: (key, work) => lock(`${top}/${key}`, work),
      requireListed: async () => requireNoOther(name, await disk.locate(name)),
    })
    return { writer, rest: top === '' ? name : name.slice(top.length + 1) }
  }

  /** So that this directory is known again, and what it keeps is found. */
  async function prepare({ place, top }: Located): Promise<void> {
    const root = createRoot({ place, top: '', device: place.device, inode: place.inode })
    if (!place.isMarked) await makeMarker(root)
    if (top !== '' && !noted.has(top)) await noteTop(root, top)
    noted.add(top)
  }

  return {
    async put(name, body, options) {
      try {
        const { writer, rest } = await begin(name)
        // One for each segment; those of the file system's top and above are there already.
        const modes = options.modes?.slice(name.split('/').length - rest.split('/').length)
        return await writer.put(rest, body, { ...options, modes })
      } catch (error) {
        // A writer cancels it too, and cancelling twice is refused.
        await body.cancel(error).catch(() => {})
        throw toIoError(error, 'written')
      }
    },
    async restore(name, options) {
      const { writer, rest } = await begin(name)
      return await writer.restore(rest, options)
    },
    async tidy(now) {
      const { place } = await disk.locate('')
      for (const top of ['', ...readTops(place)]) {
        const located = top === '' ? { place, top, ...place } : await disk.locate(`${top}/x`)
        await removeStaleDrafts(createRoot(located), now)
      }
    },
  }
}

/** Throws `unreadable` when the file system takes the name for another one that is there. */
function requireNoOther(name: string, { other }: Located): void {
  if (other === null) return
  const what = other === name ? 'another name' : `'${other}'`
  throw new StorageError(
    'unreadable',
    `this file system takes '${name}' for ${what}, which is there; rename one of the two`,
  )
}
