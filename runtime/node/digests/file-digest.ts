import { createHash } from 'node:crypto'
import { fdatasyncSync, readSync } from 'node:fs'
import type { Content } from '../disk/disk-messages.ts'
import { isSame, readIdentitySync } from '../files/identity.ts'
import type { RegularFile } from '../files/regular-file.ts'
import { READ_BYTES } from '../limits.ts'
import { findLack, type Knowledge } from './belief.ts'

interface HashOptions extends Knowledge {
  /** Called before every read. */
  readonly isStopped: () => boolean
  /** Called after every read, with the bytes read so far. */
  readonly onRead: (bytes: number) => void
}

const buffer = new Uint8Array(READ_BYTES)

/** Hashes an open file on the calling thread; null when it is stopped, or when the file changes meanwhile. */
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
  if (!isSame(readIdentitySync(fd), identity)) return null
  return { identity, digest: hash.digest('hex'), readAt: Math.floor(options.now), systemId }
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
