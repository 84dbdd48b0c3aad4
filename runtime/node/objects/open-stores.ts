import { createObjectStorage } from '../../../functions/storage/objects/object-storage.ts'
import { type Places, toStorePlaces, toWebPlaces } from '../../../functions/storage/overlap.ts'
import type { Storage } from '../../../functions/storage/storage.ts'
import { createStaticWeb } from '../../../functions/storage/web/static-web.ts'
import { createS3Objects } from '../../s3/objects.ts'
import { type S3Word, toPlace } from '../../s3/place.ts'
import type { IndexState } from '../digests/index-health.ts'
import { createHasher } from '../hasher.ts'
import { createSend, type SendOptions } from '../http/http-client.ts'
import { readAwsSettings } from './aws-settings.ts'
import { openObjectDigests } from './object-digests.ts'

export interface StoreOptions extends SendOptions {
  /** The directory of the digest indexes; null where digests are remembered in memory only. */
  readonly indexPath: string | null
  /** Called with one line when the digest index cannot be used, or can be used again. */
  readonly onNotice: (line: string) => void
}

interface S3StorageOptions extends StoreOptions {
  /** The environment that `readAwsSettings` reads. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly writable: boolean
}

/** An open store. The caller that opened it closes it. */
export interface OpenedStore {
  readonly storage: Storage
  /** Where its files lie. */
  readonly places: Places
  /** Its digest index, for metrics; absent when it needs none. */
  readonly index?: IndexState
  /**
   * The storage to use instead beside these, which are compared with it; absent where it makes no difference.
   * A list of other sums asks them which contents have its sums.
   */
  beside?(others: readonly Storage[]): Storage
  /** Gives back what it holds. May be called twice. */
  close(): void | Promise<void>
}

/** Opens the storage over a static web server; `url` ends in a slash. */
export function openWebStorage(url: string, { indexPath, onNotice, ...send }: StoreOptions): OpenedStore {
  const cache = openObjectDigests(indexPath, `static ${url}`, onNotice)
  const objects = createStaticWeb(url, { fetch: createSend(send) })
  return {
    storage: createObjectStorage(objects, { createHasher, cache }),
    places: toWebPlaces(url),
    index: cache,
    close: cache.close,
  }
}

/** Opens the storage over a bucket; throws a UserError when there are no credentials for it. */
export function openS3Storage(word: S3Word, options: S3StorageOptions): OpenedStore {
  const { env, indexPath, writable, onNotice, ...send } = options
  const { credentials, ...settings } = readAwsSettings(env)
  const place = toPlace(word, settings)
  const { root } = word
  const address = `s3 ${place.endpoint} ${place.bucket}`
  // Its keys are whole, so that all prefixes of one bucket share it.
  const cache = openObjectDigests(indexPath, address, onNotice)
  const objects = createS3Objects({ ...place, root, credentials, fetch: createSend(send) })
  const storage = createObjectStorage(objects, { createHasher, cache, root, writable })
  return { storage, places: toStorePlaces(address, root), index: cache, close: cache.close }
}
