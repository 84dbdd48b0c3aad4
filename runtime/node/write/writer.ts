import { requireName } from '../../../functions/storage/names.ts'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import { closedError } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { Disk } from '../disk/disk.ts'
import { toIoError } from '../files/errno.ts'
import { createReaderBelow, type FileReader } from '../files/file-reader.ts'
import type { Located } from '../mounts/located.ts'
import { makeMarker } from '../mounts/marker.ts'
import { noteTop, readTops } from '../mounts/tops.ts'
import { createFileWriter } from './file-writer.ts'
import { createLinkProbe } from './link-probe.ts'
import { createLocks } from './locks.ts'
import { createTempFileOwners } from './temp-files.ts'

/** Writes to one storage, which may lie on several file systems. */
export interface Writer extends Pick<WritableStorage, 'put' | 'restore'> {
  /** Removes the temporary files of processes that have ended, on every file system that was written to. */
  tidy(): Promise<void>
  /** Aborts the writes under way, and resolves when they have cleaned up. */
  close(): Promise<void>
}

/** Reads through `reader`, and finds where names are to be written by `disk`; their owner closes both. */
export function createWriter(disk: Disk, reader: FileReader): Writer {
  const lock = createLocks()
  const links = createLinkProbe()
  const owners = createTempFileOwners()
  const noted = new Set<string>()
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()

  /** Runs `write` with a writer on the file system of the name, and the name below the top of that. */
  async function begin<T>(
    name: string,
    write: (writer: Pick<WritableStorage, 'put' | 'restore'>, rest: string) => Promise<T>,
  ): Promise<T> {
    const located = await disk.locate(requireName(name))
    requireNoOther(name, located)
    const { top } = located
    return await owners.use(located, async (root, tempFiles) => {
      const writer = createFileWriter({
        root,
        reader: createReaderBelow(reader, top),
        tempFiles,
        links,
        lock: (key, work) => lock(`${top}/${key}`, work),
        prepare: () => prepare(located),
        requireListed: async () => requireNoOther(name, await disk.locate(name)),
      })
      return await write(writer, top === '' ? name : name.slice(top.length + 1))
    })
  }

  /** Makes the marker by which this directory is recognized, and notes where it keeps replaced files. */
  async function prepare({ place, top }: Located): Promise<void> {
    const whole = { place, top: '', device: place.device, inode: place.inode }
    // The root may lead elsewhere by now.
    const key = `${place.device}:${place.inode}:${top}`
    if (place.isMarked && (top === '' || noted.has(key))) return
    await owners.use(whole, async (root, tempFiles) => {
      if (!place.isMarked) await makeMarker(root, tempFiles)
      if (top !== '') await noteTop(root, top)
    })
    noted.add(key)
  }

  async function tidyTop(top: string): Promise<void> {
    const located = await disk.locate(top === '' ? '' : `${top}/x`)
    await owners.use(located, (_root, tempFiles) => tempFiles.tidy())
  }

  async function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work)
    try {
      return await work
    } finally {
      underWay.delete(work)
    }
  }

  function toSignal(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any(signal ? [signal, closing.signal] : [closing.signal])
  }

  return {
    async put(name, body, options) {
      const signal = toSignal(options.signal)
      try {
        const write = begin(name, async (writer, rest) => {
          // One for each segment, without those of the file system's top and above, which exist.
          const modes = options.modes?.slice(name.split('/').length - rest.split('/').length)
          return await writer.put(rest, body, { ...options, modes, signal })
        })
        return await track(write)
      } catch (error) {
        // A writer cancels the body too, and a second cancellation is rejected.
        await body.cancel(error).catch(() => {})
        throw toIoError(error, 'written')
      }
    },
    async restore(name, options) {
      const signal = toSignal(options.signal)
      try {
        return await track(begin(name, (writer, rest) => writer.restore(rest, { ...options, signal })))
      } catch (error) {
        throw toIoError(error, 'written')
      }
    },
    async tidy() {
      const { place } = await disk.locate('')
      // One that is not mounted does not stop the others.
      const ended = await Promise.allSettled(['', ...readTops(place)].map(tidyTop))
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    },
    async close() {
      closing.abort(closedError())
      await Promise.allSettled(underWay)
    },
  }
}

/** Throws `unreadable` when the file system finds another file by the name. */
function requireNoOther(name: string, { other }: Located): void {
  if (other === null) return
  const what = other === name ? 'another name' : `'${other}'`
  const message = `this file system takes '${name}' for ${what}, which is there; rename one of the two`
  throw new StorageError('unreadable', message)
}
