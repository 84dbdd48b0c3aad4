import type { ObjectInfo } from '../../../functions/storage/objects/objects.ts'
import { isDigest } from '../../../functions/wire/digest.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { RcloneItem } from './rclone-server.ts'

/** What rclone tells of a file by its entry alone: another one has another state, mostly. */
export function toState({ Size, ModTime }: RcloneItem): string {
  return `${Size} ${ModTime}`
}

/**
 * The facts of a file, whose version is its state and `hash`, the kind that the item was asked for; it has
 * none without a hash. Throws `unreadable` for a file whose size rclone does not know, as a document of
 * Google's.
 */
export function toInfo(key: string, item: RcloneItem, hash: string | null): ObjectInfo {
  if (item.Size < 0) throw new StorageError('unreadable', 'rclone does not know the size of the file')
  const value = hash === null ? '' : (item.Hashes?.[hash] ?? '')
  const isVersion = value !== '' && item.ModTime !== ''
  const stored = hash === 'sha256' && isDigest(value) ? value : null
  const { Size: size } = item
  return {
    key,
    size,
    modified: toTime(item),
    version: isVersion ? `${toState(item)} ${value}` : null,
    stored,
  }
}

/** Milliseconds since 1970; null where there is no valid time. */
function toTime({ ModTime }: RcloneItem): number | null {
  const time = Date.parse(ModTime)
  return Number.isNaN(time) ? null : time
}
