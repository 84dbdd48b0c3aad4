import { requireName } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { createDescribe } from './directory-describe.ts'
import { listDirectory } from './directory-listing.ts'
import { createFileReader } from './file-reader.ts'
import { createFileWriter } from './file-writer.ts'
import { createRoot } from './root.ts'

export interface DirectoryOptions {
  /** Takes `put`; refused otherwise. */
  readonly writable?: boolean | undefined
  /** Milliseconds since 1970; the host's clock when absent. */
  readonly now?: (() => number) | undefined
}

/**
 * The files below the directory `path` as a storage. Throws an Error that names `path` when that is no directory. When
 * the directory goes away later, or the disk that it lies on, everything is `unreachable` until it is back.
 */
export function createDirectoryStorage(path: string, options: DirectoryOptions = {}): Storage {
  const root = createRoot(path)
  const reader = createFileReader(root, options.now ?? Date.now)
  const write = options.writable ? createFileWriter(root, reader) : refuseWrite

  return {
    describe: createDescribe(reader),
    open: reader.open,
    list: (list = {}) => listDirectory(root, list),
    async put(name, body, put) {
      try {
        return await write(name, body, put)
      } catch (error) {
        // A body that was being read when the write failed is cancelled or at its end already, and refuses this.
        await body.cancel(error).catch(() => {})
        throw error
      }
    },
  }
}

async function refuseWrite(name: string): Promise<never> {
  requireName(name)
  throw new StorageError('read-only', 'this directory was not opened for writing')
}
