import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import { StorageError } from '../../functions/wire/trouble.ts'
import type { Content } from './disk-messages.ts'
import { isSame, isSettled, toIdentity } from './identity.ts'
import { READ_BYTES } from './limits.ts'
import type { RegularFile } from './regular-file.ts'

export interface HashOptions {
  /** Asked before every read. */
  readonly isStopped: () => boolean
  /** Called after every read, with the bytes that were read so far. */
  readonly onRead: (bytes: number) => void
}

const buffer = new Uint8Array(READ_BYTES)

/** Hashes an open file on the calling thread; null when it is stopped, or when the file does not keep still for that. */
export function hashFile({ fd, identity }: RegularFile, now: number, options: HashOptions): Content | null {
  const hash = createHash('sha256')
  for (let position = 0; position < identity.size; ) {
    if (options.isStopped()) return null
    const read = readSync(fd, buffer, 0, Math.min(READ_BYTES, identity.size - position), position)
    if (read === 0) return null
    hash.update(buffer.subarray(0, read))
    position += read
    options.onRead(position)
  }
  const after = toIdentity(fstatSync(fd, { bigint: true }))
  if (!isSame(after, identity)) return null
  return { identity, digest: hash.digest('hex'), settled: isSettled(identity, now) }
}

/** The file is no longer what it was when it was read. */
export function changed(): StorageError {
  return new StorageError('changed', 'the file changed while it was read')
}
