import { createHash } from 'node:crypto'
import { fdatasyncSync, fstatSync, readSync } from 'node:fs'
import { StorageError } from '../../functions/wire/trouble.ts'
import { findLack, type Knowledge } from './belief.ts'
import type { Content } from './disk-messages.ts'
import { isSame, toIdentity } from './identity.ts'
import { READ_BYTES } from './limits.ts'
import type { RegularFile } from './regular-file.ts'

export interface HashOptions extends Knowledge {
  /** Asked before every read. */
  readonly isStopped: () => boolean
  /** Called after every read, with the bytes that were read so far. */
  readonly onRead: (bytes: number) => void
}

const buffer = new Uint8Array(READ_BYTES)

/** Hashes an open file on the calling thread; null when it is stopped, or when the file does not keep still for that. */
export function hashFile(file: RegularFile, options: HashOptions): Content | null {
  const { fd, identity } = file
  const systemId = findSystem(file, options)
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
  return { identity, digest: hash.digest('hex'), readAt: Math.floor(options.now), systemId }
}

/** The file system of a file, where the digest of what is read from now on may be remembered; else null. */
function findSystem({ fd, identity }: RegularFile, knowledge: Knowledge): bigint | null {
  const lack = findLack(identity, knowledge)
  const isShown = lack === null || (lack === 'sync' && writeOut(fd))
  return isShown ? (knowledge.system?.id ?? null) : null
}

/** Has what was stored into a file through mappings written out, so that the next store shows. Returns whether it was. */
function writeOut(fd: number): boolean {
  try {
    fdatasyncSync(fd)
    return true
  } catch {
    // A disk that is full or failing: the digest is not remembered.
    return false
  }
}

/** The file is no longer what it was when it was read. */
export function changed(): StorageError {
  return new StorageError('changed', 'the file changed while it was read')
}
