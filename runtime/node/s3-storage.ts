import { createObjectStorage } from '../../functions/storage/object-storage.ts'
import { toStorePlaces } from '../../functions/storage/overlap.ts'
import { createS3Objects } from '../s3/objects.ts'
import { type S3Word, toPlace } from '../s3/place.ts'
import { readAwsSettings } from './aws-settings.ts'
import { createHasher } from './hasher.ts'
import { createSend } from './http-client.ts'
import { openObjectDigests } from './object-digests.ts'
import type { OpenedStore } from './web-storage.ts'

export interface S3StorageOptions {
  /** The environment that says what `readAwsSettings` reads. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The directory of the digest indexes; null where digests are remembered in memory only. */
  readonly indexPath: string | null
  readonly writable: boolean
  /** Milliseconds, as in `SendOptions`. */
  readonly connectMs?: number | undefined
  /** Called with one line when the digest index cannot be used, or can be used again. */
  readonly onNotice: (line: string) => void
}

/** The storage over the bucket that a word names; throws a Refusal when there is nothing to reach it with. */
export function openS3Storage(word: S3Word, options: S3StorageOptions): OpenedStore {
  const { env, indexPath, writable, connectMs, onNotice } = options
  const { credentials, ...settings } = readAwsSettings(env)
  const place = toPlace(word, settings)
  const { root } = word
  // Keys are whole in it, so that every prefix of one bucket shares what is remembered.
  const cache = openObjectDigests(indexPath, `s3 ${place.endpoint} ${place.bucket}`, onNotice)
  const objects = createS3Objects({ ...place, root, credentials, fetch: createSend({ connectMs }) })
  return {
    storage: createObjectStorage(objects, { createHasher, cache, root, writable }),
    places: toStorePlaces(`s3 ${place.endpoint} ${place.bucket}`, root),
    isIndexAvailable: cache.isIndexAvailable,
    close: cache.close,
  }
}
