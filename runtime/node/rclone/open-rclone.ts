import { createObjectStorage } from '../../../functions/storage/objects/object-storage.ts'
import { type Places, toStorePlaces } from '../../../functions/storage/overlap.ts'
import { createHasher } from '../hasher.ts'
import { openObjectDigests } from '../objects/object-digests.ts'
import type { OpenedStore, StoreOptions } from '../objects/open-stores.ts'
import { createRcloneObjects } from './rclone-objects.ts'
import type { Environment } from './rclone-process.ts'
import { formatRcloneWord, parseFs, type RcloneWord, readRemote } from './rclone-remotes.ts'
import { openRclone, type RcloneFs } from './rclone-server.ts'

interface RcloneOptions extends Pick<StoreOptions, 'indexPath' | 'onNotice'> {
  /** The environment of rclone; replicas with the same one share an rclone. */
  readonly env: Environment
}

/** An open directory of a remote of rclone. */
export interface OpenedRclone extends OpenedStore {
  /** The directory of this machine that it is; null for any other remote. */
  readonly directory: string | null
}

/**
 * Opens the storage over a remote of rclone. It cannot be written to. Throws a UserError when there is no rclone, it
 * is too old or does not start, or the remote is not configured or answers from a memory of its own.
 */
export async function openRcloneStorage(word: RcloneWord, options: RcloneOptions): Promise<OpenedRclone> {
  const { env, indexPath, onNotice } = options
  const server = await openRclone(env)
  try {
    const remote = await readRemote(server, env, word)
    const cache = openObjectDigests(indexPath, `rclone ${formatRcloneWord(word)}`, onNotice)
    return {
      index: cache,
      storage: createObjectStorage(createRcloneObjects(server, remote, cache), { createHasher, cache }),
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

function toPlaces(fs: RcloneFs): Places {
  const { name, path } = parseFs(fs)
  return toStorePlaces(`rclone ${name}:`, path === '' ? '' : `${path}/`)
}
