import { requireName } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Disk } from './disk.ts'
import { createDraftOwners } from './draft-owners.ts'
import { toIoError } from './errno.ts'
import { createReaderBelow, type FileReader } from './file-reader.ts'
import { createFileWriter } from './file-writer.ts'
import { createLinkProbe } from './link-probe.ts'
import type { Located } from './located.ts'
import { createLocks } from './locks.ts'
import { makeMarker } from './marker.ts'
import { noteTop, readTops } from './tops.ts'

/** Writes to one storage, which may lie on several file systems. */
export interface Writer extends Pick<Storage, 'put' | 'restore'> {
  /** Removes the drafts of processes that have ended, on every file system that was written to. */
  tidy(): Promise<void>
  /** Gives up what is being written, and resolves when nothing of it is left. */
  close(): Promise<void>
}

/** Reads through `reader`, and has `disk` find where names are to be written; their owner closes both. */
export function createWriter(disk: Disk, reader: FileReader): Writer {
  const lock = createLocks()
  const links = createLinkProbe()
  const owners = createDraftOwners()
  const noted = new Set<string>()
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()

  /** Runs `write` with a writer on the file system where the name is to be, and the name from its top on. */
  async function begin<T>(
    name: string,
    write: (writer: Pick<Storage, 'put' | 'restore'>, rest: string) => Promise<T>,
  ): Promise<T> {
    const located = await disk.locate(requireName(name))
    requireNoOther(name, located)
    const { top } = located
    return await owners.use(located, async (root, drafts) => {
      const writer = createFileWriter(root, {
        reader: createReaderBelow(reader, top),
        drafts,
        links,
        lock: (key, work) => lock(`${top}/${key}`, work),
        prepare: () => prepare(located),
        requireListed: async () => requireNoOther(name, await disk.locate(name)),
      })
      return await write(writer, top === '' ? name : name.slice(top.length + 1))
    })
  }

  /** So that this directory is known again, and what it keeps is found. */
  async function prepare({ place, top }: Located): Promise<void> {
    const whole = { place, top: '', device: place.device, inode: place.inode }
    // The root may have been pointed elsewhere since.
    const key = `${place.device}:${place.inode}:${top}`
    if (place.isMarked && (top === '' || noted.has(key))) return
    await owners.use(whole, async (root, drafts) => {
      if (!place.isMarked) await makeMarker(root, drafts)
      if (top !== '') await noteTop(root, top)
    })
    noted.add(key)
  }

  async function tidyTop(top: string): Promise<void> {
    const located = await disk.locate(top === '' ? '' : `${top}/x`)
    await owners.use(located, (_root, drafts) => drafts.tidy())
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
          // One for each segment; those of the file system's top and above are there already.
          const modes = options.modes?.slice(name.split('/').length - rest.split('/').length)
          return await writer.put(rest, body, { ...options, modes, signal })
        })
        return await track(write)
      } catch (error) {
        // A writer cancels it too, and cancelling twice is refused.
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
      // One that is not mounted keeps no other from being tidied.
      const ended = await Promise.allSettled(['', ...readTops(place)].map(tidyTop))
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    },
    async close() {
      closing.abort(new StorageError('unreachable', 'the storage was closed'))
      await Promise.allSettled(underWay)
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
