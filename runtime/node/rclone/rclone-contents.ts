import { createHash } from 'node:crypto'
import { type Chunks, checked } from '../../../functions/bytes/chunks.ts'
import type { ObjectInfo } from '../../../functions/storage/objects/objects.ts'
import { mapErrors, type Reply } from '../../../functions/storage/remote/replies.ts'
import { isDigest } from '../../../functions/wire/digest.ts'
import { changedError, changedWhileReadError } from '../../../functions/wire/errors.ts'
import { type ByteRange, parseContentRange } from '../../../functions/wire/fields/ranges.ts'
import { StorageError } from '../../../functions/wire/storage-error.ts'
import type { RcloneItem } from './rclone-server.ts'
import { type Traits, VERIFIABLE } from './rclone-traits.ts'

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

/** The body of the whole file, or of the part asked for; rejects for any other answer. */
export async function readBody(reply: Reply, size: number, range: ByteRange | undefined): Promise<Chunks> {
  const { status, headers, body } = reply
  const part = parseContentRange(headers.get('Content-Range') ?? '')
  const isWanted =
    range === undefined
      ? status === 200
      : status === 206 && part?.offset === range.offset && part.length === range.length && part.size === size
  if (isWanted && body !== null) return mapErrors(body)
  await body?.cancel()
  if (status === 200 || status === 206)
    throw changedError('rclone sends another part of the file than asked for')
  throw new StorageError('unreachable', `rclone could not read the file (status ${status})`)
}

/**
 * `whole`; errors with `changed` unless it has the hash of its version. Null where that cannot be computed.
 */
export function prove(whole: Chunks, version: string | null, { hash }: Traits): Chunks | null {
  if (version === null || hash === null || !VERIFIABLE.includes(hash)) return null
  const hasher = createHash(hash)
  return checked(whole, {
    pass: (chunk) => void hasher.update(chunk),
    end() {
      if (!version.endsWith(` ${hasher.digest('hex')}`)) throw changedWhileReadError()
    },
  })
}
