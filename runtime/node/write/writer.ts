import { requireName } from '../../../functions/storage/names.ts'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import type { Modes } from '../../../functions/wire/attributes.ts'
import { closedError } from '../../../functions/wire/errors.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { Disk } from '../disk/disk.ts'
import { toIoError } from '../files/errno.ts'
import { createReaderBelow, type FileReader } from '../files/file-reader.ts'
import type { Located } from '../mounts/located.ts'
import { makeMarker } from '../mounts/marker.ts'
import { noteTop, readTops } from '../mounts/tops.ts'
import { createFileWriter } from './file-writer.ts'
import type { Writing } from './keep-replaced.ts'
import { createLinkProbe } from './link-probe.ts'
import { createLocks } from './locks.ts'
import { moveFile } from './move-file.ts'
import { createTempFileOwners } from './temp-files.ts'

/** Writes to one storage, which may lie on several file systems. */
export interface Writer extends Required<Pick<WritableStorage, 'put' | 'restore' | 'move'>> {
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
  const prepare = createPrepare(owners)
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()

  /** Runs `write` on the file system of the name, with the name below the top of that, and its top. */
  async function begin<T>(
    name: string,
    write: (writing: Writing, rest: string, top: string) => Promise<T>,
  ): Promise<T> {
    const located = await disk.locate(requireName(name))
    requireNoOther(name, located)
    const { top } = located
    return await owners.use(located, async (root, tempFiles) => {
      const writing: Writing = {
        root,
        reader: createReaderBelow(reader, top),
        tempFiles,
        links,
        lock: (key, work) => lock(`${top}/${key}`, work),
        prepare: () => prepare(located),
        requireListed: async () => requireNoOther(name, await disk.locate(name)),
      }
      return await write(writing, toRest(name, top), top)
    })
  }

  async function tidyTop(top: string): Promise<void> {
    const located = await disk.locate(top === '' ? '' : `${top}/x`)
    await owners.use(located, (_root, tempFiles) => tempFiles.tidy())
  }

  async function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work)
    try {
      return await work
    } catch (error) {
      throw toIoError(error, 'written')
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
        const write = begin(name, async (writing, rest) => {
          const modes = toRestModes(options.modes, name, rest)
          return await createFileWriter(writing).put(rest, body, { ...options, modes, signal })
        })
        return await track(write)
      } catch (error) {
        // A writer cancels the body too, and a second cancellation is rejected.
        await body.cancel(error).catch(() => {})
        throw error
      }
    },
    async restore(name, options) {
      const signal = toSignal(options.signal)
      const write = begin(name, (writing, rest) =>
        createFileWriter(writing).restore(rest, { ...options, signal }),
      )
      return await track(write)
    },
    async move(from, to, options) {
      const signal = toSignal(options.signal)
      const write = begin(to, async (writing, rest, top) => {
        const located = await disk.locate(requireName(from))
        requireNoOther(from, located)
        if (located.top !== top) throw elsewhere(from, to)
        const modes = toRestModes(options.modes, to, rest)
        await moveFile(writing, toRest(from, top), rest, { ...options, modes, signal })
      })
      await track(write)
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

/** Makes the marker by which this directory is recognized, and notes where it keeps replaced files. */
function createPrepare(owners: ReturnType<typeof createTempFileOwners>) {
  const noted = new Set<string>()
  return async ({ place, top }: Located): Promise<void> => {
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
}

/** The name below the top of its file system. */
function toRest(name: string, top: string): string {
  return top === '' ? name : name.slice(top.length + 1)
}

/** One for each segment, without those of the file system's top and above, which exist. */
function toRestModes(modes: Modes | undefined, name: string, rest: string): Modes | undefined {
  return modes?.slice(name.split('/').length - rest.split('/').length)
}

function elsewhere(from: string, to: string): StorageError {
  const message = `'${from}' and '${to}' lie on two file systems of this replica, between which nothing is moved; plan without moves, to copy`
  return new StorageError('unreadable', message)
}

/** Throws `unreadable` when the file system finds another file by the name. */
function requireNoOther(name: string, { other }: Located): void {
  if (other === null) return
  const what = other === name ? 'another name' : `'${other}'`
  const message = `this file system takes '${name}' for ${what}, which is there; rename one of the two`
  throw new StorageError('unreadable', message)
}
