import { createHash, type Hash, type Hmac } from 'node:crypto'
import { fdatasyncSync, readSync } from 'node:fs'
import type { Content } from '../disk/disk-messages.ts'
import { isSame, readIdentitySync } from '../files/identity.ts'
import type { RegularFile } from '../files/regular-file.ts'
import { READ_BYTES } from '../limits.ts'
import { findLack, type Knowledge } from './belief.ts'

interface ReadOptions {
  /** Called before every read. */
  readonly isStopped: () => boolean
  /** Called after every read, with the bytes read so far. */
  readonly onRead: (bytes: number) => void
}

const buffer = new Uint8Array(READ_BYTES)

/** Hashes an open file on the calling thread; null when it is stopped, or when the file changes meanwhile. */
export function hashFile(file: RegularFile, options: ReadOptions & Knowledge): Content | null {
  const systemId = findSystem(file, options)
  const digest = readInto(createHash('sha256'), file, options)
  if (digest === null) return null
  return { identity: file.identity, digest, readAt: Math.floor(options.now), systemId }
}

/** Reads a whole file into `hash`, and returns its result; null as for `hashFile`. */
export function readInto(
  hash: Hash | Hmac,
  { fd, identity }: RegularFile,
  { isStopped, onRead }: ReadOptions,
): string | null {
  for (let position = 0; position < identity.size; ) {
    if (isStopped()) return null
    const read = readSync(fd, buffer, 0, Math.min(READ_BYTES, identity.size - position), position)
    if (read === 0) return null
    hash.update(buffer.subarray(0, read))
    position += read
    onRead(position)
  }
  return isSame(readIdentitySync(fd), identity) ? hash.digest('hex') : null
}

/** The file system of a file that is about to be read, if its digest may be remembered; else null. */
function findSystem({ fd, identity }: RegularFile, knowledge: Knowledge): bigint | null {
  const lack = findLack(identity, knowledge)
  const isShown = lack === null || (lack === 'sync' && writeOut(fd))
  return isShown ? (knowledge.system?.id ?? null) : null
}

/** Writes out what was stored through mappings, so that the next store shows. Returns whether it did. */
function writeOut(fd: number): boolean {
  try {
    fdatasyncSync(fd)
    return true
  } catch {
    // A full or failing disk: the digest is not remembered.
    return false
  }
}
