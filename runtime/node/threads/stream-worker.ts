import { createHash, type Hash } from 'node:crypto'
import { closeSync } from 'node:fs'
import type { Digest } from '../../../functions/wire/digest.ts'
import { changedWhileReadError, integrityError } from '../../../functions/wire/errors.ts'
import type { ByteRange } from '../../../functions/wire/fields/ranges.ts'
import type { Content } from '../disk/disk-messages.ts'
import { toIoError } from '../files/errno.ts'
import { allocate, isSame, readIdentitySync, readUpTo } from '../files/identity.ts'
import { CHUNK_BYTES } from '../limits.ts'
import { type Trouble, toTrouble } from './messages.ts'
import { runProgram } from './program.ts'

// A thread that reads large files and hashes what it reads.

/** Takes over a descriptor and reads from it, reads on, or closes it. */
export type StreamQuestion =
  | { readonly id: number; readonly begin: Source }
  | { readonly id: number; readonly next: true }
  | { readonly id: number; readonly end: true }

export interface Source {
  readonly fd: number
  readonly content: Content
  readonly range: ByteRange
}

/** The next bytes, null after the last of them, or an error. */
export type StreamAnswer =
  | { readonly bytes: Uint8Array<ArrayBuffer> | null }
  /** `digestSoFar` is the digest of all bytes before, null for those of a part. */
  | { readonly trouble: Trouble; readonly digestSoFar: Digest | null }

interface Reading extends Source {
  /** Null for a part, which has no digest of its own. */
  readonly hash: Hash | null
  /** The hash before the bytes that were read last. */
  before: Hash | null
  position: number
}

const readings = new Map<number, Reading>()

function begin(id: number, source: Source): void {
  const { content, range } = source
  const isWhole = range.length === content.identity.size
  const hash = isWhole ? createHash('sha256') : null
  readings.set(id, { ...source, hash, before: hash, position: range.offset })
}

function answerNext(id: number): StreamAnswer {
  const reading = readings.get(id)
  if (reading === undefined) return { bytes: null }
  try {
    const bytes = readNext(reading)
    if (isAtEnd(reading)) end(id)
    return { bytes }
  } catch (error) {
    end(id)
    const digestSoFar = reading.before?.digest('hex') ?? null
    return { trouble: toTrouble(toIoError(error, 'read')), digestSoFar }
  }
}

/** Returns the last bytes only when all of them, and the file, have proved to be the announced content. */
function readNext(reading: Reading): Uint8Array<ArrayBuffer> {
  const { fd, range, hash } = reading
  reading.before = hash?.copy() ?? null
  const length = Math.min(CHUNK_BYTES, range.offset + range.length - reading.position)
  const bytes = readUpTo(fd, allocate(length), reading.position)
  if (bytes.length < length) throw changedWhileReadError()
  hash?.update(bytes)
  reading.position += bytes.length
  if (isAtEnd(reading)) requireGenuine(reading)
  return bytes
}

function isAtEnd({ position, range }: Reading): boolean {
  return position === range.offset + range.length
}

function requireGenuine({ fd, content, hash }: Reading): void {
  if (!isSame(readIdentitySync(fd), content.identity)) throw changedWhileReadError()
  if (hash === null || hash.digest('hex') === content.digest) return
  // Where times show every change, the disk returned other bytes; elsewhere the file may have changed.
  throw content.systemId !== null ? integrityError() : changedWhileReadError()
}

function end(id: number): void {
  const reading = readings.get(id)
  readings.delete(id)
  if (reading !== undefined) closeSync(reading.fd)
}

runProgram<undefined, StreamQuestion, StreamAnswer, never>(() => ({
  answer(question) {
    const { id } = question
    if ('begin' in question) begin(id, question.begin)
    if ('end' in question) end(id)
    return answerNext(id)
  },
  transfer: (answer) => ('bytes' in answer && answer.bytes ? [answer.bytes.buffer] : []),
}))
