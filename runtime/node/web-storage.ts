import { createObjectStorage } from '../../functions/storage/object-storage.ts'
import { type Places, toWebPlaces } from '../../functions/storage/overlap.ts'
import { createStaticWeb } from '../../functions/storage/static-web.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { createHasher } from './hasher.ts'
import { createSend, type SendOptions } from './http-client.ts'
import type { IndexState } from './index-health.ts'
import { openObjectDigests } from './object-digests.ts'

export interface WebStorageOptions extends SendOptions {
  /** The directory of the digest indexes; null where digests are remembered in memory only. */
  readonly indexPath: string | null
  /** Called with one line when the digest index cannot be used, or can be used again. */
  readonly onNotice: (line: string) => void
}

/** A store of objects, open. Who opened it closes it. */
export interface OpenedStore extends IndexState {
  readonly storage: Storage
  /** Where its objects lie. */
  readonly places: Places
  close(): void
}

/** The storage over a static web server, `url` ending in a slash. */
export function openWebStorage(
  url: string,
  { indexPath, onNotice, ...send }: WebStorageOptions,
): OpenedStore {
  const cache = openObjectDigests(indexPath, `static ${url}`, onNotice)
  const objects = createStaticWeb(url, { fetch: createSend(send) })
  return {
    storage: createObjectStorage(objects, { createHasher, cache }),
    places: toWebPlaces(url),
    isIndexAvailable: cache.isIndexAvailable,
    close: cache.close,
  }
}
