import { createObjectStorage } from '../../../functions/storage/objects/object-storage.ts'
import { type Places, toStorePlaces } from '../../../functions/storage/overlap.ts'
import type { WritableStorage } from '../../../functions/storage/storage.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import { createHasher } from '../hasher.ts'
import { openObjectDigests } from '../objects/object-digests.ts'
import type { OpenedStore, StoreOptions } from '../objects/open-stores.ts'
import { createRcloneObjects } from './rclone-objects.ts'
import type { Environment } from './rclone-process.ts'
import { parseFs, readRemote } from './rclone-remotes.ts'
import { openRclone, type RcloneFs } from './rclone-server.ts'
import { formatRcloneWord, type RcloneWord } from './rclone-word.ts'

interface RcloneOptions extends Pick<StoreOptions, 'indexPath' | 'onNotice'> {
  /** The environment of rclone; replicas with the same one share an rclone. */
  readonly env: Environment
  /** Whether the storage has `put` and `restore`, which refuse every write with the reason. */
  readonly writable?: boolean | undefined
}

/** An open directory of a remote of rclone. */
export interface OpenedRclone extends OpenedStore {
  /** The directory of this machine that it is; null for any other remote. */
  readonly directory: string | null
}

/**
 * Opens the storage over a remote of rclone. It cannot be written to. Throws a UserError when there is no
 * rclone, it is too old or does not start, or the remote is not configured or answers from a memory of its
 * own.
 */
export async function openRcloneStorage(word: RcloneWord, options: RcloneOptions): Promise<OpenedRclone> {
  const { env, indexPath, onNotice, writable = false } = options
  const server = await openRclone(env)
  try {
    const remote = await readRemote(server, env, word)
    const cache = openObjectDigests(indexPath, `rclone ${formatRcloneWord(word)}`, onNotice)
    const objects = createRcloneObjects(server, remote, { env, cache })
    const storage = createObjectStorage(objects, { createHasher, cache })
    return {
      index: cache,
      storage: writable ? { ...storage, ...REFUSING } : storage,
      places: toPlaces(remote.fs),
      directory: remote.directory ?? null,
      async close() {
        cache.close()
        await server.close()
      },
    }
  } catch (error) {
    await server.close()
    throw error
  }
}

const REFUSING: Pick<WritableStorage, 'put' | 'restore'> = {
  async put(_name, body) {
    await body.cancel()
    throw refusal()
  },
  async restore() {
    throw refusal()
  },
}

function refusal(): StorageError {
  const message =
    'rclone writes without conditions, so that a change of another program could be lost; write to this replica in another way'
  return new StorageError('read-only', message)
}

function toPlaces(fs: RcloneFs): Places {
  const { name, path } = parseFs(fs)
  return toStorePlaces(`rclone ${name}:`, path === '' ? '' : `${path}/`)
}
