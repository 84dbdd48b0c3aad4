import { createHash, type Hash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { Digest } from '../../functions/wire/digest.ts'
import type { ByteRange } from '../../functions/wire/ranges.ts'
import { StorageError } from '../../functions/wire/trouble.ts'
import { type Content, type Trouble, toTrouble } from './disk-messages.ts'
import { toIoError } from './errno.ts'
import { changed } from './file-digest.ts'
import { isSame } from './identity.ts'
import { CHUNK_BYTES } from './limits.ts'
import { allocate, readIdentitySync, readUpTo } from './sync-reads.ts'
import { endThread } from './thread-program.ts'

/** What the thread is told: to take over a descriptor, to read on in it, to be done with it, or to end. */
export type StreamMessage =
  | { readonly id: number; readonly begin: Source }
  | { readonly id: number; readonly next: true }
  | { readonly id: number; readonly end: true }
  | 'close'

/** A part of an open file. */
export interface Source {
  readonly fd: number
  readonly content: Content
  readonly range: ByteRange
}

/** The answer to each `next` and `end`: bytes, null after the last of them, or why there are none. */
export type StreamReply = { readonly id: number } & (
  | { readonly bytes: Uint8Array<ArrayBuffer> | null }
  /** `given` is the digest of all bytes before, null for those of a part. */
  | { readonly trouble: Trouble; readonly given: Digest | null }
)

interface Reading extends Source {
  /** Absent for a part, which no digest tells anything of. */
  readonly hash: Hash | null
  /** As it was before the bytes that were read last. */
  before: Hash | null
  position: number
}

// A thread that reads large files for those who send them, and hashes what it reads.

const readings = new Map<number, Reading>()

function begin(id: number, source: Source): void {
  const { content, range } = source
  const isWhole = range.length === content.identity.size
  const hash = isWhole ? createHash('sha256') : null
  readings.set(id, { ...source, hash, before: hash, position: range.offset })
}

function answer(id: number): StreamReply {
  const reading = readings.get(id)
  if (reading === undefined) return { id, bytes: null }
  try {
    const bytes = readNext(reading)
    if (isAtEnd(reading)) end(id)
    return { id, bytes }
  } catch (error) {
    end(id)
    const given = reading.before?.digest('hex') ?? null
    return { id, trouble: toTrouble(toIoError(error, 'read')), given }
  }
}

/** The last bytes are given out only when the whole has proved to be what it was said to be. */
function readNext(reading: Reading): Uint8Array<ArrayBuffer> {
  const { fd, range, hash } = reading
  reading.before = hash?.copy() ?? null
  const length = Math.min(CHUNK_BYTES, range.offset + range.length - reading.position)
  const bytes = readUpTo(fd, allocate(length), reading.position)
  if (bytes.length < length) throw changed()
  hash?.update(bytes)
  reading.position += bytes.length
  if (isAtEnd(reading)) requireGenuine(reading)
  return bytes
}

function isAtEnd({ position, range }: Reading): boolean {
  return position === range.offset + range.length
}

function requireGenuine({ fd, content, hash }: Reading): void {
  if (!isSame(readIdentitySync(fd), content.identity)) throw changed()
  if (hash === null || hash.digest('hex') === content.digest) return
  // Where the times do not show every change, the file counts as changed; where they do, the disk returned other bytes.
  throw content.systemId !== null
    ? new StorageError('integrity', 'the bytes contradict their digest')
    : changed()
}

function end(id: number): void {
  const reading = readings.get(id)
  readings.delete(id)
  if (reading !== undefined) closeSync(reading.fd)
}

function reply(message: StreamReply): void {
  parentPort?.postMessage(message, 'bytes' in message && message.bytes ? [message.bytes.buffer] : [])
}

parentPort?.on('message', (message: StreamMessage) => {
  if (message === 'close') return endThread()
  if ('begin' in message) return begin(message.id, message.begin)
  if ('end' in message) end(message.id)
  reply(answer(message.id))
})
